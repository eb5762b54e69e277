"""Replaying on every core: a segment is divided into partitions, and each process takes one after the other.

A record's partition is a hash of its id modulo the number of partitions. A further process replays a
partition as an ordinary run that reads the journal, asks nobody and writes a record store of its own; this
process merges that store when it is whole. It takes partitions itself meanwhile. What a process does not
finish comes back to this one; so does everything of one that dies.
"""

import asyncio
import hashlib
import json
import math
import os
import socket
import sqlite3
import subprocess
import sys
from collections import deque
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prefgen.calls.context import CallContext
from prefgen.engine.record_store import RecordStore
from prefgen.engine.run_folder import remove_folder
from prefgen.recipe.build import Pipeline
from prefgen.stages.stage import Stage

FOLDER = "partitions"
PARTITIONS_A_PROCESS = 4
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


@dataclass(frozen=True)
class ReplayEstimate:
    """About how many records the journal has replies for, and whether all have passed the last stage
    before.
    """

    replied: float
    all_passed: bool


def estimate_replay(
    context: CallContext, store: RecordStore, segment: int, stages: Sequence[Stage], positions: Sequence[int]
) -> ReplayEstimate:
    """What the journal knows of the records at `positions`, by a hundred of them."""
    sample = positions[:: math.ceil(len(positions) / 100) or 1]
    if not sample or not stages:
        return ReplayEstimate(0, False)
    ids = [record.id for record in store.input(segment, sample).values()]
    replied = sum(bool(cached.rows) for cached in context.journals.project.replies_for_records(ids))
    passed = context.journals.progress.count_completed(ids, context.stage_key(stages[-1].identity))
    return ReplayEstimate(len(positions) * replied / len(sample), passed == len(sample))


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


def partition_of(record_id: str, partitions: int) -> int:
    """The partition of a record: the same on every machine."""
    return int.from_bytes(hashlib.blake2b(record_id.encode(), digest_size=8).digest(), "big") % partitions


def members_of(store: RecordStore, segment: int, partitions: int) -> dict[int, list[int]]:
    """{partition: the positions of its records that are not finished}."""
    done = store.done(segment)
    members: dict[int, list[int]] = {}
    for position, record_id in store.input_ids(segment):
        if position not in done:
            members.setdefault(partition_of(record_id, partitions), []).append(position)
    return members


def claim(folder: Path, partition: int, owner: str) -> bool:
    """Take a partition, unless another process was faster."""
    try:
        with (folder / f"{partition}.claim").open("x") as file:
            file.write(owner)
    except FileExistsError:
        return False
    return True


def owner_of(folder: Path, partition: int) -> str | None:
    """Who has claimed a partition."""
    try:
        return (folder / f"{partition}.claim").read_text()
    except OSError:
        return None


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

    def begin(self, segment: int, partitions: int) -> None:
        """Say which segment is divided, and into how many partitions."""
        self._tell(json.dumps({"segment": segment, "partitions": partitions, "owner": self.name}).encode())

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

    def begin(self, segment: int) -> "list[Worker]":
        """Those that take partitions of a segment from now on, until `close`; none where none can be had."""
        self._start()
        remove_folder(self.folder)
        self.folder.mkdir(parents=True)
        for worker in self._workers:
            worker.begin(segment, self.partitions)
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


class PartitionFeed:
    """The positions of this process: of partitions that it claims, and of those that others gave back.

    `members` is {partition: positions}; `owner` names this process among the claims.
    """

    def __init__(self, folder: Path, members: Mapping[int, Sequence[int]], owner: str = "run") -> None:
        self.folder, self.members = folder, members
        self.merged = 0
        """Records that others have replayed."""
        self._owner = owner
        self._left: deque[int] = deque()
        self._open = set(members)
        """Partitions that others are at, or that nobody has claimed."""
        self._unclaimed = set(members)
        """Those that nobody has claimed, as far as is known here."""

    def take(self, most: int) -> Sequence[int]:
        while not self._left and self._claim_another():
            pass
        return [self._left.popleft() for _ in range(min(most, len(self._left)))]

    def _claim_another(self) -> bool:
        while self._unclaimed:
            partition = max(self._unclaimed)  # others begin with the first
            self._unclaimed.discard(partition)
            if claim(self.folder, partition, self._owner):
                self.give_back(partition, self.members[partition])
                return True
        return False

    def merge(self, partition: int, finished: Sequence[int]) -> None:
        """Another process has replayed a partition and finished these positions; what is left of it is worked
        on here.
        """
        self.merged += len(finished)
        self.give_back(partition, sorted(set(self.members[partition]).difference(finished)))

    def give_back(self, partition: int, positions: Sequence[int]) -> None:
        """What another process left of a partition is worked on here."""
        self._open.discard(partition)
        self._left.extend(positions)

    def claimed_by(self, owner: str) -> list[int]:
        """The partitions that a process has claimed and not handed over."""
        return [p for p in sorted(self._open) if owner_of(self.folder, p) == owner]

    def is_exhausted(self) -> bool:
        return not self._left and not self._open


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
