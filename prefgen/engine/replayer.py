"""`python -m prefgen.engine.replayer`: the process that `prefgen.engine.replay` starts. Reads a job and positions, writes what they came to."""

import asyncio
import os
import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack, ExitStack
from typing import IO, cast

from prefgen.calls.journal import Journal
from prefgen.engine.event_loop import collect_rarely, fast_loop
from prefgen.engine.marks import read_retries
from prefgen.engine.progress import Progress
from prefgen.engine.record_store import RecordStore, StateRow
from prefgen.engine.replay import Job, Replayed, framed, unframed
from prefgen.engine.run import Runner, RunOptions
from prefgen.recipe.build import build
from prefgen.recipe.load import recipe_from_data


class _UnwrittenSpool(RecordStore):
    """What would be written waits to be handed over."""

    def commit(self) -> None: ...

    def take(self) -> list[StateRow]:
        rows, self._saved = self._saved, []
        return rows


class _UnwrittenJournal(Journal):
    def complete(self, record: str, identity: str, keys: bytes) -> None:
        self._completed.append((record, identity, keys))

    def take(self) -> list[tuple[str, str, bytes]]:
        rows, self._completed = self._completed, []
        return rows


class _Replaying(Runner):
    async def serve(self, segment: int, asked: IO[bytes], answers: IO[bytes]) -> None:
        """Answer one list of positions after the other, until there are no more."""
        self._retries = read_retries(self.options.out)
        self._spool = spool = _UnwrittenSpool(self.options.out / "spool.sqlite")
        journal = _UnwrittenJournal(self.options.journal)
        with ExitStack() as closing:
            closing.callback(spool.close)
            closing.callback(journal.close)
            async with AsyncExitStack() as connections:
                calls = await self._connect(connections, journal, journal)
                calls.known_only = True
                while positions := cast("Sequence[int] | None", unframed(asked)):
                    await self._segment_run(
                        calls, segment, "file", None, lambda position: None, replays=True
                    ).run(positions)
                    answers.write(framed(self._taken(spool, journal)))
                    answers.flush()

    def _taken(self, spool: _UnwrittenSpool, journal: _UnwrittenJournal) -> Replayed:
        seen, self.progress.stages = self.progress.stages, {}
        replies = {name: tally.replayed for name, tally in self.progress.stats.models.items()}
        for tally in self.progress.stats.models.values():
            tally.replayed = 0
        stages = {label: (tally.done, tally.failed) for label, tally in seen.items()}
        return Replayed(spool.take(), journal.take(), stages, replies, self.progress.stats.notices)


def main() -> None:
    answers = os.fdopen(os.dup(1), "wb")
    quiet = os.open(os.devnull, os.O_WRONLY)
    os.dup2(quiet, 1)  # what a plug-in prints is no answer
    asked = sys.stdin.buffer
    job = unframed(asked)
    assert isinstance(job, Job)
    sys.path[:] = job.path
    pipeline = build(recipe_from_data(job.data, job.folder))
    if pipeline.fingerprint != job.built:
        sys.exit("this process does not come to the same recipe as the one that started it")
    collect_rarely()
    replaying = _Replaying(pipeline, RunOptions(job.out, job.journal, live=False), Progress())
    with asyncio.Runner(loop_factory=fast_loop()) as loop:
        loop.run(replaying.serve(job.segment, asked, answers))


if __name__ == "__main__":
    main()
