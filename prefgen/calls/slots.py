"""Who may ask a model now: requests wait in the order of the prompts for a share of its limit, its rates and
the budget.
"""

import asyncio
import heapq
import itertools
import time
from dataclasses import dataclass, field

from prefgen.calls.budget import Budget
from prefgen.calls.limits import ConcurrencyLimit, Rate
from prefgen.calls.reservation import Reservation
from prefgen.calls.retries import ServerHealth, Tries
from prefgen.calls.stop import RunStop
from prefgen.calls.usage import ModelStats
from prefgen.errors import RequestFailed
from prefgen.transport.request import ModelRequest

LONGEST_PAUSE = 60.0


class Clock:
    """Time as a queue sees it, in seconds; tests have one that they move by hand."""

    def now(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


@dataclass(slots=True)
class QueuedRequest:
    """A request that wants a slot, with what it reserves of the budget."""

    request: ModelRequest
    order: int
    prompt_tokens: int
    """A cautious guess."""
    tokens: int = 0
    """Of the prompt and, at most, of the answers: known when it has its turn."""
    cost: int = 0
    """In picodollars, at most."""
    tries: Tries = field(default_factory=Tries)


class Slots:
    """The slots of one model. An idle one goes to the lowest position that can work."""

    def __init__(
        self,
        limit: ConcurrencyLimit,
        requests: Rate,
        tokens: Rate,
        *,
        budget: Budget,
        reservation: Reservation,
        health: ServerHealth,
        stats: ModelStats,
        run: RunStop,
        clock: Clock,
    ) -> None:
        self.limit = limit
        self.in_flight = 0
        self._requests, self._tokens = requests, tokens
        self._budget, self._health, self._stats, self._run, self._clock = budget, health, stats, run, clock
        self._reservation = reservation
        self._waiting: list[tuple[int, int, QueuedRequest, asyncio.Future[None]]] = []
        self._sequence = itertools.count()
        self._paused_until = clock.now()
        self._timer: asyncio.Task[None] | None = None
        stats.limit = limit.slots
        budget.on_release.append(self.start_waiting)
        run.on_over.append(self._close)

    async def turn(self, queued: QueuedRequest) -> None:
        """Wait until this is one of the requests in flight, which has reserved its share of the budget and
        must `leave`. Raises RequestFailed when the run has stopped.
        """
        if self._run.is_over:
            raise run_stopped()
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (queued.order, next(self._sequence), queued, turn))
        self.start_waiting()
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():  # it had just got its turn
                self._budget.release(queued.cost, queued.tokens, 0, 0)
                self.leave()
            raise

    def leave(self) -> None:
        """A request is in flight no more: its slot is free."""
        self.in_flight -= 1
        self._stats.in_flight = self.in_flight
        self._stats.limit = self.limit.slots
        self.start_waiting()

    def start_waiting(self) -> None:
        """Give as many requests their turn as limit, rates and budget allow."""
        while self._waiting and not self._run.is_over:
            if self.in_flight >= self._slots_now():
                return
            _, _, queued, turn = self._waiting[0]
            if turn.done():  # whoever asked was cancelled
                heapq.heappop(self._waiting)
                continue
            if not self._may_start(queued):
                return
            heapq.heappop(self._waiting)
            self._budget.reserve(queued.cost, queued.tokens)
            self._requests.spend(1)
            self._tokens.spend(queued.tokens)
            self.in_flight += 1
            self._stats.in_flight = self.in_flight
            turn.set_result(None)

    def _slots_now(self) -> int:
        """One while the server is probed, and where a budget is to hold before anyone knows what requests
        take.
        """
        is_unknown = self._budget.is_limited and not self._reservation.has_seen
        return 1 if self._health.breaker_open or is_unknown else self.limit.slots

    def _may_start(self, queued: QueuedRequest) -> bool:
        now = self._clock.now()
        queued.cost, queued.tokens = self._reservation.of(queued.request, queued.prompt_tokens)
        seconds = max(self._paused_until - now, self._requests.wait(1), self._tokens.wait(queued.tokens))
        if seconds > 0:
            self._start_later(seconds)
            return False
        if not self.in_flight and not self._health.failing:
            self._health.last_answer = now  # nothing was asked for a while: that is no outage
        if not self._budget.fits(queued.cost, queued.tokens):
            if not self._budget.could_ever_fit(queued.cost, queued.tokens):
                self._run.stop(self._budget.error(queued.cost, queued.tokens))
            return False
        return True

    def pause(self, seconds: float) -> None:
        """Start nothing for so long: the server asks for it."""
        self._paused_until = max(self._paused_until, self._clock.now() + seconds)

    def _start_later(self, seconds: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.create_task(self._start_after(min(seconds, LONGEST_PAUSE) + 0.001))

    async def _start_after(self, seconds: float) -> None:
        await self._clock.sleep(seconds)
        self._timer = None
        self.start_waiting()

    def _close(self) -> None:
        """Start nothing more: what waits is given back unasked, what is in flight goes on."""
        if self._timer is not None:
            self._timer.cancel()
        waiting, self._waiting = self._waiting, []
        for _, _, _, turn in waiting:
            if not turn.done():
                turn.set_exception(run_stopped())


def run_stopped() -> RequestFailed:
    """What a request is told that is not asked any more."""
    return RequestFailed("stopped", "the run stopped")
