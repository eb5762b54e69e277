"""The line to one model: a queue in the order of the prompts, a limit, retries by kind of fault, a breaker.

An idle slot goes to the lowest position that can work. A slot is free again when the HTTP reply arrives, before its commit.
"""

import asyncio
import heapq
import itertools
import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from prefgen.calls.budget import FREE, Budget, Price
from prefgen.calls.ledger import ModelStats
from prefgen.calls.limits import Limit, Rate
from prefgen.errors import EndpointDown, FatalEndpoint, PrefgenError, RequestFailed
from prefgen.roles import Model, ModelRequest, ModelResponse

ATTEMPTS = 6
RATE_ATTEMPTS = 60
RATE_PATIENCE = 20
"""A server that only limits us is alive: it gets this many times the patience."""
REFUSED_ALIKE = 20
ASSUMED_OUTPUT = 1024
_jitter = random.Random()
"""Of its own: plug-ins may be at work with the global generator."""


@dataclass(slots=True)
class QueuedRequest:
    """A request on its way: what to send, and who gets the answer (or the last fault)."""

    request: ModelRequest
    order: int
    answered: Callable[[Sequence[ModelResponse], float], None]
    failed: Callable[[RequestFailed], None]
    prompt_tokens: int
    attempts: int = 0
    rate_attempts: int = 0
    reserved: tuple[int, int] = (0, 0)


