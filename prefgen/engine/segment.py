"""A segment: every record goes through all stages between two curators on its own; there is no barrier between stages.

The window counts records that are working. Finished ones are in the spool, suspended ones keep only their position, so that one slow
record never holds up the rest.
"""

import asyncio
import hashlib
import time
from collections import deque
from collections.abc import Callable, Container, Sequence
from functools import partial
from itertools import count, islice
from typing import Any, Literal

import orjson

from prefgen.calls.ask import CallContext, Manner, PluginAsk
from prefgen.calls.journal import CachedReplies
from prefgen.calls.record_calls import RecordCalls
from prefgen.calls.tally import Usage
from prefgen.engine.output import yield_counts
from prefgen.engine.progress import Progress
from prefgen.engine.record_store import RecordStore
from prefgen.engine.replay import LENT, Replayed, Replayer
from prefgen.engine.watchdog import BlockedLoop
from prefgen.errors import PluginError, PrefgenError
from prefgen.stages import annotate, filter, judge, pair, revise, sample, synthesize
from prefgen.stages.stage import Stage, StagePlugin
from prefgen.tables import Table
from prefgen.types import Failure, Record, content_id

ANSWERING = ("sample", "revise")
"""Stages whose asks answer the prompt: its tools are offered there, and not to those who judge the answers."""
STAGES = {
    "annotate": annotate.run,
    "sample": sample.run,
    "revise": revise.run,
    "judge": judge.run,
    "filter": filter.run,
    "pair": pair.run,
}


Order = Literal["hash", "file", "last first"]
READ_AHEAD = 32
REPLAYED_AT_ONCE = 8
"""Records at work where nobody waits for a server: more only make each turn of the event loop longer."""


