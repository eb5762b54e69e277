"""The queue of one model, read downwards: a request waits for a slot, is asked, and is tried again where that
can help.

A slot is free again when the HTTP reply arrives, before its commit.
"""

import asyncio
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from prefgen.calls.budget import FREE, Budget, Price
from prefgen.calls.limits import ConcurrencyLimit, Rate
from prefgen.calls.probe import Probe
from prefgen.calls.retries import NextStep, Refusals, ServerHealth, is_rate_limit, next_step, server_down
from prefgen.calls.slots import LONGEST_PAUSE, Clock, QueuedRequest, Slots
from prefgen.calls.stop import RunStop
from prefgen.calls.usage import ModelStats
from prefgen.errors import FatalEndpoint, RequestFailed
from prefgen.transport.failures import LOGPROBS_REFUSED, failure_of_request
from prefgen.transport.request import ConnectedModel, ModelRequest, ModelResponse, assumed_output

REFUSED_ALIKE = 20
"""Refusals with one code, and nothing else, after which the recipe is at fault."""
LONGEST_RETRY_AFTER = 600.0
LONG_RETRY_AFTER = 5.0
"""Seconds of a server's Retry-After from which on the user is told."""
PROBE_TOKENS = 32
"""Tokens that a prompt of a word takes at most, with what a template adds."""
_jitter = random.Random()
"""Of its own: plug-ins may be at work with the global generator."""


@dataclass(frozen=True)
class QueueSettings:
    """How a model is asked. Times in seconds."""

    limit: ConcurrencyLimit
    requests: Rate = field(default_factory=lambda: Rate(None))
    tokens: Rate = field(default_factory=lambda: Rate(None))
    price: Price = FREE
    timeout: float = 600.0
    server_down_after: float = 60.0
    supports_n: bool = True


@dataclass(frozen=True, slots=True)
class Answer:
    """What a request brought: one response a seed (or fewer, where the server knows no `n`), and the seconds
    that they took.
    """

    responses: Sequence[ModelResponse]
    seconds: float

    def tokens(self) -> tuple[int, int, int]:
        """(of the prompt, of the output, of the prompt from a cache), over all responses."""
        usages = [response.reply.usage for response in self.responses]
        return (
            sum(usage.prompt_tokens for usage in usages),
            sum(usage.completion_tokens for usage in usages),
            sum(usage.cached_tokens for usage in usages),
        )


class TryHooks:
    """What is to be done around each try of a request; the one here does nothing."""

    def begin(self) -> None:
        """The request has a slot, and is sent now. What this raises ends it, unsent."""

    def pause(self) -> None:
        """The request was not answered, and waits to be tried again."""


