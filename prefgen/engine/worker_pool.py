"""The further processes of a run: started, told what to replay, listened to, ended."""

import asyncio
import json
import os
import socket
import sqlite3
import subprocess
import sys
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from prefgen.engine.partitions import FOLDER, PartitionFeed, ReplayEstimate
from prefgen.engine.run_folder import remove_folder
from prefgen.engine.segment import Order
from prefgen.recipe.build import Pipeline

PARTITIONS_A_PROCESS = 8
"""So many that all processes end at about the same time."""
LEAST_RECORDS = 2000
"""Records with known replies from which on other processes, which take half a second to start, are worth it.
"""
MOST_PROCESSES = 8
LONG_JOURNAL = 2**20
"""Bytes of a journal from which on a run may well be a replay: then processes start while its prompts are
read.

Neither matters where the recipe names a number of processes.
"""


def cores() -> int:
    """How many processors this process may use for replaying: one where no process can be given pipes to
    watch (Windows).
    """
    if os.name != "posix":
        return 1
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def further_processes(pipeline: Pipeline) -> int:
    """How many processes may help.

    None for simulated replies, which the journal does not have, and none where each would have to read a
    model's weights to know what it is.
    """
    if pipeline.simulated or any(model.backend.loads_weights for model in pipeline.models.values()):
        return 0
    wanted = pipeline.recipe.run.processes
    return (min(cores(), MOST_PROCESSES) if wanted == "auto" else wanted) - 1


class Worker:
    """One further process, which gets ready as soon as it is made; it ends when its pipe to the run does.

    It answers over a socket: of a pipe uvloop and Python would each close the number, of which the second may
    be another file's by then.
    """

    def __init__(self, name: str, job: bytes) -> None:
        self.name = name
        self._answers, theirs = socket.socketpair()
        try:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "prefgen.engine.partition_worker"],
                stdin=subprocess.PIPE,
                stdout=theirs.fileno(),
                stderr=subprocess.DEVNULL,
                start_new_session=True,  # Ctrl-C is for the run
            )
        except OSError:
            self._answers.close()
            raise
        finally:
            theirs.close()
        self._tell(job)

    def begin(self, segment: int, partitions: int, order: Order) -> None:
        """Say which segment is divided, how its records are ordered, and into how many partitions."""
        task = {"segment": segment, "partitions": partitions, "order": order, "owner": self.name}
        self._tell(json.dumps(task).encode())

    def _tell(self, line: bytes) -> None:
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(line + b"\n")
            self.process.stdin.flush()
        except OSError:
            pass  # it is no more: that is noticed where its answers are read

    @asynccontextmanager
    async def answers(self) -> AsyncGenerator[asyncio.StreamReader]:
        """What it says, while the block runs: a line for each partition that it has replayed."""
        reader, writer = await asyncio.open_connection(sock=self._answers)
        try:
            yield reader
        finally:
            writer.close()

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        self._answers.close()
        if self.process.stdin is not None:
            with suppress(OSError):  # what was not said yet
                self.process.stdin.close()


class WorkerPool:
    """The further processes of a run, at most `most` of them."""

    def __init__(self, pipeline: Pipeline, out: Path, journal: Path, most: int) -> None:
        self._is_told = pipeline.recipe.run.processes != "auto"
        self._journal = journal
        self._most = most
        self.folder = out / FOLDER
        self._job = job_line(pipeline, out, journal)
        self._workers: list[Worker] = []

    def prepare(self) -> None:
        """Start them before it is known whether they are of use, where the journal is long: a new run may
        well be a replay.
        """
        least = 1 if self._is_told else LONG_JOURNAL
        if self._journal.is_file() and self._journal.stat().st_size >= least:
            self._start()

    def are_worth_it(self, estimate: ReplayEstimate) -> bool:
        """Whether a segment of which so many records have replies is divided."""
        return self._most > 0 and estimate.replied >= (1 if self._is_told else LEAST_RECORDS)

    def _start(self) -> None:
        try:
            while len(self._workers) < self._most:
                self._workers.append(Worker(f"worker-{len(self._workers)}", self._job))
        except OSError:  # there may be no more processes to be had
            pass

    def begin(self, segment: int, order: Order) -> list[Worker]:
        """Those that take partitions of a segment from now on, until `close`; none where none can be had."""
        self._start()
        remove_folder(self.folder)
        self.folder.mkdir(parents=True)
        for worker in self._workers:
            worker.begin(segment, self.partitions, order)
        return self._workers

    @property
    def partitions(self) -> int:
        return PARTITIONS_A_PROCESS * (len(self._workers) + 1)

    def close(self) -> None:
        """End them all, whatever they are at; others can be started for another segment."""
        for worker in self._workers:
            worker.close()
        self._workers = []
        remove_folder(self.folder)


def job_line(pipeline: Pipeline, out: Path, journal: Path) -> bytes:
    """What a process needs to come to the same pipeline."""
    job = {
        "data": pipeline.loaded.data,
        "folder": str(pipeline.loaded.folder),
        "fingerprint": pipeline.fingerprint,
        "out": str(out),
        "journal": str(journal),
        "path": sys.path,
    }
    return json.dumps(job).encode()


async def merge_answers(
    worker: Worker,
    feed: PartitionFeed,
    merge: Callable[[int, Mapping[str, Any]], Sequence[int]],
    more: Callable[[], None],
) -> None:
    """Merge each partition that a process has replayed; all of it when it dies goes back to the feed.

    `merge` returns the positions that are finished; `more` is called when there is more to do here.
    """
    try:
        async with worker.answers() as lines:
            while line := await lines.readline():
                answer = json.loads(line)
                feed.merge(answer["partition"], merge(answer["partition"], answer))
                more()
    except (OSError, ValueError, sqlite3.Error):
        pass  # it died in the middle of a line, or what it wrote cannot be read
    finally:
        for partition in feed.claimed_by(worker.name):
            feed.give_back(partition, feed.members[partition])
        more()
