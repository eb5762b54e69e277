"""What follows a failed request, as a table; and when a breaker opens. (prefgen/calls/retries.py)"""

import pytest

from prefgen.calls.retries import (
    BREAKER_FAILING,
    DENIED_TRIES,
    EMPTY_TRIES,
    ERROR_TRIES,
    RATE_LIMIT_TRIES,
    Refusals,
    ServerHealth,
    Tries,
    backoff,
    next_step,
    server_down,
)
from prefgen.errors import EndpointDown, FatalEndpoint, RequestFailed
from prefgen.transport.failures import NO_JSON

PATIENCE = 60.0


def step_after(
    kind: str, *, errors=1, rate_limits=1, silent=1.0, failing=1, ever=True, breaker=False, retry_after=None,
    code="", others=False, features=(), answered=(), together=0,
):  # fmt: skip
    """`others`: a request that was sent after this one had failed was answered; one with the features
    `answered`.
    """
    health = ServerHealth(
        100.0 - silent, set(range(failing)), breaker_open=breaker, ever_answered=ever,
        answered_starts={frozenset({"chat", *answered}): 31.0 if others else 29.0},
    )  # fmt: skip
    error = RequestFailed(kind, "no", code=code, retry_after=retry_after)
    tries = Tries(errors, rate_limits, 30.0, frozenset({"chat", *features}), sent=30.0, together=together)
    return next_step(error, tries, health, now=100.0, server_down_after=PATIENCE, jitter=1.0)


DOUBTFUL = "?"
"""Behind an action: it is a refusal if the server answers a probe."""


@pytest.mark.parametrize(
    ("given", "action"),
    [
        ({"kind": "fatal"}, "fatal"),
        ({"kind": "refused"}, "refuse"),
        ({"kind": "rejected"}, "fatal?"),  # of this prompt, or of all from now on
        ({"kind": "rejected", "ever": False}, "fatal?"),
        ({"kind": "rejected", "others": True}, "refuse"),
        ({"kind": "rejected", "features": ["n"]}, "refuse"),  # it is asked again in single draws
        ({"kind": "rejected", "features": ["tools"], "others": True}, "fatal?"),  # those had none
        ({"kind": "rejected", "features": ["tools"], "answered": ["tools", "n"], "others": True}, "refuse"),
        ({"kind": "server", "errors": ERROR_TRIES, "features": ["tools"], "others": True}, "fail?"),
        ({"kind": "server"}, "retry"),
        ({"kind": "timeout"}, "retry"),
        ({"kind": "server", "errors": ERROR_TRIES}, "fail?"),
        ({"kind": "server", "errors": ERROR_TRIES, "breaker": True}, "retry?"),  # it is the probe
        ({"kind": "empty", "errors": EMPTY_TRIES - 1, "others": True}, "retry"),
        ({"kind": "empty", "errors": EMPTY_TRIES, "others": True}, "refuse"),
        ({"kind": "empty", "errors": EMPTY_TRIES}, "retry?"),  # no more than that, if a word is answered
        ({"kind": "empty", "errors": EMPTY_TRIES - 1}, "retry"),
        ({"kind": "empty", "errors": EMPTY_TRIES, "code": NO_JSON}, "retry"),  # a proxy's page, meanwhile
        ({"kind": "empty", "together": 3}, "refuse"),  # a draw that was tried with others
        ({"kind": "empty", "together": 3, "ever": False}, "refuse"),
        ({"kind": "server", "together": 3}, "retry"),
        ({"kind": "empty", "together": 3, "code": NO_JSON}, "retry"),
        ({"kind": "empty", "errors": ERROR_TRIES}, "fail?"),  # an outage may look so
        ({"kind": "empty", "errors": EMPTY_TRIES, "ever": False}, "refuse"),
        ({"kind": "empty", "errors": EMPTY_TRIES - 1, "ever": False}, "retry"),
        ({"kind": "server", "silent": 61.0, "failing": 2}, "retry"),  # two bad requests are no outage
        ({"kind": "server", "silent": 61.0, "failing": 3}, "server_down?"),
        ({"kind": "server", "silent": 61.0, "failing": 1, "ever": False}, "server_down?"),
        ({"kind": "server", "silent": 59.0, "failing": 9, "ever": False}, "retry"),
        ({"kind": "rate", "silent": 61.0, "failing": 9}, "retry"),  # it limits us: it is alive
        ({"kind": "rate", "silent": 1201.0}, "server_down"),
        ({"kind": "rate", "silent": 1201.0, "others": True}, "server_down"),
        ({"kind": "rate", "rate_limits": RATE_LIMIT_TRIES}, "fail"),
        ({"kind": "busy", "silent": 61.0}, "server_down?"),
        ({"kind": "busy", "silent": 61.0, "others": True}, "refuse"),  # it is this request
        ({"kind": "busy", "silent": 59.0, "others": True}, "retry"),
        ({"kind": "busy", "rate_limits": RATE_LIMIT_TRIES}, "fail?"),
        ({"kind": "busy", "rate_limits": RATE_LIMIT_TRIES, "others": True}, "refuse"),
        ({"kind": "server", "errors": ERROR_TRIES, "others": True}, "refuse"),
        ({"kind": "timeout", "errors": ERROR_TRIES, "others": True}, "refuse"),
        ({"kind": "connection", "errors": ERROR_TRIES, "others": True}, "refuse"),  # dropped each time
        ({"kind": "denied", "errors": DENIED_TRIES - 1}, "retry"),
        ({"kind": "denied", "errors": DENIED_TRIES}, "fatal?"),
        ({"kind": "denied", "errors": DENIED_TRIES, "others": True}, "refuse"),
        ({"kind": "connection", "code": "connection_refused", "ever": False, "silent": 6.0}, "server_down"),
        ({"kind": "connection", "code": "connection_refused", "ever": True, "silent": 6.0}, "retry"),
        ({"kind": "connection", "code": "connection_refused", "errors": ERROR_TRIES}, "fail"),
    ],
)
def test_what_follows(given, action):
    step = step_after(**given)

    assert f"{step.action}{DOUBTFUL if step.is_doubtful else ''}" == action