@dataclass
class ModelQueue:
    """One model's line. `stop` ends the run; `say` tells the user something once."""

    name: str
    model: Model
    limit: Limit
    budget: Budget
    stats: ModelStats
    stop: Callable[[PrefgenError], None]
    notify: Callable[[str], None]
    possibly_billed: Callable[[int, int, str], None]
    requests: Rate = field(default_factory=lambda: Rate(None))
    tokens: Rate = field(default_factory=lambda: Rate(None))
    price: Price = FREE
    timeout: float = 600.0
    server_down_after: float = 60.0
    supports_n: bool = True
    stopped: bool = False

    def __post_init__(self) -> None:
        self._queue: list[tuple[int, int, QueuedRequest]] = []
        self._sequence = itertools.count()
        self._in_flight = 0
        self._paused_until = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._last_success = time.monotonic()
        self._failing: set[int] = set()
        self._breaker_open = False
        self._refused: Counter[str] = Counter()
        self._succeeded = False
        self._last_refusal = ""
        self._retry_timers: dict[asyncio.TimerHandle, QueuedRequest] = {}
        self.stats.limit = self.limit.slots

    def submit(self, errand: QueuedRequest) -> None:
        if self.stopped:
            errand.failed(_run_stopped())
            return
        heapq.heappush(self._queue, (errand.order, next(self._sequence), errand))
        self.pump()

    def pump(self) -> None:
        """Start as many requests as limit, rates and budget allow."""
        while self._queue and not self.stopped:
            if self._in_flight >= (1 if self._breaker_open else self.limit.slots):
                return
            errand = self._queue[0][2]
            now = time.monotonic()
            output = self._output_tokens(errand.request)
            estimate = errand.prompt_tokens + output
            wait = max(self._paused_until - now, self.requests.wait(1), self.tokens.wait(estimate))
            if wait > 0:
                self._wake_in(wait)
                return
            if not self._in_flight and not self._failing:
                self._last_success = now  # nothing was asked for a while: that is no outage
            cost = self.price.cost(errand.prompt_tokens, output)
            if not self.budget.fits(cost, estimate):
                if not self.budget.could_ever_fit(cost, estimate):
                    self.stop(self.budget.error())
                return
            heapq.heappop(self._queue)
            self.budget.reserve(cost, estimate)
            errand.reserved = (cost, estimate)
            self.requests.spend(1)
            self.tokens.spend(estimate)
            self._in_flight += 1
            self.stats.in_flight = self._in_flight
            task = asyncio.create_task(self._serve(errand))
            self._tasks.add(task)
            task.add_done_callback(lambda ended, errand=errand: self._request_ended(ended, errand))

    def _request_ended(self, task: "asyncio.Task[None]", errand: QueuedRequest) -> None:
        """Whoever waits for an answer must not wait for ever on a bug of ours."""
        self._tasks.discard(task)
        if not task.cancelled() and (bug := task.exception()) is not None:
            self.stop(PrefgenError(f"model {self.name!r}: {type(bug).__name__}: {bug}"))
            errand.failed(_run_stopped())

    def _output_tokens(self, call: ModelRequest) -> int:
        wanted = call.sampling.get("max_tokens")
        return int(wanted if wanted is not None else ASSUMED_OUTPUT) * call.samples

    def _wake_in(self, seconds: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(min(seconds, 60) + 0.001, self.pump)

    async def _serve(self, errand: QueuedRequest) -> None:
        sent_at = time.monotonic()
        try:
            async with asyncio.timeout(self.timeout):
                served = await self.model.send(errand.request)
            fault = None
        except TimeoutError:
            served, fault = (), RequestFailed("timeout", f"no answer within {self.timeout:g} s", billed=True)
        except RequestFailed as caught:
            served, fault = (), caught
        except asyncio.CancelledError:
            raise
        except Exception as odd:  # a backend that raises what it should not must not take the run along, nor leave it waiting
            served, fault = (), RequestFailed("server", f"{type(odd).__name__}: {odd}", code="unforeseen")
        finally:
            self._in_flight -= 1
            self.stats.in_flight = self._in_flight
        seconds = time.monotonic() - sent_at
        if fault is None:
            self._succeed(errand, served, seconds)
        else:
            self._fail(errand, fault, sent_at)
        self.stats.limit = self.limit.slots
        self.pump()

    def _succeed(self, errand: QueuedRequest, served: Sequence[ModelResponse], seconds: float) -> None:
        prompt = output = cached = 0
        for one in served:
            usage = one.reply.usage
            prompt += usage.prompt_tokens
            output += usage.completion_tokens
            cached += usage.cached_tokens
        cost = self.price.cost(prompt, output, cached)
        self.budget.release(*errand.reserved, cost, prompt + output)
        self.stats.requests += 1
        self.stats.prompt_tokens += prompt
        self.stats.completion_tokens += output
        self.stats.cost += cost
        self.stats.seconds += seconds
        self.limit.answered(seconds, output // max(1, len(served)), self._in_flight + 1)
        self._last_success = time.monotonic()
        self._failing.clear()
        self._succeeded = True
        if self._breaker_open:
            self._breaker_open = False
            self.notify(f"{self.name}: answers again")
        if served and served[0].pause > 0:
            self._paused_until = max(self._paused_until, time.monotonic() + served[0].pause)
        errand.answered(served, seconds)

    def _fail(self, errand: QueuedRequest, fault: RequestFailed, sent_at: float) -> None:
        spent = errand.reserved if fault.billed else (0, 0)
        if fault.billed:
            self.possibly_billed(*errand.reserved, f"{self.name}: {fault.message}")
        self.budget.release(*errand.reserved, *spent)
        if fault.kind == "fatal":
            self.stop(FatalEndpoint(f"model {self.name!r}: {fault.message}"))
            errand.failed(fault)
        elif fault.kind == "refused":
            self._refuse(errand, fault)
        elif fault.kind == "rate" or fault.kind == "busy":
            if self.limit.overloaded(sent_at):
                self.notify(f"{self.name}: the server limits us ({fault.code}); slowing down")
            errand.rate_attempts += 1
            self._failing.add(errand.order)
            pause = fault.retry_after
            if pause is not None and pause > 5:
                self.notify(f"{self.name}: the server asks for a pause of {pause:.0f} s")
            if pause is not None:
                self._paused_until = max(self._paused_until, time.monotonic() + min(pause, 600))
            if time.monotonic() - self._last_success > self.server_down_after * (
                RATE_PATIENCE if fault.kind == "rate" else 1
            ):
                self._give_up(fault)
                errand.failed(fault)
            elif errand.rate_attempts >= RATE_ATTEMPTS:
                errand.failed(fault)
            else:
                self._retry_later(errand, pause if pause is not None else _backoff(errand.rate_attempts))
        else:
            self._count_failure(errand, fault)

    def _refuse(self, errand: QueuedRequest, fault: RequestFailed) -> None:
        self._last_success = time.monotonic()  # it answers: that is no outage
        if errand.request.samples == 1:  # one with several draws is tried again with one
            self.stats.refused += 1
            self._refused[fault.code] += 1
            self._last_refusal = fault.message
        errand.failed(fault)
        if self.refused_all(least=REFUSED_ALIKE):
            self.stop(self.recipe_error())

    def refused_all(self, least: int = 1) -> bool:
        """Whether everything that was asked of this model was refused, all alike."""
        return not self._succeeded and len(self._refused) == 1 and self._refused.total() >= least

    def recipe_error(self) -> FatalEndpoint:
        return FatalEndpoint(
            f"model {self.name!r}: all {self._refused.total()} requests so far were refused alike ({', '.join(self._refused)}): "
            f"{self._last_refusal}. Mend the recipe or its endpoint and run again"
        )

    def _count_failure(self, errand: QueuedRequest, fault: RequestFailed) -> None:
        errand.attempts += 1
        self._failing.add(errand.order)
        silent = time.monotonic() - self._last_success
        if not self._breaker_open and len(self._failing) >= 5 and silent > 2:
            self._breaker_open = True
            self.notify(
                f"{self.name}: fails ({fault.message}); pausing, and probing with one request at a time"
            )
        if silent > self.server_down_after and (len(self._failing) >= 3 or not self._succeeded):
            self._give_up(fault)
            errand.failed(fault)
        elif fault.kind == "empty" and errand.attempts >= 3:
            self._refuse(errand, fault)
        elif errand.attempts >= ATTEMPTS and not self._breaker_open:
            errand.failed(fault)
        else:
            self._retry_later(errand, _backoff(min(errand.attempts, 6)))

    def _give_up(self, fault: RequestFailed) -> None:
        silent = time.monotonic() - self._last_success
        self.stop(
            EndpointDown(
                f"model {self.name!r}: no answer for {silent:.0f} s ({fault.message}). Everything so far is kept; run again"
            )
        )

    def _retry_later(self, errand: QueuedRequest, seconds: float) -> None:
        if self.stopped:
            errand.failed(_run_stopped())
            return
        self.stats.retries += 1

        def now() -> None:
            del self._retry_timers[handle]
            self.submit(errand)

        handle = asyncio.get_running_loop().call_later(min(seconds, 60), now)
        self._retry_timers[handle] = errand

    def close(self) -> None:
        """Start nothing more: what waits in the queue is given back unasked, what is in flight goes on."""
        self.stopped = True
        waiting = [errand for _, _, errand in self._queue] + list(self._retry_timers.values())
        for handle in self._retry_timers:
            handle.cancel()
        self._queue, self._retry_timers = [], {}
        for errand in waiting:
            errand.failed(_run_stopped())

    async def drain(self) -> None:
        """Wait until nothing is in flight. Nothing new starts once `stopped` is set."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    def abandon(self) -> None:
        """Give up on what is in flight, at once."""
        for task in self._tasks:
            task.cancel()


def _run_stopped() -> RequestFailed:
    return RequestFailed("stopped", "the run stopped")


def _backoff(attempt: int) -> float:
    """Seconds before another try: 0.5, 1, 2 ... 16, each with jitter of a half."""
    return 0.5 * 2 ** min(attempt - 1, 5) * _jitter.uniform(0.5, 1.0)
