"""Whether a server answers anything now: a short request of our own, sent where a record's fails for good and
nothing else has been answered since. It tells a server that is down, or a key that is withdrawn, from a
prompt that a server will not have.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

from prefgen.calls.slots import Clock
from prefgen.errors import RequestFailed
from prefgen.transport.request import ModelRequest
from prefgen.types import assistant, user

STALE_AFTER = 5.0
"""Seconds after which a server is asked again."""
TIMEOUT = 30.0
"""Seconds within which a server that is up answers a word."""
WORD = "Hello"
MOST_TOKENS = 16
"""Tokens of its answer."""


class Probe:
    """Probes one model. `send(request)` is one try, and raises RequestFailed."""

    def __init__(self, send: Callable[[ModelRequest], Awaitable[None]], clock: Clock) -> None:
        self._send, self._clock = send, clock
        self._lock = asyncio.Lock()
        self._asked_at: float | None = None
        self._is_up = False

    async def is_up(self, request: ModelRequest) -> bool:
        """Whether the server answers a short request of the same kind as `request`, now or seconds ago."""
        async with self._lock:
            now = self._clock.now()
            if self._asked_at is None or now - self._asked_at > STALE_AFTER:
                self._is_up = await self._answers(short_request(request))
                self._asked_at = self._clock.now()
            return self._is_up

    async def _answers(self, request: ModelRequest) -> bool:
        try:
            async with asyncio.timeout(TIMEOUT):
                await self._send(request)
        except (RequestFailed, TimeoutError):
            return False
        return True


def short_request(request: ModelRequest) -> ModelRequest:
    """A request of the same endpoint to the same model that costs next to nothing."""
    turns = (user(WORD),) if request.endpoint == "chat" else (user(WORD), assistant(WORD))
    generates = request.endpoint in ("chat", "completion")
    messages = {"chat": turns, "score": turns, "rank": (*turns, assistant(WORD))}.get(request.endpoint, ())
    return replace(
        request,
        messages=messages,
        text=WORD if request.endpoint == "completion" else "",
        inputs=(WORD,) if request.endpoint == "embed" else (),
        sampling={**request.sampling, "max_tokens": MOST_TOKENS} if generates else {},
        schema=None, logprobs=0, echo=False, tools=(), seeds=request.seeds[:1],
    )  # fmt: skip
