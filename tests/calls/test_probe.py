"""Whether a server answers anything now. (prefgen/calls/probe.py)"""

import pytest

from prefgen.calls.probe import STALE_AFTER, Probe, short_request
from prefgen.errors import RequestFailed
from prefgen.transport.request import ModelRequest, estimate_prompt_tokens
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

    assert (probe.endpoint, probe.model, probe.samples) == (request_of_record.endpoint, "m", 1)
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


async def test_what_a_probe_has_found_counts_for_seconds():
    asked, clock, is_down = [], ByHand(), True

    async def send(request):
        asked.append(request)
        if is_down:
            raise RequestFailed("server", "HTTP 500")

    probe = Probe(send, clock)
    assert not await probe.is_up(REQUESTS[0]) and not await probe.is_up(REQUESTS[0])
    assert len(asked) == 1

    is_down = False
    clock.seconds += STALE_AFTER + 1

    assert await probe.is_up(REQUESTS[0]) and len(asked) == 2
