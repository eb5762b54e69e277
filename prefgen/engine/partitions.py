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
import sqlite3
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
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
    """About how many records the journal has replies for, and whether all have passed the last stage before."""

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


class Worker:
    """One further process, which gets ready as soon as it is made; it ends when its pipe to the run does."""

    def __init__(self, name: str, job: bytes) -> None:
        self.name = name
        self.process = subprocess.Popen(
            [sys.executable, "-m", "prefgen.engine.partition_worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C is for the run
        )
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

    async def answers(self) -> "asyncio.StreamReader":
        """What it says: a line for each partition that it has replayed."""
        assert self.process.stdout is not None
        reader = asyncio.StreamReader()
        protocol = asyncio.StreamReaderProtocol(reader)
        await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, self.process.stdout)
        return reader

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                try:
                    pipe.close()
                except OSError:
                    pass


class WorkerPool:
    """The further processes of a run."""

    def __init__(self, pipeline: Pipeline, out: Path, journal: Path) -> None:
        self._pipeline, self._journal = pipeline, journal
        self.folder = out / FOLDER
        self._job = job_line(pipeline, out, journal)
        self._workers: list[Worker] = []

    def prepare(self) -> None:
        """Start them before it is known whether they are of use, where the journal is long: a new run may
        well be a replay.
        """
        least = LONG_JOURNAL if self._pipeline.recipe.run.processes == "auto" else 1
        if self._journal.is_file() and self._journal.stat().st_size >= least:
            self._start()

    def are_worth_it(self, estimate: ReplayEstimate) -> bool:
        """Whether a segment of which so many records have replies is divided."""
        least = LEAST_RECORDS if self._pipeline.recipe.run.processes == "auto" else 1
        return estimate.replied >= least

    def _start(self) -> None:
        try:
            while len(self._workers) < further_processes(self._pipeline):
                self._workers.append(Worker(f"worker-{len(self._workers)}", self._job))
        except OSError:  # there may be no more processes to be had
            pass

    def begin(self, segment: int) -> "list[Worker]":
        """Those that take partitions of a segment from now on, until `close`; none where there are none."""
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


@dataclass
class PartitionFeed:
    """The positions of this process: of partitions that it claims, and of those that others gave back.

    `owner` names this process among the claims; `merged` is told of each partition that another replayed.
    """

    folder: Path
    members: Mapping[int, Sequence[int]]
    """{partition: positions}."""
    owner: str = "run"
    _left: deque[int] = field(default_factory=deque)
    _open: set[int] = field(default_factory=set)
    """Partitions that others are at, or that nobody has claimed."""
    _unclaimed: set[int] = field(default_factory=set)
    """Those that nobody has claimed, as far as is known here."""

    def __post_init__(self) -> None:
        self._open, self._unclaimed = set(self.members), set(self.members)

    def take(self, most: int) -> Sequence[int]:
        while not self._left and self._claim_another():
            pass
        return [self._left.popleft() for _ in range(min(most, len(self._left)))]

    def _claim_another(self) -> bool:
        while self._unclaimed:
            partition = max(self._unclaimed)  # others begin with the first
            self._unclaimed.discard(partition)
            if claim(self.folder, partition, self.owner):
                self.give_back(partition, self.members[partition])
                return True
        return False

    def give_back(self, partition: int, positions: Sequence[int]) -> None:
        """What another process left of a partition is worked on here."""
        self._open.discard(partition)
        self._left.extend(positions)

    def claimed_by(self, owner: str) -> list[int]:
        """The partitions that a process has claimed and not handed over."""
        return [p for p in sorted(self._open) if _owner_of(self.folder, p) == owner]

    def is_exhausted(self) -> bool:
        return not self._left and not self._open


def _owner_of(folder: Path, partition: int) -> str | None:
    try:
        return (folder / f"{partition}.claim").read_text()
    except OSError:
        return None


async def merge_answers(
    worker: Worker,
    feed: PartitionFeed,
    merge: Callable[[int, Mapping[str, Any]], Sequence[int]],
    more: Callable[[], None],
) -> None:
    """Merge each partition that a process has replayed; what it left, and all of it when it dies, goes back
    to the feed.

    `merge` returns the positions that are finished; `more` is called when there is more to do here.
    """
    try:
        reader = await worker.answers()
        while line := await reader.readline():
            answer = json.loads(line)
            partition = answer["partition"]
            finished = set(merge(partition, answer))
            left = [position for position in feed.members[partition] if position not in finished]
            feed.give_back(partition, left)
            more()
    except (OSError, ValueError, sqlite3.Error):
        pass  # it died in the middle of a line, or what it wrote cannot be read
    finally:
        for partition in feed.claimed_by(worker.name):
            feed.give_back(partition, feed.members[partition])
        more()
