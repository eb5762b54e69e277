"""The queue of one model, read downwards: a request waits for a slot, is asked, and is tried again where that
can help.

A slot is free again when the HTTP reply arrives, before its commit.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence

from prefgen.calls.budget import Budget
from prefgen.calls.doubts import settled
from prefgen.calls.exchange import Answer, QueueSettings, TryHooks
from prefgen.calls.follow import LoadFollower
from prefgen.calls.probe import Probe
from prefgen.calls.reservation import Reservation
from prefgen.calls.retries import (
    NextStep,
    Refusals,
    ServerHealth,
    Tries,
    is_odd,
    is_of_all_draws,
    is_rate_limit,
    next_step,
    server_down,
)
from prefgen.calls.slots import LONGEST_PAUSE, Clock, QueuedRequest, Slots
from prefgen.calls.stop import RunStop
from prefgen.calls.usage import ModelStats
from prefgen.errors import FatalEndpoint, RequestFailed
from prefgen.transport.failures import LOGPROBS_REFUSED, failure_of_request
from prefgen.transport.request import (
    Asker,
    ConnectedModel,
    ModelHooks,
    ModelRequest,
    estimate_prompt_tokens,
    features_of,
)

REFUSED_ALIKE = 20
"""Refusals with one code, and nothing else, after which the recipe is at fault."""
LONGEST_RETRY_AFTER = 600.0
LONG_RETRY_AFTER = 5.0
"""Seconds of a server's Retry-After from which on the user is told."""
PROBE_TOKENS = 32
"""Tokens that a template adds to a prompt of a word at most."""
_jitter = random.Random()
"""Of its own: plug-ins may be at work with the global generator."""

NOTICEABLE_LOAD = 0.5
"""Seconds from which on a model was being loaded, rather than asked whether it is."""
ENOUGH_WITHOUT_LOGPROBS = 3
"""Answers without log-probabilities after which a server that never gave any is not asked for them again."""


