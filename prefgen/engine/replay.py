"""Replaying on every core: further processes work through what the journal holds already.

A replayer is lent positions and gives back what the run's own process then writes, which stays the only one that does. It asks nobody: a record that
would need a reply which is not there comes back as far as it came, and the run goes on with it. So it does with everything where a replayer cannot
build the recipe, or dies.
"""

import asyncio
import math
import os
import pickle
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from prefgen.calls.ask import CallContext
from prefgen.engine.record_store import RecordStore, StateRow
from prefgen.recipe.build import Pipeline
from prefgen.stages.stage import Stage

LENT = 200
"""Records that a replayer gets at once: two tenths of a second of work."""
LEAST = 2000
"""Records with known replies from which on other processes, which take half a second to start, are worth it."""
MOST_PROCESSES = 8
LONG_JOURNAL = 2**20
"""Bytes of a journal from which on a run may well be a replay: then processes start while its prompts are read."""


@dataclass(frozen=True)
class Job:
    """What a replayer needs to work on a segment of the same run."""

    data: Mapping[str, Any]
    folder: Path
    built: object
    out: Path
    journal: Path
    segment: int
    path: Sequence[str]
    """Where modules of plug-ins are looked for."""


@dataclass(frozen=True)
class Replayed:
    """What became of a chunk: rows for the spool, stages that records passed, and counts for whoever watches."""

    rows: Sequence[StateRow]
    passed: Sequence[tuple[str, str, bytes]]
    stages: Mapping[str, tuple[int, int]]
    replies: Mapping[str, int]
    says: Sequence[str]


def cores() -> int:
    """How many processors this process may use for replaying: one where no process can be given a socket (Windows)."""
    if os.name != "posix":
        return 1
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass(frozen=True)
class Known:
    """About how many records the journal has replies for, and whether all have passed the last stage before."""

    replied: float
    all_passed: bool


def known_of(
    calls: CallContext, spool: RecordStore, segment: int, steps: Sequence[Stage], todo: Sequence[int]
) -> Known:
    """What the journal knows of the records at `todo`, by a hundred of them."""
    some = todo[:: math.ceil(len(todo) / 100) or 1]
    if not some or not steps:
        return Known(0, False)
    ids = [record.id for record in spool.input(segment, some).values()]
    replied = sum(bool(found.rows) for found in calls.journal.replies_for_records(ids))
    passed = calls.progress_journal.count_completed(ids, calls.stage_key(steps[-1].identity))
    return Known(len(todo) * replied / len(some), passed == len(some))


def further_processes(pipeline: Pipeline) -> int:
    """How many processes may help.

    None for simulated replies, which the journal does not have, and none where each would have to read a model's weights to know what it is.
    """
    if pipeline.simulated or any(hasattr(model.backend, "described") for model in pipeline.models.values()):
        return 0
    wanted = pipeline.recipe.run.processes
    return (min(cores(), MOST_PROCESSES) if wanted == "auto" else wanted) - 1


class Replayers:
    """The further processes of a run."""

    def __init__(self, pipeline: Pipeline, out: Path, journal: Path) -> None:
        self._pipeline, self._out, self._journal = pipeline, out, journal
        self._ready: list[Replayer] = []

    def get_ready(self) -> None:
        """Start them before it is known whether they are of use, where the journal is long: a new run may well be a replay."""
        if self._journal.is_file() and self._journal.stat().st_size >= LONG_JOURNAL:
            self._start()

    def _start(self) -> None:
        try:
            while len(self._ready) < further_processes(self._pipeline):
                self._ready.append(Replayer())
        except OSError:  # there may be no more processes to be had
            pass

    async def begin(self, segment: int) -> "list[Replayer]":
        """Those that work on a segment from now on, until `close`."""
        loaded, built = self._pipeline.loaded, self._pipeline.fingerprint
        try:
            job = framed(Job(loaded.data, loaded.folder, built, self._out, self._journal, segment, sys.path))
        except TypeError:  # a recipe made in Python may hold what no other process can have
            return []
        self._start()
        for replayer in self._ready:
            await replayer.begin(job)
        return self._ready

    def close(self) -> None:
        """End them all, whatever they are at; others can be started for another segment."""
        for replayer in self._ready:
            replayer.close()
        self._ready = []


class Replayer:
    """One process, which gets ready as soon as it is made; it ends when its line to the run does.

    Lists of positions may be sent ahead: answers come in their order.
    """

    def __init__(self) -> None:
        self._line, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "prefgen.engine.replayer"],
                stdin=theirs.fileno(),
                stdout=theirs.fileno(),
                stderr=subprocess.DEVNULL,
                start_new_session=True,  # Ctrl-C is for the run
            )
        self._writer: asyncio.StreamWriter | None = None

    async def begin(self, job: bytes) -> None:
        """Say what there is to work on, as `framed` spells a Job."""
        self._reader, self._writer = await asyncio.open_connection(sock=self._line, limit=2**24)
        self._writer.write(job)

    def send(self, positions: Sequence[int]) -> None:
        """Ask for the records at these positions; a process that is no more is noticed by its answer."""
        assert self._writer is not None, "begin comes first"
        self._writer.write(framed(positions))

    async def answer(self) -> Replayed | None:
        """What became of the records that were asked for first and not answered yet; None when the process is no more."""
        try:
            size = int.from_bytes(await self._reader.readexactly(8))
            return pickle.loads(await self._reader.readexactly(size))  # noqa: S301 - from our own child
        except (OSError, asyncio.IncompleteReadError):
            return None

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        (self._writer or self._line).close()


def framed(value: object) -> bytes:
    """A value as bytes, after 8 bytes that say how many. Raises TypeError for what cannot be handed to another process."""
    try:
        spelled = pickle.dumps(value, protocol=pickle.HIGHEST_PROTOCOL)
    except (pickle.PicklingError, AttributeError) as wrong:
        raise TypeError(str(wrong)) from None
    return len(spelled).to_bytes(8) + spelled


def unframed(pipe: IO[bytes]) -> object:
    """The next value, or None at the end."""
    size = int.from_bytes(pipe.read(8))
    return pickle.loads(pipe.read(size)) if size else None  # noqa: S301 - from the run that started this process
