"""Whether a server answers anything now. (prefgen/calls/probe.py)"""

from dataclasses import replace

import pytest

from prefgen.calls.probe import STALE_AFTER, Probe, bare_request, short_request
from prefgen.errors import RequestFailed
from prefgen.transport.request import ModelRequest, estimate_prompt_tokens, features_of
from prefgen.types import assistant, user

LONG = "A long prompt. " * 500
REQUESTS = [
    ModelRequest("chat", "m", (user(LONG),), sampling={"temperature": 1.0, "max_tokens": 4096}, logprobs=20,
                 seeds=(1, 2), schema={"type": "object"}),
    ModelRequest("chat", "m", (user(LONG),)),
    ModelRequest("completion", "m", text=LONG, echo=True),
    ModelRequest("score", "m", (user(LONG), assistant(LONG))),
    ModelRequest("rank", "m", (user(LONG), assistant(LONG), assistant(LONG))),
    ModelRequest("embed", "m", inputs=(LONG, LONG)),
]  # fmt: skip


@pytest.mark.parametrize("request_of_record", REQUESTS, ids=lambda request: request.endpoint)
def test_a_probe_is_of_the_same_endpoint_and_costs_next_to_nothing(request_of_record):
    probe = short_request(request_of_record)

    assert (probe.endpoint, probe.model) == (request_of_record.endpoint, "m")
    assert features_of(probe) == features_of(request_of_record)
    assert features_of(bare_request(request_of_record)) == {probe.endpoint}
    assert estimate_prompt_tokens(probe) < 50 and "A long" not in str(probe)
    assert probe.sampling.get("max_tokens") == (16 if probe.endpoint in ("chat", "completion") else None)
    assert [m.role for m in probe.messages] == [m.role for m in request_of_record.messages]


class ByHand:
    """A clock that stands until it is moved."""

    def __init__(self):
        self.seconds = 0.0

    def now(self):
        return self.seconds

    async def sleep(self, seconds):
        self.seconds += seconds


class Asked:
    """A probe of a server that answers what `answers(request)` says: an error, or None."""

    def __init__(self, answers):
        self.requests, self.clock = [], ByHand()
        self.answers = answers
        self.probe = Probe(self.send, self.clock)

    async def send(self, request):
        self.requests.append(request)
        if (error := self.answers(request)) is not None:
            raise error


async def test_what_a_probe_has_found_counts_for_seconds_and_for_what_was_sent_before_it():
    asked = Asked(lambda request: RequestFailed("server", "HTTP 500"))
    asked.clock.seconds = 10.0
    assert [await asked.probe.find(REQUESTS[1], since=9.0) for _ in range(2)] == ["down", "down"]
    assert len(asked.requests) == 1

    asked.answers = lambda request: None
    asked.clock.seconds = 11.0
    assert await asked.probe.find(REQUESTS[1], since=10.5) == "up" and len(asked.requests) == 2

    asked.clock.seconds += STALE_AFTER + 1
    assert await asked.probe.find(REQUESTS[1], since=9.0) == "up" and len(asked.requests) == 3


@pytest.mark.parametrize("feature", ["seeds", "schema", "tools", "logprobs"])
async def test_what_a_server_answers_to_nobody_is_told_from_a_server_that_is_down(feature):
    wanted = {"seeds": (1, 2, 3), "schema": {"type": "object"}, "tools": ({},), "logprobs": 5}
    request = replace(REQUESTS[1], **{feature: wanted[feature]})
    asked = Asked(
        lambda probe: RequestFailed("server", "HTTP 500") if features_of(probe) != {"chat"} else None
    )

    assert await asked.probe.find(request, since=0.0) == "bare"
    assert await asked.probe.find(REQUESTS[1], since=0.0) == "up", "another kind of request is asked anew"


@pytest.mark.parametrize(
    ("error", "finding"),
    [
        (RequestFailed("rejected", "credit balance"), "refused"),
        (RequestFailed("fatal", "HTTP 401"), "refused"),
        (RequestFailed("connection", "gone"), "down"),
        (RequestFailed("busy", "HTTP 503"), "down"),
        (RequestFailed("rejected", "max_tokens must be at least 64"), "up"),  # that is of the probe alone
    ],
)
async def test_a_server_that_refuses_a_word_is_told_from_one_that_is_down(error, finding):
    assert await Asked(lambda request: error).probe.find(REQUESTS[1], since=0.0) == finding


async def test_a_server_that_limits_us_is_asked_again():
    said = iter([RequestFailed("rate", "HTTP 429"), RequestFailed("rate", "HTTP 429", retry_after=9.0)])
    asked = Asked(lambda request: next(said, None))

    assert await asked.probe.find(REQUESTS[1], since=0.0) == "up"
    assert (len(asked.requests), asked.clock.seconds) == (3, 1.0 + 9.0)
