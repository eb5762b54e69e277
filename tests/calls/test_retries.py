"""What follows a failed request, as a table; and when a breaker opens. (prefgen/calls/retries.py)"""

import pytest

from prefgen.calls.retries import (
    BREAKER_FAILING,
    DENIED_TRIES,
    EMPTY_TRIES,
    ERROR_TRIES,
    GIVEN_UP_IN_A_ROW,
    LONE_EMPTY_TRIES,
    RATE_LIMIT_TRIES,
    Refusals,
    ServerHealth,
    Tries,
    backoff,
    next_step,
    server_down,
)
from prefgen.errors import EndpointDown, FatalEndpoint, RequestFailed

PATIENCE = 60.0


def step_after(
    kind: str, *, errors=1, rate_limits=1, silent=1.0, failing=1, ever=True, breaker=False, retry_after=None,
    code="", others=0, known=False, given_up=0,
):  # fmt: skip
    health = ServerHealth(
        100.0 - silent, set(range(failing)), breaker_open=breaker, ever_answered=ever, answers=others,
        known_to_answer=known, given_up_in_a_row=given_up,
    )  # fmt: skip
    error = RequestFailed(kind, "no", code=code, retry_after=retry_after)
    tries = Tries(errors, rate_limits, answers_before=0)
    return next_step(error, tries, health, now=100.0, server_down_after=PATIENCE, jitter=1.0)


@pytest.mark.parametrize(
    ("given", "action"),
    [
        ({"kind": "fatal"}, "fatal"),
        ({"kind": "refused"}, "refuse"),
        ({"kind": "server"}, "retry"),
        ({"kind": "timeout"}, "retry"),
        ({"kind": "server", "errors": ERROR_TRIES}, "fail"),
        ({"kind": "server", "errors": ERROR_TRIES, "breaker": True}, "retry"),  # it is the probe
        ({"kind": "empty", "errors": EMPTY_TRIES - 1}, "retry"),
        ({"kind": "empty", "errors": EMPTY_TRIES, "others": 1}, "refuse"),
        ({"kind": "empty", "errors": LONE_EMPTY_TRIES - 1, "silent": 61.0, "failing": 9}, "retry"),
        ({"kind": "empty", "errors": LONE_EMPTY_TRIES}, "refuse"),
        ({"kind": "server", "silent": 61.0, "failing": 2}, "retry"),  # two bad requests are no outage
        ({"kind": "server", "silent": 61.0, "failing": 3}, "server_down"),
        ({"kind": "server", "silent": 61.0, "failing": 1, "ever": False}, "server_down"),
        ({"kind": "server", "silent": 59.0, "failing": 9, "ever": False}, "retry"),
        ({"kind": "rate", "silent": 61.0, "failing": 9}, "retry"),  # it limits us: it is alive
        ({"kind": "rate", "silent": 1201.0}, "server_down"),
        ({"kind": "busy", "silent": 61.0}, "server_down"),
        ({"kind": "busy", "silent": 61.0, "others": 1}, "refuse"),  # it is this request
        ({"kind": "busy", "silent": 59.0, "others": 1}, "retry"),
        ({"kind": "busy", "silent": 61.0, "others": 1, "failing": 3}, "server_down"),
        ({"kind": "busy", "silent": 61.0, "others": 9, "given_up": 1}, "server_down"),
        ({"kind": "busy", "silent": 61.0, "known": True}, "refuse"),  # a later start, with nothing else
        ({"kind": "busy", "silent": 61.0, "known": True, "given_up": 1}, "server_down"),
        ({"kind": "busy", "rate_limits": RATE_LIMIT_TRIES, "others": 1}, "refuse"),
        ({"kind": "rate", "silent": 1201.0, "others": 1}, "server_down"),
        ({"kind": "rate", "rate_limits": RATE_LIMIT_TRIES, "others": 1}, "fail"),
        ({"kind": "rate", "rate_limits": RATE_LIMIT_TRIES}, "fail"),
        ({"kind": "server", "errors": ERROR_TRIES, "others": 1}, "refuse"),  # it is this request
        ({"kind": "timeout", "errors": ERROR_TRIES, "others": 1}, "refuse"),
        ({"kind": "connection", "errors": ERROR_TRIES, "others": 1}, "fail"),
        ({"kind": "server", "errors": ERROR_TRIES, "code": "500", "known": True}, "refuse"),
        ({"kind": "server", "errors": ERROR_TRIES, "code": "502", "known": True}, "fail"),  # a gateway's
        ({"kind": "server", "errors": ERROR_TRIES, "code": "500", "known": True, "given_up": 1}, "fail"),
        ({"kind": "server", "errors": ERROR_TRIES, "code": "500", "known": True, "failing": 3}, "fail"),
        ({"kind": "server", "code": "500", "known": True, "ever": False, "silent": 61.0}, "retry"),
        ({"kind": "denied", "errors": DENIED_TRIES - 1}, "retry"),
        ({"kind": "denied", "errors": DENIED_TRIES}, "fatal"),
        ({"kind": "denied", "errors": DENIED_TRIES, "others": 1}, "refuse"),
        ({"kind": "denied", "errors": DENIED_TRIES, "known": True}, "refuse"),
        ({"kind": "denied", "errors": DENIED_TRIES, "known": True, "given_up": GIVEN_UP_IN_A_ROW}, "fatal"),
        ({"kind": "connection", "code": "connection_refused", "ever": False, "silent": 6.0}, "server_down"),
        ({"kind": "connection", "code": "connection_refused", "ever": True, "silent": 6.0}, "retry"),
    ],
)
def test_what_follows(given, action):
    assert step_after(**given).action == action


def test_waits_double_up_to_sixteen_seconds():
    assert [backoff(tries, 1.0) for tries in range(1, 9)] == [0.5, 1, 2, 4, 8, 16, 16, 16]
    assert step_after("server", errors=3).seconds == 2
    assert step_after("rate", rate_limits=4).seconds == 4


def test_a_server_that_says_when_is_taken_at_its_word():
    assert step_after("rate", rate_limits=1, retry_after=7.5).seconds == 7.5


def test_the_breaker_opens_for_several_failing_requests_and_silence_and_closes_with_an_answer():
    health = ServerHealth(last_answer=0.0)
    health.failing = set(range(BREAKER_FAILING - 1))
    assert not health.should_open_breaker(10.0)
    health.failing.add(99)
    assert not health.should_open_breaker(1.0)
    assert health.should_open_breaker(10.0)
    health.breaker_open = True
    assert not health.should_open_breaker(10.0)

    health.answered(11.0)

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
    assert isinstance(error, EndpointDown) and "no answer for 61 s (HTTP 503)" in str(error)
