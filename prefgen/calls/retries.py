"""What follows a failed request: a pure function of the failure, of the request's earlier tries and of how
its server has been doing.
"""

from collections import Counter
from dataclasses import dataclass, field
from typing import Literal

from prefgen.errors import EndpointDown, FatalEndpoint, RequestFailed

ERROR_TRIES = 6
EMPTY_TRIES = 3
LONE_EMPTY_TRIES = 5
"""Where nothing else is answered meanwhile: an outage may look so too, for some seconds."""
RATE_LIMIT_TRIES = 60
RATE_LIMIT_FACTOR = 20
"""A server that only limits us is alive: it counts as down after this many times the silence."""
FAILING_AT_ONCE = 3
"""Distinct requests that must be failing before a silent server counts as down, unless it never answered."""
DENIED_TRIES = 3
GIVEN_UP_IN_A_ROW = 1
"""Requests that may be given up one after the other, with no answer between them, because the server is known
to answer: then it is the server.
"""
NOBODY_LISTENS_AFTER = 5.0
"""Seconds after which a server that never answered, and refuses connections, counts as down."""
BREAKER_FAILING = 5
BREAKER_SECONDS = 2.0
"""Distinct failing requests, and seconds of silence, from which on the breaker opens: one request at a time
probes the server.
"""

Action = Literal["retry", "fail", "refuse", "server_down", "fatal"]


@dataclass
class Tries:
    """How often a request was tried in vain: for errors, and because the server limits us."""

    errors: int = 0
    rate_limits: int = 0
    answers_before: int | None = None
    """Answers to others that the server had given when this request failed first."""


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
    answers: int = 0
    known_to_answer: bool = False
    """Whether it has answered in this start or an earlier one, by the journal."""
    given_up_in_a_row: int = 0
    """Requests that were given up since its last answer."""

    def answered(self, now: float) -> None:
        self.last_answer = now
        self.failing.clear()
        self.breaker_open = False
        self.ever_answered = self.known_to_answer = True
        self.answers += 1
        self.given_up_in_a_row = 0

    def answers_others(self, tries: Tries) -> bool:
        """Whether it has answered others while a request failed."""
        return tries.answers_before is not None and self.answers > tries.answers_before

    def should_open_breaker(self, now: float) -> bool:
        silent = now - self.last_answer
        return not self.breaker_open and len(self.failing) >= BREAKER_FAILING and silent > BREAKER_SECONDS


@dataclass(frozen=True)
class NextStep:
    """What to do about a failed request: try it again after `seconds`, give it up, take it for refused, or
    stop the run.
    """

    action: Action
    seconds: float = 0.0


def is_rate_limit(error: RequestFailed) -> bool:
    """Whether the server only asks for less: it is alive."""
    return error.kind in ("rate", "busy")


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
    if error.kind == "refused":
        return NextStep("refuse")
    if error.kind == "denied":
        return _after_denial(tries, health, jitter)
    if is_rate_limit(error):
        patience = server_down_after * (RATE_LIMIT_FACTOR if error.kind == "rate" else 1)
        is_final = error.kind == "busy" and _is_busy_for_this_request(tries, health)
        if silent > patience:
            return NextStep("refuse" if is_final else "server_down")
        if tries.rate_limits >= RATE_LIMIT_TRIES:
            return NextStep("refuse" if is_final else "fail")
        return NextStep(
            "retry", backoff(tries.rate_limits, jitter) if error.retry_after is None else error.retry_after
        )
    if error.kind == "empty":  # the server answers: what it says is no answer
        most = EMPTY_TRIES if health.answers_others(tries) else LONE_EMPTY_TRIES
        return (
            NextStep("refuse") if tries.errors >= most else NextStep("retry", backoff(tries.errors, jitter))
        )
    never_answered = not health.ever_answered and not _is_of_this_request(error, health)
    if silent > server_down_after and (len(health.failing) >= FAILING_AT_ONCE or never_answered):
        return NextStep("server_down")
    if error.code == "connection_refused" and never_answered and silent > NOBODY_LISTENS_AFTER:
        return NextStep("server_down")
    if tries.errors >= ERROR_TRIES and not health.breaker_open:
        is_final = health.answers_others(tries) or _is_of_this_request(error, health)
        return NextStep("refuse" if is_final and error.kind in FINAL_AFTER_TRIES else "fail")
    return NextStep("retry", backoff(tries.errors, jitter))


FINAL_AFTER_TRIES = ("server", "broken", "timeout")
"""Failures that are given up for good where a request meets them at each try while others are answered."""


def _is_of_this_request(error: RequestFailed, health: ServerHealth) -> bool:
    """Whether a failure is taken to be about its request although no other is asked now: a server that has
    answered before says 500, while one that is down says 502, 504, or nothing.
    """
    return error.code == "500" and health.known_to_answer and _is_alone(health)


def _is_busy_for_this_request(tries: Tries, health: ServerHealth) -> bool:
    """Whether a server that has long been too busy for a request is so for this one alone: others are
    answered meanwhile, or this is a later start that was left with nothing else to ask.
    """
    is_left_over = health.known_to_answer and not health.answers
    return (health.answers_others(tries) or is_left_over) and _is_alone(health)


def _is_alone(health: ServerHealth) -> bool:
    """Whether few requests fail now, and none was given up just before."""
    return len(health.failing) < FAILING_AT_ONCE and health.given_up_in_a_row < GIVEN_UP_IN_A_ROW


def _after_denial(tries: Tries, health: ServerHealth, jitter: float) -> NextStep:
    """A key that is wrong is denied everything; a prompt that a server will not have is denied alone."""
    if tries.errors < DENIED_TRIES:
        return NextStep("retry", backoff(tries.errors, jitter))
    is_of_this_request = health.known_to_answer and health.given_up_in_a_row < GIVEN_UP_IN_A_ROW
    return NextStep("refuse" if health.answers_others(tries) or is_of_this_request else "fatal")


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
        return FatalEndpoint(
            f"model {model!r}: all {self._codes.total()} requests so far were refused alike "
            f"({', '.join(self._codes)}): {self._last_message}. Mend the recipe or its endpoint and run again"
        )


def server_down(model: str, silent: float, error: RequestFailed) -> EndpointDown:
    """What stops a run whose server does not answer."""
    return EndpointDown(
        f"model {model!r}: no answer for {silent:.0f} s ({error.message}). Everything so far is kept; run "
        "again"
    )