class SegmentRun:
    """One pass over the records of a segment that are not finished."""

    def __init__(
        self,
        number: int,
        steps: Sequence[Stage],
        spool: RecordStore,
        calls: CallContext,
        progress: Progress,
        *,
        window: int,
        replays: bool,
        order: Order,
        stage_timeout: float,
        first_sample: str | None,
        position_done: Callable[[int], None],
        pool: Table | None = None,
    ) -> None:
        self._number = number
        self._steps = steps
        self._first_sample = first_sample
        self._spool = spool
        self._calls = calls
        self._progress = progress
        self._window = min(REPLAYED_AT_ONCE, window) if replays else window
        self._full_window = window
        self._manners: dict[int, dict[tuple[Any, ...], Manner]] = {}
        """How each plug-in, by its id(), asks."""
        self._in_order_of = order
        self._stage_timeout = stage_timeout
        self._position_done = position_done
        self._pool = "" if pool is None else f":{content_id('pool', pool.ids())}"
        """What synthesizers see beside their seed is part of what they are asked in."""
        self._stages = (
            STAGES if pool is None else {**STAGES, "synthesize": partial(synthesize.run, pool=pool)}
        )
        self._tasks: dict[RecordCalls, asyncio.Task[None]] = {}
        self._idle = asyncio.Event()
        self.bug: BaseException | None = None
        self.waiting = 0
        self.lost = 0

    async def run(
        self, positions: Sequence[int] | None = None, *, replayers: Sequence[Replayer] = ()
    ) -> None:
        """Work until every record (or each at `positions`, from its beginning) is finished, suspended or lost, or the run was stopped.

        `replayers` take what the journal knows in the order of the prompts, so that one shard after the other can be written.
        """
        self._begun = self._spool.begun(self._number) if positions is None else set[int]()
        todo = self._unfinished() if positions is None else positions
        self._todo = deque(todo)
        self._count = len(todo)
        self._order = count()
        self._taken: set[int] = set()
        self._to_lend = iter(sorted(todo) if replayers else ())
        self._ready: deque[tuple[int, int, Record, CachedReplies]] = deque()
        watch = asyncio.create_task(self._watch())
        self._helping = {asyncio.create_task(self._helped_by(replayer)) for replayer in replayers}
        for task in self._helping:
            task.add_done_callback(self._helper_ended)
        try:
            with BlockedLoop(self._calls.stats.notify):
                self._start_more()
                await self._idle.wait()
        finally:
            for task in (watch, *self._helping, *self._tasks.values()):
                task.cancel()
            self._spool.commit()
        if self.bug is not None and not isinstance(self.bug, PrefgenError):
            raise self.bug  # ours, and not explained: the traceback is wanted

    def abandon(self) -> None:
        """Stop at once: every record is cancelled where it is."""
        for task in self._tasks.values():
            task.cancel()
        if not self._tasks:
            self._idle.set()  # whatever a replayer is at

    def _start_more(self) -> None:
        while (
            len(self._tasks) < self._window and not self._calls.stopped and (self._ready or self._get_ready())
        ):
            order, position, record, known = self._ready.popleft()
            passed, failures, tally = 0, [], None
            if position in self._begun:
                passed, record, failures, tally = self._spool.suspended(self._number, position)
            run = RecordCalls(record.id, order, self._stalled, known)
            if tally:
                run.usage = Usage.load(tally)
            task = asyncio.create_task(self._work(run, position, passed, record, failures))
            self._tasks[run] = task
            task.add_done_callback(lambda ended, run=run: self._ended(run, ended))
        if not self._tasks and (self._calls.stopped or not self._helping):
            self._idle.set()

    async def _helped_by(self, replayer: Replayer) -> None:
        """Lend records to another process as long as it finishes most of them; what it does not finish is done here."""
        lent: deque[list[int]] = deque()
        useful = True
        while True:
            while useful and len(lent) < 2 and not self._calls.stopped and (more := self._lend()):
                lent.append(more)
                replayer.send(more)
            if not lent:
                return
            found = await replayer.answer()
            finished = self._take_back(found) if found else set[int]()
            back = lent.popleft()
            useful = len(finished) > len(back) / 2
            self._give_back(back, finished)

    def _helper_ended(self, task: "asyncio.Task[None]") -> None:
        self._helping.discard(task)
        self._stop_at_a_bug_of(task)
        self._start_more()

    def _give_back(self, lent: Sequence[int], finished: Container[int]) -> None:
        left = [position for position in reversed(lent) if position not in finished]
        self._todo.extendleft(left)
        self._taken.difference_update(left)
        self._start_more()

    def _lend(self) -> list[int]:
        """So many that are left that all processes end at about the same time."""
        share = (self._count - len(self._taken)) // (3 * (len(self._helping) + 1))
        most = min(LENT, max(LENT // 10, share))
        lent = list(islice((position for position in self._to_lend if position not in self._taken), most))
        self._taken.update(lent)
        return lent

    def _take_back(self, found: Replayed) -> set[int]:
        """Store what a replayer came to; returns the positions that are finished."""
        finished: set[int] = set()
        rows = [row for row in found.rows if row[3] or row[1] not in self._begun]
        self._spool.put(rows)
        for _, position, _, is_done, *_, counts in rows:
            if is_done and counts is not None:
                finished.add(position)
                self._progress.finished += 1
                self._progress.pairs += orjson.loads(counts)["pairs"]
                self._position_done(position)
            else:
                self._begun.add(position)
        if len(finished) < len(rows):
            self._spool.commit()  # what was only begun is read again
        for passed in found.passed:
            self._calls.progress_journal.stage_completed(*passed)
        for label, (done, failed) in found.stages.items():
            tally = self._progress.stage(label)
            tally.done += done
            tally.failed += failed
        for name, replies in found.replies.items():
            self._calls.stats.model(name).replayed += replies
        for line in found.says:
            self._calls.stats.notify(line)
        return finished

    def _get_ready(self) -> bool:
        """Read what comes next, and what the journal knows of it: one look for many records costs a fraction of one look a record."""
        some: list[int] = []
        while self._todo and len(some) < READ_AHEAD:
            position = self._todo.popleft()
            if position not in self._taken:
                self._taken.add(position)
                some.append(position)
        if some:
            records = self._spool.input(self._number, some)
            known = self._calls.journal.replies_for_records([records[position].id for position in some])
            self._ready.extend(
                (next(self._order), position, records[position], found)
                for position, found in zip(some, known, strict=True)
            )
        return bool(some)

    def _unfinished(self) -> list[int]:
        done = self._spool.done(self._number)
        todo = [
            (position, row_id)
            for position, row_id in self._spool.input_ids(self._number)
            if position not in done
        ]
        if self._in_order_of == "hash":
            todo.sort(key=lambda item: hashlib.blake2b(item[1].encode(), digest_size=8).digest())
        elif self._in_order_of == "last first":
            todo.reverse()
        return [position for position, _ in todo]

    def _ended(self, run: RecordCalls, task: "asyncio.Task[None]") -> None:
        self._tasks.pop(run, None)
        if task.cancelled():
            self.lost += 1  # never silently: it is neither finished nor suspended
        self._stop_at_a_bug_of(task)
        self._start_more()

    def _stop_at_a_bug_of(self, task: "asyncio.Task[None]") -> None:
        if not task.cancelled() and task.exception() is not None and self.bug is None:
            self.bug = task.exception()
            self._calls.stop(_as_stop(self.bug))

    def _stalled(self, run: RecordCalls) -> None:
        """Nothing but suspended asks is left of a record: give its place to another."""
        task = self._tasks.get(run)
        if task is not None:
            task.cancel()

    async def _work(
        self, run: RecordCalls, position: int, passed: int, record: Record, failures: list[Failure]
    ) -> None:
        for number in range(passed, len(self._steps)):
            step = self._steps[number]
            tally = self._progress.stage(step.label)
            run.stage_key = self._calls.stage_key(step.identity, self._pool)
            tally.active += 1
            try:
                grown, lost = await self._stages[step.kind](
                    step, record, lambda plugged: self._asker(run, step, plugged, record)
                )
            except PluginError:
                if not (run.suspended and (task := asyncio.current_task()) is not None and task.cancelling()):
                    raise
                self._suspend(
                    run, position, number, record, failures
                )  # the plug-in made an error of its own of the cancellation
                return
            except asyncio.CancelledError:
                if run.timed_out:
                    late = Failure(
                        record_id=record.id, stage=step.label, plugin=step.label, code="stage_timeout",
                        reason=f"spent over {self._stage_timeout:g} s outside ask",
                    )  # fmt: skip
                    tally.failed += 1
                    self._finish(run, position, record, [*failures, late])
                    return
                task = asyncio.current_task()
                if task is not None and not task.cancelling():
                    raise PluginError(
                        f"a plug-in of stage {step.label!r} was cancelled from within, on record {record.id[:12]}"
                    ) from None
                if not run.suspended and not self._calls.stopped:
                    raise
                self._suspend(run, position, number, record, failures)
                return
            finally:
                tally.active -= 1
            if (
                run.suspended
            ):  # the plug-in caught the cancellation: what it returned was made without its replies
                self._suspend(run, position, number, record, failures)
                return
            run.count_stage()
            record = grown
            failures = [*failures, *lost]
            tally.done += 1
            tally.failed += len(lost)
            self._calls.progress_journal.stage_completed(record.id, run.stage_key, run.keys_digest())
        self._finish(run, position, record, failures)

    def _finish(self, run: RecordCalls, position: int, record: Record, failures: Sequence[Failure]) -> None:
        self._spool.save(
            self._number, position, len(self._steps), record, failures, run.usage.dump(), yield_counts(record)
        )
        self._progress.finished += 1
        self._progress.pairs += len(record.pairs)
        self._position_done(position)

    def _suspend(
        self, run: RecordCalls, position: int, passed: int, record: Record, failures: Sequence[Failure]
    ) -> None:
        if run.parked:
            self.waiting += 1
            self._progress.waiting += 1
        else:
            self.lost += 1
            self._progress.lost += 1
        if passed:
            self._spool.save(self._number, position, passed, record, failures, run.usage.dump())

    def _asker(self, run: RecordCalls, step: Stage, plugged: StagePlugin, record: Record) -> PluginAsk:
        return PluginAsk(
            self._calls,
            run,
            kind=step.kind,
            name=plugged.name,
            stage=step.label,
            seed=plugged.seed,
            overrides=plugged.overrides,
            manners=self._manners.setdefault(id(plugged), {}),
            tools=record.prompt.tools if step.kind in ANSWERING else (),
            sample_offset=self._sample_offset(step, plugged),
        )

    def _sample_offset(self, step: Stage, plugged: StagePlugin) -> int:
        """Samplers draw apart from each other, so that two that ask the same do not get the same answer; the first counts from 0.

        So do curators that ask: a prompt that is kept for a policy's answers must not be given just these.
        """
        if step.kind not in ("sample", "annotate") or (
            step.label == self._first_sample and plugged is step.plugins[0]
        ):
            return 0
        return (
            int.from_bytes(
                hashlib.blake2b(f"{step.label}/{plugged.name}".encode(), digest_size=4).digest(), "big"
            )
            * 1000
        )

    async def _watch(self) -> None:
        """Name a plug-in that hangs outside `ask`; time inside `ask` does not count. Widen the window where servers are waited for."""
        while True:
            await asyncio.sleep(min(1.0, self._stage_timeout / 4))
            now = time.monotonic()
            if self._window < self._full_window and any(
                run.in_flight for run in self._tasks
            ):  # not everything is known after all
                self._window = self._full_window
                self._start_more()
            for run, task in list(self._tasks.items()):
                if not run.in_flight and not run.suspended and now - run.last_active > self._stage_timeout:
                    run.timed_out = True
                    task.cancel()


def _as_stop(bug: BaseException | None) -> PrefgenError:
    return bug if isinstance(bug, PrefgenError) else PrefgenError(f"{type(bug).__name__}: {bug}")
