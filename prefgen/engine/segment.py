"""A segment: every record goes through all stages between two curators on its own; there is no barrier
between stages.

The records in flight are those that are working. Finished ones are in the store, suspended ones keep only
their position, so that one slow record never holds up the rest.
"""

import asyncio
import hashlib
import time
from collections import deque
from collections.abc import Sequence
from itertools import count
from typing import Literal, Protocol

from prefgen.calls.context import CallContext
from prefgen.calls.journal import CachedReplies
from prefgen.calls.record_calls import RecordCalls
from prefgen.calls.usage import Usage
from prefgen.engine.record_store import RecordStore
from prefgen.engine.record_work import RecordAtWork, RecordWorker
from prefgen.engine.watchdog import BlockedLoop
from prefgen.errors import PrefgenError
from prefgen.types import Failure, Record

Order = Literal["hash", "file"]
READ_AHEAD = 32
REPLAYED_AT_ONCE = 8
"""Records at work where nobody waits for a server: more only make each turn of the event loop longer."""


class PositionFeed(Protocol):
    """Where a segment's positions come from."""

    def take(self, most: int) -> Sequence[int]:
        """The next positions; none where there are none now."""
        ...

    def is_exhausted(self) -> bool:
        """Whether there will be no more."""
        ...


class ListFeed:
    """Positions that are known from the start."""

    def __init__(self, positions: Sequence[int]) -> None:
        self._left = deque(positions)

    def take(self, most: int) -> Sequence[int]:
        return [self._left.popleft() for _ in range(min(most, len(self._left)))]

    def is_exhausted(self) -> bool:
        return not self._left


class SegmentRun:
    """One pass over the records of a segment that are not finished. `inputs` holds their input, the worker's
    store what becomes of them.
    """

    def __init__(
        self,
        number: int,
        feed: PositionFeed,
        inputs: RecordStore,
        worker: RecordWorker,
        context: CallContext,
        *,
        records_in_flight: int,
        replays: bool,
        plugin_timeout: float,
        resumes: bool = True,
    ) -> None:
        self._number = number
        self._feed = feed
        self._inputs = inputs
        self._worker = worker
        self._context = context
        self._window = min(REPLAYED_AT_ONCE, records_in_flight) if replays else records_in_flight
        self._full_window = records_in_flight
        self._plugin_timeout = plugin_timeout
        self.begun = inputs.begun(number) if resumes else set[int]()
        self._order = count()
        self._ready: deque[tuple[int, Record, CachedReplies]] = deque()
        self._tasks: dict[RecordCalls, asyncio.Task[None]] = {}
        self._idle = asyncio.Event()
        self.bug: BaseException | None = None

    async def run(self) -> None:
        """Work until every record is finished, suspended or lost, or the run was stopped."""
        watch = asyncio.create_task(self._watch())
        try:
            with BlockedLoop(self._context.stats.notify):
                self.start_more()
                await self._idle.wait()
        finally:
            for task in (watch, *self._tasks.values()):
                task.cancel()
        if self.bug is not None and not isinstance(self.bug, PrefgenError):
            raise self.bug  # ours, and not explained: the traceback is wanted

    def abandon(self) -> None:
        """Stop at once: every record is cancelled where it is."""
        for task in self._tasks.values():
            task.cancel()
        if not self._tasks:
            self._idle.set()

    def resume_at(self, positions: Sequence[int]) -> None:
        """These records have passed some stages elsewhere: what is stored of them is gone on from."""
        self.begun.update(positions)

    def start_more(self) -> None:
        """Take as many records to work as the window has room for."""
        stopped = self._context.run
        while len(self._tasks) < self._window and not stopped.reason and (self._ready or self._read_ahead()):
            at_work = self._begin(*self._ready.popleft())
            task = asyncio.create_task(self._worker.work(at_work))
            self._tasks[at_work.calls] = task
            task.add_done_callback(lambda ended, calls=at_work.calls: self._ended(calls, ended))
        if not self._tasks and (stopped.reason or (not self._ready and self._feed.is_exhausted())):
            self._idle.set()

    def _read_ahead(self) -> bool:
        """Read what comes next, and what the journal knows of it: one look for many records costs a fraction
        of one look a record.
        """
        positions = self._feed.take(READ_AHEAD)
        if not positions:
            return False
        records = self._inputs.input(self._number, positions)
        cached = self._context.journals.project.replies_for_records([records[p].id for p in positions])
        self._ready.extend(zip(positions, (records[p] for p in positions), cached, strict=True))
        return True

    def _begin(self, position: int, record: Record, cached: CachedReplies) -> RecordAtWork:
        passed, failures, usage = 0, list[Failure](), None
        if position in self.begun:
            passed, record, failures, usage = self._inputs.suspended(self._number, position)
        calls = RecordCalls(record.id, next(self._order), self._cancel_stalled, cached)
        if usage:
            calls.usage = Usage.load(usage)
        return RecordAtWork(position, record, calls, passed, failures)

    def _ended(self, calls: RecordCalls, task: "asyncio.Task[None]") -> None:
        self._tasks.pop(calls, None)
        if task.cancelled():
            self._worker.lost += 1  # never silently: it is neither finished nor suspended
        elif task.exception() is not None and self.bug is None:
            self.bug = task.exception()
            self._context.run.stop(_stop_for(self.bug))
        self.start_more()

    def _cancel_stalled(self, calls: RecordCalls) -> None:
        """Nothing but suspended asks is left of a record: give its place to another."""
        task = self._tasks.get(calls)
        if task is not None:
            task.cancel()

    async def _watch(self) -> None:
        """Name a plug-in that hangs outside `ask`; time inside `ask` does not count. Widen the window where
        servers are waited for.
        """
        while True:
            await asyncio.sleep(min(1.0, self._plugin_timeout / 4))
            now = time.monotonic()
            if self._window < self._full_window and any(calls.in_flight for calls in self._tasks):
                self._window = self._full_window  # not everything is known after all
                self.start_more()
            for calls, task in list(self._tasks.items()):
                idle = not calls.in_flight and not calls.suspended
                if idle and now - calls.last_active > self._plugin_timeout:
                    calls.timed_out = True
                    task.cancel()


def in_order(rows: Sequence[tuple[int, str]], order: Order) -> list[int]:
    """The positions of (position, id) rows as they stand, or in an order drawn by id, so that a stopped run
    is a fair sample.
    """
    if order == "hash":
        rows = sorted(rows, key=lambda row: hashlib.blake2b(row[1].encode(), digest_size=8).digest())
    return [position for position, _ in rows]


def _stop_for(bug: BaseException | None) -> PrefgenError:
    return bug if isinstance(bug, PrefgenError) else PrefgenError(f"{type(bug).__name__}: {bug}")