def test_waits_double_up_to_sixteen_seconds():
    assert [backoff(tries, 1.0) for tries in range(1, 9)] == [0.5, 1, 2, 4, 8, 16, 16, 16]
    assert step_after("server", errors=3).seconds == 2
    assert step_after("rate", rate_limits=4).seconds == 4


def test_a_server_that_says_when_is_taken_at_its_word():
    assert step_after("rate", rate_limits=1, retry_after=7.5).seconds == 7.5


@pytest.mark.parametrize("kind", ["rate", "busy"])
@pytest.mark.parametrize("retry_after", [0.0, 0.001])
def test_a_server_that_wants_to_be_asked_at_once_is_given_the_usual_time(kind, retry_after):
    assert step_after(kind, rate_limits=3, retry_after=retry_after).seconds == 2


def test_a_word_of_our_own_is_no_answer_to_a_request():
    health = ServerHealth(0.0, {1, 2}, breaker_open=True)

    health.is_up(5.0)

    assert (health.last_answer, health.failing, health.breaker_open) == (5.0, set(), False)
    assert not health.ever_answered and not health.answers_since(0.0, frozenset())


def test_the_breaker_opens_for_several_failing_requests_and_silence_and_closes_with_an_answer():
    health = ServerHealth(last_answer=0.0)
    health.failing = set(range(BREAKER_FAILING - 1))
    assert not health.should_open_breaker(10.0)
    health.failing.add(99)
    assert not health.should_open_breaker(1.0)
    assert health.should_open_breaker(10.0)
    health.breaker_open = True
    assert not health.should_open_breaker(10.0)

    health.answered(11.0, sent=10.5)

    assert (health.breaker_open, health.failing, health.last_answer) == (False, set(), 11.0)


def test_refusals_of_one_code_are_the_recipes_fault():
    refusals = Refusals()
    assert not refusals.all_alike()
    for _ in range(3):
        refusals.add(RequestFailed("refused", "no such field", code="bad_field"))
    assert refusals.all_alike(3) and not refusals.all_alike(4)
    assert isinstance(refusals.recipe_error("writer"), FatalEndpoint)
    assert "all 3 requests so far were refused alike (bad_field)" in str(refusals.recipe_error("writer"))
    refusals.add(RequestFailed("refused", "too long", code="context_length_exceeded"))
    assert not refusals.all_alike()


def test_a_server_that_is_down_is_named_with_how_long():
    error = server_down("writer", 61.4, RequestFailed("server", "HTTP 503"))
    assert isinstance(error, EndpointDown) and "no usable answer for 61 s (HTTP 503)" in str(error)
