"""What follows a failed request: a pure function of the failure, of the request's earlier tries and of how
its server has been doing.
"""

from collections import Counter
from dataclasses import dataclass, field
from typing import Literal

from prefgen.errors import EndpointDown, FatalEndpoint, RequestFailed, sentences
from prefgen.transport.failures import OTHER_KINDS
from prefgen.transport.request import Features

ERROR_TRIES = 6
EMPTY_TRIES = 3
RATE_LIMIT_TRIES = 60
RATE_LIMIT_FACTOR = 20
"""A server that only limits us is alive: it counts as down after this many times the silence."""
FAILING_AT_ONCE = 3
"""Distinct requests that must be failing before a silent server counts as down, unless it never answered."""
DENIED_TRIES = 3
NOBODY_LISTENS_AFTER = 5.0
"""Seconds after which a server that never answered, and refuses connections, counts as down."""
MOST_FEATURES = 64
"""Kinds of requests of which it is remembered when one was answered."""
BREAKER_FAILING = 5
BREAKER_SECONDS = 2.0
"""Distinct failing requests, and seconds of silence, from which on the breaker opens: one request at a time
probes the server.
"""

Action = Literal["retry", "fail", "refuse", "single", "server_down", "fatal"]


@dataclass
class Tries:
    """How often a request was tried in vain: for errors, and because the server limits us; what it wants of
    its server, and when it was sent last.
    """

    errors: int = 0
    rate_limits: int = 0
    first_failure: float | None = None
    features: Features = frozenset()
    sent: float = 0.0
    together: int = 0
    """How often one request for this draw and others brought whole replies without an answer."""


@dataclass
class ServerHealth:
    """How a server has been doing, by the requests to it; times are those of the queue's clock, in
    seconds.
    """

    last_answer: float
    failing: set[int] = field(default_factory=set)
    """Positions of the requests that have failed since the last answer."""
    breaker_open: bool = False
    ever_answered: bool = False
    answered_starts: dict[Features, float] = field(default_factory=dict)
    """When the latest of the requests with these features that were answered had been sent."""

    def answered(self, now: float, features: Features = frozenset(), *, sent: float) -> None:
        """A record's request was answered."""
        self.is_up(now)
        self.ever_answered = True
        latest = max(sent, self.answered_starts.pop(features, sent))
        if len(self.answered_starts) >= MOST_FEATURES:
            del self.answered_starts[next(iter(self.answered_starts))]
        self.answered_starts[features] = latest

    def is_up(self, now: float) -> None:
        """The server answers, be it to a word of our own: that is no outage."""
        self.last_answer = now
        self.failing.clear()
        self.breaker_open = False

    def answers_since(self, moment: float | None, features: Features) -> bool:
        """Whether it has answered a request that was sent after `moment` and wanted no less."""
        return moment is not None and any(
            sent > moment for wanted, sent in self.answered_starts.items() if features <= wanted
        )

    def answers_others(self, tries: Tries) -> bool:
        """Whether it has answered a request that was sent after this one had failed: the fault is this
        one's.
        """
        return self.answers_since(tries.first_failure, tries.features)

    def should_open_breaker(self, now: float) -> bool:
        silent = now - self.last_answer
        return not self.breaker_open and len(self.failing) >= BREAKER_FAILING and silent > BREAKER_SECONDS


@dataclass(frozen=True)
class NextStep:
    """What to do about a failed request: try it again after `seconds`, give it up, take it for refused, ask
    for each of its draws singly, or stop the run.
    """

    action: Action
    seconds: float = 0.0
    is_doubtful: bool = False
    """Whether it is a refusal after all if the server answers another request now."""


def is_rate_limit(error: RequestFailed) -> bool:
    """Whether the server only asks for less: it is alive."""
    return error.kind in ("rate", "busy")


def is_of_all_draws(error: RequestFailed) -> bool:
    """Whether a request for several draws that failed in vain would do no better singly."""
    return not is_odd(error) and error.kind not in ("refused", "rejected")


def is_odd(error: RequestFailed) -> bool:
    """Whether the server itself replied, and gave no answer in it: such a reply is paid, and comes again."""
    return error.kind == "empty" and error.code not in OTHER_KINDS


