"""Whether a server answers anything now: a short request of our own, sent where a record's fails for good and
nothing else has been answered since. It tells a server that is down, a key that is withdrawn or an account
without credit from a prompt that a server will not have; and, where a word alone is answered, what else of
the request it will not have from anybody.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Literal

from prefgen.calls.slots import Clock
from prefgen.errors import RequestFailed
from prefgen.transport.request import Features, ModelRequest, features_of
from prefgen.types import assistant, user

STALE_AFTER = 5.0
"""Seconds after which a server is asked again."""
TIMEOUT = 30.0
"""Seconds within which a server that is up answers a word."""
PAUSES = (1.0, 2.0, 4.0)
"""Seconds between tries where the server limits us: that says nothing of what it answers."""
WORD = "Hello"
MOST_TOKENS = 16
"""Tokens of its answer."""
_LIMIT_TOO_LOW = re.compile(r"max_(completion_|output_)?tokens|output limit|budget_tokens")
"""Words of a refusal that is about MOST_TOKENS: the server would answer more."""

Finding = Literal["up", "bare", "refused", "down"]
"""A probe with all features was answered; one without them alone; it was refused; nothing came."""


@dataclass(frozen=True, slots=True)
class _Found:
    finding: Finding
    started: float
    ended: float


class Probe:
    """Probes one model. `send(request)` is one try, and raises RequestFailed."""

    def __init__(self, send: Callable[[ModelRequest], Awaitable[None]], clock: Clock) -> None:
        self._send, self._clock = send, clock
        self._lock = asyncio.Lock()
        self._found: dict[Features, _Found] = {}

    async def find(self, request: ModelRequest, since: float) -> Finding:
        """What becomes of a short request with the features of `request`, now or seconds ago, but after
        `since`.
        """
        features = features_of(request)
        async with self._lock:
            found = self._found.get(features)
            started = self._clock.now()
            if found is None or found.started < since or started - found.ended > STALE_AFTER:
                finding = await self._ask(request, features)
                self._found[features] = found = _Found(finding, started, self._clock.now())
            return found.finding

    async def _ask(self, request: ModelRequest, features: Features) -> Finding:
        finding = await self._answer_to(short_request(request))
        if finding == "up" or features == frozenset({request.endpoint}):
            return finding
        return "bare" if await self._answer_to(bare_request(request)) == "up" else finding

    async def _answer_to(self, request: ModelRequest) -> Finding:
        for pause in (*PAUSES, None):
            try:
                async with asyncio.timeout(TIMEOUT):
                    await self._send(request)
                return "up"
            except TimeoutError:
                return "down"
            except RequestFailed as error:
                is_refused = error.kind in ("refused", "rejected", "denied", "fatal")
                if is_refused and _LIMIT_TOO_LOW.search(error.message):
                    return "up"
                if error.kind != "rate" or pause is None:
                    return "refused" if is_refused else "down"
                await self._clock.sleep(min(max(pause, error.retry_after or 0.0), TIMEOUT))
        return "down"


def short_request(request: ModelRequest) -> ModelRequest:
    """A request of the same endpoint and with the same features to the same model that costs next to
    nothing.
    """
    turns = (user(WORD),) if request.endpoint == "chat" else (user(WORD), assistant(WORD))
    generates = request.endpoint in ("chat", "completion")
    messages = {"chat": turns, "score": turns, "rank": (*turns, assistant(WORD))}.get(request.endpoint, ())
    kept = {name: value for name, value in request.sampling.items() if name != "thinking_budget"}
    return replace(
        request,
        messages=messages,
        text=WORD if request.endpoint == "completion" else "",
        inputs=(WORD,) if request.endpoint == "embed" else (),
        sampling={**kept, "max_tokens": MOST_TOKENS} if generates else {},
        echo=False, seeds=request.seeds[:2],
    )  # fmt: skip


def bare_request(request: ModelRequest) -> ModelRequest:
    """A short request for one draw of text, and nothing else."""
    short = short_request(request)
    return replace(short, schema=None, logprobs=0, tools=(), seeds=short.seeds[:1])