class ModelQueue:
    """One model's queue. `possibly_billed(cost, tokens, why)` is told of requests whose reply never came;
    `load` is awaited before each, where it is not the model's own.
    """

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
        load: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self.name = name
        self.supports_n = settings.supports_n
        self.refusals = Refusals()
        self._is_limited = False
        """Whether the user was told that the server limits us."""
        most = settings.alternatives
        self._refused_alternatives: int | None = None if most is None else most + 1
        """The fewest alternatives a token for which the server has refused log-probabilities, or left them
        out.
        """
        self._answers_without_logprobs: int | None = 0
        """How many there were to requests for log-probabilities; None once one had some."""
        self._model = model
        self._hooks = model if isinstance(model, ModelHooks) else None
        self._load = load
        self._settings = settings
        self._budget, self._stats, self._run = budget, stats, run
        self._notify, self._possibly_billed = notify, possibly_billed
        self._clock = clock or Clock()
        self._health = ServerHealth(self._clock.now())
        self._reservation = Reservation(settings.price)
        self._stopping = asyncio.Event()
        run.on_over.append(self._stopping.set)
        self._probe = Probe(self._send_probe, self._clock)
        self._slots = Slots(
            settings.limit, settings.requests, settings.tokens,
            budget=budget, reservation=self._reservation, health=self._health, stats=stats, run=run,
            clock=self._clock,
        )  # fmt: skip
        self._follower = LoadFollower(model, self._slots, self._clock)
        self._time_limit: float | None = settings.timeout
        if self._hooks is not None:
            self._hooks.asked_by(Asker(settings.timeout, lambda text: notify(f"{name}: {text}")))
            if self._hooks.keeps_time:
                self._time_limit = None

    async def close(self) -> None:
        """Look at the servers no more."""
        await self._follower.close()

    async def send(
        self, request: ModelRequest, order: int, prompt_tokens: int, hooks: TryHooks | None = None,
        *, together: int = 0,
    ) -> Answer:  # fmt: skip
        """The answer to a request that works for the position `order`; `prompt_tokens` is a cautious guess,
        `together` the tries in vain of a request for this draw and others (`Tries`).

        Raises RequestFailed for what does not pass by itself, and when the run has stopped; and whatever
        `hooks` raise.
        """
        tries, hooks = Tries(features=features_of(request), together=together), hooks or TryHooks()
        queued = QueuedRequest(request, order, prompt_tokens, tries=tries)
        while True:
            await self._slots.turn(queued)
            self._follower.wake()
            try:
                self._begin(queued, hooks)
                tries.sent = self._clock.now()
                try:
                    answer = await self._exchange(request)
                except RequestFailed as error:
                    seconds = await self._failed(queued, error)
                    hooks.pause()
                else:
                    self._answered(queued, answer)
                    return answer
            finally:
                self._slots.leave()
                if self._hooks is not None and self._hooks.replica_hosts:
                    self._stats.show("; ".join(self._hooks.replica_lines()))
            await self._wait_before_retry(seconds)

    def refused_all(self, least: int = 1) -> bool:
        """Whether everything that was asked of this model was refused, all alike."""
        return not self._health.ever_answered and self.refusals.all_alike(least)

    def _refuse_as_before(self, request: ModelRequest) -> None:
        """Log-probabilities that the server has refused, or left out, are not asked for again in this run."""
        if self._refused_alternatives is not None and request.logprobs >= self._refused_alternatives:
            message = f"log-probabilities ({request.logprobs} alternatives) were refused or left out before"
            raise RequestFailed("refused", message, code=LOGPROBS_REFUSED)

    def _begin(self, queued: QueuedRequest, hooks: TryHooks) -> None:
        try:
            self._refuse_as_before(queued.request)
            hooks.begin()
        except BaseException:
            self._budget.release(queued.cost, queued.tokens, 0, 0)
            raise

    async def _exchange(self, request: ModelRequest) -> Answer:
        """One try. Raises RequestFailed, and nothing else but a cancellation."""
        await self._be_loaded(request)
        started = self._clock.now()
        try:
            async with asyncio.timeout(self._time_limit):
                responses = await self._model.send(request)
        except TimeoutError:
            message = (
                f"no answer from {self._model.host} within {self._settings.timeout:g} s (`run: timeout`)"
            )
            raise RequestFailed("timeout", message, billed=True) from None
        except RequestFailed as error:
            raise failure_of_request(error, request) from None
        except Exception as error:  # a backend that raises what it should not must not take the run along
            raise RequestFailed("server", f"{type(error).__name__}: {error}", code="unforeseen") from error
        return Answer(responses, self._clock.now() - started)

    async def _be_loaded(self, request: ModelRequest) -> None:
        """Wait until the model can be asked; the time that it takes is no silence of its server."""
        if self._hooks is None:
            return
        self._hooks.check_request(request)
        began = self._clock.now()
        await (self._load or self._hooks.load)()
        if self._clock.now() > began + NOTICEABLE_LOAD:
            self._health.last_answer = self._clock.now()

    def _answered(self, queued: QueuedRequest, answer: Answer) -> None:
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
        if queued.request.logprobs:
            self._note_logprobs(answer)
        if self._health.breaker_open:
            self._notify(f"{self.name}: answers again")
        tries = queued.tries
        self._health.answered(self._clock.now(), tries.features, sent=tries.sent)
        self._reservation.learn(queued.request, queued.prompt_tokens, answer.responses)
        if answer.responses and answer.responses[0].pause > 0:
            self._pause(answer.responses[0].pause)
        lost = self._count_lost(queued, answer.responses[0].before) if answer.responses else 0
        spent, spent_tokens = cost + lost * queued.cost, prompt + output + lost * queued.tokens
        self._budget.release(queued.cost, queued.tokens, spent, spent_tokens)

    def _count_lost(self, queued: QueuedRequest, failures: Sequence[RequestFailed]) -> int:
        """Note which of a try's failures may have been billed; returns how many."""
        billed = [failure for failure in failures if failure.billed]
        for failure in billed:
            self._possibly_billed(queued.cost, queued.tokens, f"{self.name}: {failure.message}")
        return len(billed)

    def _note_logprobs(self, answer: Answer) -> None:
        """A server that takes the question for log-probabilities and never gives any is not asked for them
        again: each such answer is paid, and votes are asked for beside it.
        """
        if self._answers_without_logprobs is None:
            return
        if any(response.reply.logprobs for response in answer.responses):
            self._answers_without_logprobs = None
        elif any(response.reply.text.strip() for response in answer.responses):
            self._answers_without_logprobs += 1
            if self._answers_without_logprobs >= ENOUGH_WITHOUT_LOGPROBS:
                self._refused_alternatives = 1

    async def _failed(self, queued: QueuedRequest, error: RequestFailed) -> float:
        """Count a failure; returns the seconds before another try. Raises RequestFailed where there is
        none.
        """
        lost = self._count_lost(queued, [*error.before, error])
        tries = queued.tries
        self._count_failure(queued, error)
        step, found = next_step(
            error, tries, self._health, now=self._clock.now(),
            server_down_after=self._settings.server_down_after, jitter=_jitter.uniform(0.5, 1.0),
        ), error  # fmt: skip
        try:
            if step.is_doubtful:
                since = tries.sent if tries.first_failure is None else tries.first_failure
                finding = await self._probe.find(queued.request, since)
                step, found = settled(step, error, tries.features, finding)
            self._follow(step, queued, found)
        finally:
            self._budget.release(queued.cost, queued.tokens, lost * queued.cost, lost * queued.tokens)
        return step.seconds

    def _count_failure(self, queued: QueuedRequest, error: RequestFailed) -> None:
        """Note a failure in what is known of the request and of its server."""
        if error.kind in ("fatal", "refused", "rejected", "restarted"):
            return
        self._health.failing.add(queued.order)
        if queued.tries.first_failure is None:
            queued.tries.first_failure = self._clock.now()
        if is_rate_limit(error):
            queued.tries.rate_limits += 1
            self._note_limit(error, queued.tries.sent)
            return
        queued.tries.errors += 1
        if self._health.should_open_breaker(self._clock.now()):
            self._health.breaker_open = True
            self._notify(
                f"{self.name}: fails ({error.message}); pausing, and probing with one request at a time"
            )

    def _note_limit(self, error: RequestFailed, sent: float) -> None:
        """Slow down; the server's reason is said once."""
        is_slower = self._slots.limit.overloaded(sent)
        if not self._is_limited:
            self._is_limited = True
            change = "; slowing down" if is_slower else ""
            self._notify(f"{self.name}: the server limits us ({error.message[:300]}){change}")
        if error.retry_after is not None:
            self._pause(error.retry_after)

    def _pause(self, seconds: float) -> None:
        """Start nothing for so long as the server asks for, and never for hours."""
        wanted, seconds = seconds, min(seconds, LONGEST_RETRY_AFTER)
        if seconds > LONG_RETRY_AFTER:
            most = f"; it is asked again after {seconds:.0f} s" if seconds < wanted else ""
            self._notify(f"{self.name}: the server asks for a pause of {wanted:.0f} s{most}")
        self._slots.pause(seconds)

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
        if step.action == "single" or (step.action == "refuse" and error.kind == "rejected"):
            self._health.failing.discard(queued.order)
            raise RequestFailed("refused", error.message, code=error.code)
        if step.action == "refuse" and error.kind != "refused":
            self._health.failing.discard(queued.order)
            tries = queued.tries.errors + queued.tries.rate_limits + queued.tries.together
            message = f"given up after {tries} tries: {error.message}"
            raise RequestFailed(
                "refused", message, code=error.code, given_up=is_of_all_draws(error),
                odd_tries=tries if is_odd(error) else 0,
            )  # fmt: skip
        raise error

    async def _send_probe(self, request: ModelRequest) -> None:
        """Ask a short request of our own. Raises RequestFailed."""
        self._notify(
            f"{self.name}: a request is not answered: a word is asked for, to see whether others are answered"
        )
        cost, tokens = self._reservation.of(request, estimate_prompt_tokens(request) + PROBE_TOKENS)
        if not self._budget.fits(cost, tokens):
            raise RequestFailed("stopped", "the budget has no room for a probe")
        self._budget.reserve(cost, tokens)
        spent = spent_tokens = 0
        try:
            answer = await self._exchange(request)
            prompt, output, _ = answer.tokens()
            spent, spent_tokens = self._settings.price.cost(prompt, output), prompt + output
            self._stats.count_answer(prompt, output, spent, answer.seconds)
            self._health.is_up(self._clock.now())
        except RequestFailed as error:
            spent, spent_tokens = (cost, tokens) if error.billed else (0, 0)
            raise
        finally:
            self._budget.release(cost, tokens, spent, spent_tokens)
            if spent_tokens:
                self._possibly_billed(spent, spent_tokens, f"{self.name}: a word, to see whether it answers")

    def _note_refusal(self, request: ModelRequest, error: RequestFailed) -> None:
        """Count a refusal; when everything is refused alike, the run stops. Log-probabilities that are
        refused are asked for no more: others may be answered without.
        """
        self._health.last_answer = self._clock.now()  # it answers: that is no outage
        is_of_logprobs = error.code == LOGPROBS_REFUSED
        if request.samples > 1 and not (is_of_logprobs or is_of_all_draws(error)):  # each is tried again
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