class ModelQueue:
    """One model's queue. `possibly_billed(cost, tokens, why)` is told of requests whose reply never came."""

    def __init__(
        self,
        name: str,
        model: ConnectedModel,
        settings: QueueSettings,
        *,
        budget: Budget,
        stats: ModelStats,
        run: RunStop,
        notify: Callable[[str], None],
        possibly_billed: Callable[[int, int, str], None],
        clock: Clock | None = None,
    ) -> None:
        self.name = name
        self.supports_n = settings.supports_n
        self.refusals = Refusals()
        self._refused_alternatives: int | None = None
        """The fewest alternatives a token for which the server has refused log-probabilities."""
        self._model = model
        self._settings = settings
        self._budget, self._stats, self._run = budget, stats, run
        self._notify, self._possibly_billed = notify, possibly_billed
        self._clock = clock or Clock()
        self._health = ServerHealth(self._clock.now())
        self._stopping = asyncio.Event()
        run.on_over.append(self._stopping.set)
        self._probe = Probe(self._send_probe, self._clock)
        self._slots = Slots(
            settings.limit, settings.requests, settings.tokens,
            budget=budget, health=self._health, stats=stats, run=run, clock=self._clock,
        )  # fmt: skip

    async def send(
        self, request: ModelRequest, order: int, prompt_tokens: int, hooks: TryHooks | None = None
    ) -> Answer:
        """The answer to a request that works for the position `order`; `prompt_tokens` is a cautious guess.

        Raises RequestFailed for what does not pass by itself, and when the run has stopped; and whatever
        `hooks` raise.
        """
        queued, hooks = self._queued(request, order, prompt_tokens), hooks or TryHooks()
        while True:
            await self._slots.turn(queued)
            try:
                self._begin(queued, hooks)
                started = self._clock.now()
                try:
                    answer = await self._exchange(request)
                except RequestFailed as error:
                    seconds = await self._failed(queued, error, started)
                    hooks.pause()
                else:
                    self._answered(queued, answer, started)
                    return answer
            finally:
                self._slots.leave()
            await self._wait_before_retry(seconds)

    def refused_all(self, least: int = 1) -> bool:
        """Whether everything that was asked of this model was refused, all alike."""
        return not self._health.ever_answered and self.refusals.all_alike(least)

    def _refuse_as_before(self, request: ModelRequest) -> None:
        """Log-probabilities that the server has refused are not asked for again in this run."""
        if self._refused_alternatives is not None and request.logprobs >= self._refused_alternatives:
            message = f"log-probabilities ({request.logprobs} alternatives) were refused before in this run"
            raise RequestFailed("refused", message, code=LOGPROBS_REFUSED)

    def _queued(self, request: ModelRequest, order: int, prompt_tokens: int) -> QueuedRequest:
        output = assumed_output(request) * request.samples
        cost = self._settings.price.cost(prompt_tokens, output)
        return QueuedRequest(request, order, prompt_tokens + output, cost)

    def _begin(self, queued: QueuedRequest, hooks: TryHooks) -> None:
        try:
            self._refuse_as_before(queued.request)
            hooks.begin()
        except BaseException:
            self._budget.release(queued.cost, queued.tokens, 0, 0)
            raise

    async def _exchange(self, request: ModelRequest) -> Answer:
        """One try. Raises RequestFailed, and nothing else but a cancellation."""
        started = self._clock.now()
        try:
            async with asyncio.timeout(self._settings.timeout):
                responses = await self._model.send(request)
        except TimeoutError:
            raise RequestFailed(
                "timeout", f"no answer within {self._settings.timeout:g} s", billed=True
            ) from None
        except RequestFailed as error:
            raise failure_of_request(error, request) from None
        except Exception as error:  # a backend that raises what it should not must not take the run along
            raise RequestFailed("server", f"{type(error).__name__}: {error}", code="unforeseen") from error
        return Answer(responses, self._clock.now() - started)

    def _answered(self, queued: QueuedRequest, answer: Answer, started: float) -> None:
        prompt, output, cached = answer.tokens()
        if output and any(response.reply.usage.estimated for response in answer.responses):
            self._notify(
                f"{self.name}: the server does not say how many tokens a request took; each counts with what "
                "was reserved for it"
            )
        cost = self._settings.price.cost(prompt, output, cached)
        self._stats.count_answer(prompt, output, cost, answer.seconds)
        self._slots.limit.answered(
            answer.seconds, output // max(1, len(answer.responses)), self._slots.in_flight
        )
        if self._health.breaker_open:
            self._notify(f"{self.name}: answers again")
        self._health.answered(self._clock.now(), sent=started)
        if answer.responses and answer.responses[0].pause > 0:
            self._slots.pause(answer.responses[0].pause)
        self._budget.release(queued.cost, queued.tokens, cost, prompt + output)

    async def _failed(self, queued: QueuedRequest, error: RequestFailed, started: float) -> float:
        """Count a failure; returns the seconds before another try. Raises RequestFailed where there is
        none.
        """
        if error.billed:
            self._possibly_billed(queued.cost, queued.tokens, f"{self.name}: {error.message}")
        self._count_failure(queued, error, started)
        step = next_step(
            error,
            queued.tries,
            self._health,
            now=self._clock.now(),
            server_down_after=self._settings.server_down_after,
            jitter=_jitter.uniform(0.5, 1.0),
        )
        try:
            if step.is_doubtful and await self._probe.is_up(queued.request):
                step = NextStep("refuse")
            self._follow(step, queued, error)
        finally:
            spent = (queued.cost, queued.tokens) if error.billed else (0, 0)
            self._budget.release(queued.cost, queued.tokens, *spent)
        return step.seconds

    def _count_failure(self, queued: QueuedRequest, error: RequestFailed, started: float) -> None:
        """Note a failure in what is known of the request and of its server."""
        if error.kind in ("fatal", "refused"):
            return
        self._health.failing.add(queued.order)
        if queued.tries.first_failure is None:
            queued.tries.first_failure = self._clock.now()
        if is_rate_limit(error):
            queued.tries.rate_limits += 1
            if self._slots.limit.overloaded(started):
                self._notify(f"{self.name}: the server limits us ({error.code}); slowing down")
            if error.retry_after is not None:
                if error.retry_after > LONG_RETRY_AFTER:
                    self._notify(f"{self.name}: the server asks for a pause of {error.retry_after:.0f} s")
                self._slots.pause(min(error.retry_after, LONGEST_RETRY_AFTER))
            return
        queued.tries.errors += 1
        if self._health.should_open_breaker(self._clock.now()):
            self._health.breaker_open = True
            self._notify(
                f"{self.name}: fails ({error.message}); pausing, and probing with one request at a time"
            )

    def _follow(self, step: NextStep, queued: QueuedRequest, error: RequestFailed) -> None:
        """Do what `next_step` says. Raises RequestFailed unless the request is to be tried again."""
        if step.action == "retry" and not self._run.is_over:
            return
        if step.action == "refuse":
            self._note_refusal(queued.request, error)
        elif step.action == "server_down":
            silent = self._clock.now() - self._health.last_answer
            self._run.stop(server_down(self.name, silent, error))
        elif step.action == "fatal":
            self._run.stop(FatalEndpoint(f"model {self.name!r}: {error.message}"))
        if step.action == "refuse" and error.kind != "refused":
            self._health.failing.discard(queued.order)
            tries = queued.tries.errors + queued.tries.rate_limits
            message = f"given up after {tries} tries: {error.message}"
            is_final = error.kind != "empty"  # of several draws, each may be had on its own
            raise RequestFailed("refused", message, code=error.code, given_up=is_final)
        raise error

    async def _send_probe(self, request: ModelRequest) -> None:
        """Ask a short request of our own. Raises RequestFailed."""
        self._notify(
            f"{self.name}: a request fails again and again: a word is asked for, to see whether others are "
            "answered"
        )
        most = assumed_output(request)
        if not self._budget.fits(self._settings.price.cost(PROBE_TOKENS, most), PROBE_TOKENS + most):
            raise RequestFailed("stopped", "the budget has no room for a probe")
        started = self._clock.now()
        answer = await self._exchange(request)
        prompt, output, _ = answer.tokens()
        cost = self._settings.price.cost(prompt, output)
        self._stats.count_answer(prompt, output, cost, answer.seconds)
        self._budget.release(0, 0, cost, prompt + output)
        self._possibly_billed(cost, prompt + output, f"{self.name}: a word, to see whether it answers")
        self._health.answered(self._clock.now(), sent=started)

    def _note_refusal(self, request: ModelRequest, error: RequestFailed) -> None:
        """Count a refusal; when everything is refused alike, the run stops. Log-probabilities that are
        refused are asked for no more: others may be answered without.
        """
        self._health.last_answer = self._clock.now()  # it answers: that is no outage
        is_of_logprobs = error.code == LOGPROBS_REFUSED
        if request.samples > 1 and not is_of_logprobs:  # tried again with one draw
            return
        self._stats.refused += 1
        self.refusals.add(error)
        if not is_of_logprobs and self.refused_all(least=REFUSED_ALIKE):
            self._run.stop(self.refusals.recipe_error(self.name))
        fewest = self._refused_alternatives
        if is_of_logprobs and (fewest is None or request.logprobs < fewest):
            self._refused_alternatives = request.logprobs
            self._notify(
                f"{self.name}: its server refuses log-probabilities with {request.logprobs} alternatives a "
                f"token, and is not asked for them again ({error.message})"
            )

    async def _wait_before_retry(self, seconds: float) -> None:
        """Not longer than until the run stops."""
        self._stats.retries += 1
        sleeping = asyncio.ensure_future(self._clock.sleep(min(seconds, LONGEST_PAUSE)))
        stopping = asyncio.ensure_future(self._stopping.wait())
        try:
            await asyncio.wait((sleeping, stopping), return_when=asyncio.FIRST_COMPLETED)
        finally:
            sleeping.cancel()
            stopping.cancel()
