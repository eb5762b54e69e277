"""A server asked directly, beside all queues and journals: for whoever wants to know what it can do. Whatever
it answers is a value; nothing here raises.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from prefgen.errors import RequestFailed
from prefgen.transport.failures import NO_ROUTE_STATUSES
from prefgen.transport.openai_errors import find_error, parse_error
from prefgen.transport.openai_replies import load_body, read_responses
from prefgen.transport.request import ModelRequest, ModelResponse

MOST_BYTES = 4_000_000
"""Of a reply; more is none that was asked for."""


@dataclass(frozen=True)
class ServerReply:
    """What came of a request. `status` is 0 where no reply came, `data` its JSON where it is some, `words`
    what went wrong in one line, empty where nothing did.
    """

    status: int
    words: str = ""
    data: Any = None
    raw: bytes = b""
    software: str = ""
    """What the server calls itself (its `Server` header)."""

    @property
    def is_ok(self) -> bool:
        return 200 <= self.status < 300 and not self.words

    @property
    def is_refusal(self) -> bool:
        """Whether the server says of this request that it will not have it, and not merely not now."""
        return 400 <= self.status < 500 and self.status not in (401, 402, 403, 408, 425, 429)

    @property
    def is_no_route(self) -> bool:
        return self.status in NO_ROUTE_STATUSES


@dataclass
class ServerAccess:
    """How a server is reached: its address up to and with /v1, where connections and headers come from, and
    how its words are made fit to be shown, without a key in them. Counts what it took.
    """

    address: str
    open_session: Callable[[], Any]
    plain: Callable[[str], str]
    key_env: str = ""
    seconds: float = 30.0
    """Within which a request is answered."""
    requests: int = 0
    tokens: int = 0

    @property
    def root(self) -> str:
        """The address without /v1, above which some servers have further routes."""
        return self.address.removesuffix("/v1")

    async def get(self, url: str) -> ServerReply:
        return await self._ask("GET", url, None)

    async def post(self, url: str, body: Mapping[str, Any]) -> ServerReply:
        self.requests += 1
        reply = await self._ask("POST", url, orjson.dumps(body))
        self.tokens += tokens_of(reply.data)
        return reply

    async def _ask(self, method: str, url: str, body: bytes | None) -> ServerReply:
        import aiohttp  # 0.1 s, wanted only by what asks a server

        timeout = aiohttp.ClientTimeout(total=self.seconds)
        try:
            async with self.open_session().request(
                method, url, data=body, timeout=timeout, allow_redirects=False
            ) as response:
                raw = await _read_some(response)
                status, headers = response.status, response.headers
        except TimeoutError:
            return ServerReply(0, f"no answer within {self.seconds:g} s")
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return ServerReply(0, self.plain(str(error) or type(error).__name__))
        software = self.plain(headers.get("server", ""))[:80]
        if 300 <= status < 400:
            target = self.plain(headers.get("location", ""))[:200]
            return ServerReply(status, f"HTTP {status}: it sends us to {target!r}", software=software)
        words = self._what_is_wrong(status, raw)
        return ServerReply(status, words, _json_of(raw), raw, software)

    def _what_is_wrong(self, status: int, raw: bytes) -> str:
        if len(raw) > MOST_BYTES:
            return f"a reply of more than {MOST_BYTES:,} bytes"
        if not 200 <= status < 300:
            return f"HTTP {status}: {self.plain(parse_error(raw).message)[:200]}"
        data = _json_of(raw)
        if data is None:
            start = self.plain(raw[:80].decode("utf-8", "replace"))
            return f"what comes is not JSON (starts with {start!r})"
        error = find_error(data) if isinstance(data, Mapping) else None
        return self.plain(str(error))[:200] if error else ""

    def responses(
        self, reply: ServerReply, endpoint: str, draws: int = 1
    ) -> tuple[Sequence[ModelResponse], str]:
        """(the answers in a reply, as a run would read them; else what is wrong with it)."""
        if reply.words:
            return (), reply.words
        try:
            return read_responses(reply.raw, ModelRequest(endpoint, "", seeds=(None,) * draws)), ""
        except RequestFailed as error:
            return (), self.plain(error.message)[:200]


async def _read_some(response: Any) -> bytes:
    """The body, of one that is too long its beginning and a byte more."""
    parts, size = list[bytes](), 0
    async for part in response.content.iter_chunked(1 << 16):
        parts.append(part)
        size += len(part)
        if size > MOST_BYTES:
            break
    return b"".join(parts)


def _json_of(raw: bytes) -> Any:
    try:
        return load_body(raw)
    except (ValueError, RecursionError):
        return None


def tokens_of(data: Any) -> int:
    """The tokens that a reply says it took; 0 where it does not say."""
    usage = data.get("usage") if isinstance(data, Mapping) else None
    if not isinstance(usage, Mapping):
        return 0
    counts = [usage.get(name) for name in ("prompt_tokens", "completion_tokens")]
    return sum(count for count in counts if type(count) is int and count > 0)