def next_step(
    error: RequestFailed,
    tries: Tries,
    health: ServerHealth,
    *,
    now: float,
    server_down_after: float,
    jitter: float,
) -> NextStep:
    """What follows `error`, which `tries` and `health` have counted already. `jitter` lies within 0.5
    to 1.
    """
    silent = now - health.last_answer
    if error.kind == "fatal":
        return NextStep("fatal")
    if error.kind == "restarted":
        return NextStep("retry")
    if error.kind == "refused":
        return NextStep("refuse")
    if error.kind == "rejected":  # in one draw it is asked again; one that nobody else is answered beside
        is_final = "n" in tries.features or health.answers_since(tries.sent, tries.features)
        return NextStep("refuse") if is_final else NextStep("fatal", is_doubtful=True)
    is_its_own = health.answers_others(tries)
    if error.kind == "denied":
        if tries.errors < DENIED_TRIES:
            return NextStep("retry", backoff(tries.errors, jitter))
        return NextStep("refuse") if is_its_own else NextStep("fatal", is_doubtful=True)
    if is_rate_limit(error):
        return _after_limit(error, tries, silent, server_down_after, jitter, is_its_own=is_its_own)
    if error.kind == "empty" and tries.errors >= EMPTY_TRIES and (is_its_own or not health.ever_answered):
        return NextStep("refuse")  # where nothing was ever answered, the recipe's fault, told by all alike
    if is_odd(error) and tries.together:
        return NextStep("refuse")
    nobody_listens = error.code == "connection_refused"
    if nobody_listens and not health.ever_answered and silent > NOBODY_LISTENS_AFTER:
        return NextStep("server_down")
    if silent > server_down_after and (len(health.failing) >= FAILING_AT_ONCE or not health.ever_answered):
        return NextStep("server_down", is_doubtful=not nobody_listens)
    if tries.errors < ERROR_TRIES:
        is_doubtful = is_odd(error) and tries.errors >= EMPTY_TRIES
        return NextStep("retry", backoff(tries.errors, jitter), is_doubtful)
    if is_its_own and not nobody_listens:
        return NextStep("refuse")
    action = "retry" if health.breaker_open else "fail"
    return NextStep(action, backoff(tries.errors, jitter), is_doubtful=not nobody_listens)


def _after_limit(
    error: RequestFailed, tries: Tries, silent: float, server_down_after: float, jitter: float, *,
    is_its_own: bool,
) -> NextStep:  # fmt: skip
    """A server that asks for less is given time; one that is too busy for a single prompt, and for no other,
    refuses it.
    """
    is_busy = error.kind == "busy"
    is_down = silent > server_down_after * (1 if is_busy else RATE_LIMIT_FACTOR)
    if is_down or tries.rate_limits >= RATE_LIMIT_TRIES:
        if is_busy and is_its_own:
            return NextStep("refuse")
        return NextStep("server_down" if is_down else "fail", is_doubtful=is_busy)
    return NextStep("retry", max(backoff(tries.rate_limits, jitter), error.retry_after or 0.0))


def backoff(tries: int, jitter: float) -> float:
    """Seconds before another try: 0.5, 1, 2 ... 16, times `jitter`."""
    return 0.5 * 2 ** min(tries - 1, 5) * jitter


class Refusals:
    """The requests that a server refused, by its codes: when it refuses everything alike, the recipe or its
    endpoint is at fault.
    """

    def __init__(self) -> None:
        self._codes: Counter[str] = Counter()
        self._last_message = ""

    def add(self, error: RequestFailed) -> None:
        self._codes[error.code] += 1
        self._last_message = error.message

    def all_alike(self, least: int = 1) -> bool:
        """Whether there are at least so many, all with one code."""
        return len(self._codes) == 1 and self._codes.total() >= least

    def recipe_error(self, model: str) -> FatalEndpoint:
        alike = f"all {self._codes.total()} requests so far were refused alike ({', '.join(self._codes)})"
        message = f"model {model!r}: {alike}: {self._last_message}"
        return FatalEndpoint(sentences(message, "Mend the recipe or its endpoint and run again"))


def server_down(model: str, silent: float, error: RequestFailed) -> EndpointDown:
    """What stops a run whose server does not answer."""
    what = "answer" if error.kind in ("connection", "timeout") else "usable answer"
    return EndpointDown(
        f"model {model!r}: no {what} for {silent:.0f} s ({error.message}). Everything so far is kept; run "
        "again"
    )
