"""A connected server that speaks the OpenAI protocol: requests go out, replies and failures come back.

The hot path is aiohttp and orjson (docs/decisions/002-http-client.md has the numbers).
"""

import asyncio
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import urlsplit

import orjson

from prefgen.backends._openai_batches import OpenAIBatches
from prefgen.backends._remedies import remedy
from prefgen.errors import RecipeError, RequestFailed, sentences
from prefgen.transport.failures import BAD_ENCODING, failure_of_status, status_of_code
from prefgen.transport.openai_errors import parse_error
from prefgen.transport.openai_protocol import request_body, route
from prefgen.transport.openai_replies import load_body, read_responses, reply_of
from prefgen.transport.rate_headers import parse_seconds, reset_seconds
from prefgen.transport.request import ModelHooks, ModelRequest, ModelResponse, ServerLoad
from prefgen.transport.server_access import ServerAccess
from prefgen.transport.server_facts import models_served, vllm_load
from prefgen.transport.server_names import UNDISCLOSED, host_of
from prefgen.types import Reply

ANSWER_TIMEOUT = 10
"""Seconds within which a server answers whoever only asks whether it is there."""

NO_RANKING = "a server of the OpenAI protocol has no route that compares two answers: `use: transformers` has"
NO_OPENING = (
    "it is asked to go on with a turn that is begun (`opening`), which vLLM (`use: vllm`) and `use: "
    "transformers` do: leave `opening` out"
)
NO_ROUTE = (
    "it is asked for rewards, and nothing says by which route: give score_route under models: classify or "
    "pooling for a chat model that rates (it sees the conversation in its template), score for a "
    "cross-encoder of two texts"
)
_ROUTE = re.compile(r"/(?:chat/completions|chat|completions|responses|embeddings|score|pooling|classify)$")
"""What some give at the end of an address, and is added to it for each request."""
ScoreRoute = Literal["score", "pooling", "classify"]


@dataclass(frozen=True)
class ServerSettings:
    """How a server is spoken to. `address` ends with /v1; `needs_key` where the recipe names the key's
    variable, so that it must be set.
    """

    address: str
    api_key_env: str = "OPENAI_API_KEY"
    needs_key: bool = False
    token_field: Literal["auto", "max_tokens", "max_completion_tokens"] = "auto"
    schema_as: Literal["json_schema", "text"] = "json_schema"
    send_seed: bool = True
    score_route: ScoreRoute | None = None
    continues_turns: bool = False
    """Whether the server goes on with a turn of the model that is begun already."""
    keeps_max_length: bool = False
    """Whether the server keeps to the `maxLength` of texts in a schema."""
    raw_rewards: bool = True
    """Ask a reward model for what it gives, without an activation: rewards of earlier keys were asked for
    with it.
    """
    slots: int = 0
    """Requests at once that the server is made for, where that is known."""
    tells_load: bool = False
    """Whether it may have vLLM's /metrics."""
    headers: Mapping[str, str] = field(default_factory=dict)

    def check_request(self, request: ModelRequest) -> None:
        """Raise RequestFailed for what such a server can never answer."""
        if request.endpoint == "rank":
            raise RequestFailed("fatal", NO_RANKING)
        if request.opened and not self.continues_turns:
            raise RequestFailed("fatal", NO_OPENING)
        if request.endpoint == "score" and self.score_route is None:
            raise RequestFailed("fatal", NO_ROUTE)

    def key(self) -> str:
        """The API key, empty where there is none. Raises RecipeError for what is no key."""
        key = os.environ.get(self.api_key_env, "").strip()
        if not key.isprintable() or " " in key or not key.isascii():
            raise RecipeError(
                f"the environment variable {self.api_key_env} holds no API key: there are characters in it "
                "that no key has"
            )
        return key


def checked_address(url: str, field_name: str = "base_url") -> str:
    """An address as requests want it. Raises RecipeError for what is none, or would end up where nobody
    said.
    """
    shown = re.sub(r"[^/]*@", "", re.split(r"[?#]", url)[0])  # a key may stand in the rest
    try:
        parts = urlsplit(url)
    except ValueError as error:  # half an IPv6 address
        raise RecipeError(f"{field_name} {shown!r}: {error}") from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise RecipeError(f"{field_name} must start with http:// or https://, found {shown!r}")
    try:
        _ = parts.port
    except ValueError as error:
        raise RecipeError(f"{field_name} {shown!r}: {error}") from None
    if parts.username or parts.password:
        raise RecipeError(
            f"{field_name} must not hold a user name or password: name an environment variable with "
            "api_key_env"
        )
    if parts.query or parts.fragment:
        raise RecipeError(
            f"{field_name} {shown!r}: nothing may follow a ? or #, since routes are added at the end (Azure "
            "answers at https://NAME.openai.azure.com/openai/v1, without api-version)"
        )
    address = url.rstrip("/?#")
    if (named := _ROUTE.search(address)) is not None:
        raise RecipeError(f"{field_name} must end before the route: leave {named[0]!r} out of {shown!r}")
    return address


class OpenAIModel(ModelHooks):
    """A pool of connections to one server (see `prefgen.transport.request.ConnectedModel`)."""

    backend = "openai"

    def __init__(self, settings: ServerSettings) -> None:
        self.host = host = host_of(settings.address)
        self.slots_at_start, self.tells_load = settings.slots, settings.tells_load
        self._settings = settings
        self._address = settings.address
        self._key = settings.key()
        self._session: Any = None
        self._batches: OpenAIBatches | None = None
        self._score_route = settings.score_route
        self._token_field = settings.token_field
        if self._token_field == "auto":
            self._token_field = (
                "max_completion_tokens"
                if host.endswith((".openai.com", ".openai.azure.com"))
                else "max_tokens"
            )

    def check_access(self) -> None:
        """Raise RecipeError when a key is needed and missing: called before anything is asked, and not for a
        replay.
        """
        if self.host == UNDISCLOSED:
            raise RecipeError(
                f"the recipe is a release's, which does not name this server ({self._address}): say where "
                "yours is under run: {endpoints: {MODEL: {base_url: ...}}}, or run with --offline on the "
                "release's journal"
            )
        is_wanted = self.host == "api.openai.com" or self._settings.needs_key
        if is_wanted and not self._key:
            raise RecipeError(
                f"the environment variable {self._settings.api_key_env} is not set: it must hold the API "
                f"key for {self.host}"
            )

    async def check_answers(self) -> None:
        """Ask for the list of models, which costs nothing: any answer but a refusal of the key is one."""
        import aiohttp

        address = f"{self._address.rstrip('/')}/models"
        timeout = aiohttp.ClientTimeout(total=ANSWER_TIMEOUT)
        try:
            async with self._open_session().get(address, timeout=timeout, allow_redirects=False) as response:
                status = response.status
        except (aiohttp.ClientError, OSError, ValueError) as error:  # OSError: TimeoutError too
            reason = str(error) or f"nothing came within {ANSWER_TIMEOUT} seconds"
            raise RecipeError(f"no server answers at {self._address} ({reason})") from None
        if status in (401, 403):
            raise RecipeError(
                f"the server at {self._address} refuses the key of {self._settings.api_key_env} "
                f"(status {status})"
            )

    def server_access(self) -> ServerAccess:
        return ServerAccess(self._address, self._open_session, self._plain, self._settings.api_key_env)

    def _request_headers(self) -> dict[str, str]:
        key = {"Authorization": f"Bearer {self._key}"} if self._key else {}
        return {"Content-Type": "application/json", **self._settings.headers, **key}

    def _open_session(self) -> Any:
        import aiohttp  # 0.1 s, wanted only by runs that ask a server

        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, ttl_dns_cache=300, keepalive_timeout=60),
                headers=self._request_headers(),
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=20),
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        return self._session

    def check_request(self, request: ModelRequest) -> None:
        self._settings.check_request(request)

    async def send(self, call: ModelRequest) -> Sequence[ModelResponse]:
        status = 0
        try:
            status, headers, raw = await self._post(call)
            if not 200 <= status < 300:
                raise self._request_error(status, headers, raw)
            responses = read_responses(raw, call, is_paid=True)
        except RequestFailed as failure:
            failure.message, failure.code = self._placed(failure, status), self._redact_key(failure.code)
            raise
        responses[0].pause = reset_seconds(headers) or 0.0
        return responses

    async def _post(self, call: ModelRequest) -> tuple[int, Any, bytes]:
        """(status, headers, body) of what comes back. Raises RequestFailed where nothing whole does."""
        return await self._exchange("POST", self._url(call), data=orjson.dumps(self.body(call)))

    async def _exchange(self, method: str, url: str, **options: Any) -> tuple[int, Any, bytes]:
        import aiohttp

        session = self._open_session()
        try:
            async with session.request(method, url, allow_redirects=False, **options) as response:
                return response.status, response.headers, await response.read()
        except (aiohttp.ClientError, OSError) as error:
            reason = str(error) or type(error).__name__
            if "content-encoding" in reason.casefold():
                reason = "the server's reply is not compressed as it says, or in a way that is not known here"
                raise RequestFailed("empty", reason, code=BAD_ENCODING, billed=True) from None
            if isinstance(error, aiohttp.ClientPayloadError):
                reason = "the connection broke in the middle of the reply"
                raise RequestFailed("broken", reason, billed=True) from None
            is_unsent = isinstance(error, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError)
            nobody_listens = isinstance(error, aiohttp.ClientConnectorError) and (
                isinstance(error.os_error, ConnectionRefusedError)
                or isinstance(error, aiohttp.ClientConnectorDNSError)
            )
            what = "cannot reach" if is_unsent else "the connection closed before a reply came from"
            raise RequestFailed(
                "connection",
                f"{what} {self._address}: {reason}",
                code="connection_refused" if nobody_listens else "",
                billed=not is_unsent,
            ) from None

    async def _get(self, url: str) -> tuple[int, bytes]:
        """(status, body) of what costs nothing to ask for. Raises RequestFailed where nothing whole comes in
        time.
        """
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT):
                status, _, raw = await self._exchange("GET", url)
        except TimeoutError:
            message = f"no answer from {self._server} within {ANSWER_TIMEOUT} s"
            raise RequestFailed("timeout", message) from None
        return status, raw

    async def served_models(self) -> Mapping[str, str] | None:
        status, raw = await self._get(f"{self._address}/models")
        if status >= 500 or status == 429:
            raise failure_of_status(status, f"HTTP {status} from {self._server}, asked for its models")
        return models_served(raw) if status == 200 else None

    async def server_load(self) -> ServerLoad | None:
        if not self.tells_load:
            return None
        try:
            status, raw = await self._get(f"{self._address.removesuffix('/v1')}/metrics")
        except RequestFailed:
            return None
        return vllm_load(raw) if status == 200 else None

    def _url(self, call: ModelRequest) -> str:
        if call.endpoint == "score" and self._score_route != "score":  # vLLM has these two above /v1
            return f"{self._address.removesuffix('/v1')}/{self._score_route}"
        return f"{self._address}/{route(call.endpoint)}"

    def body(self, request: ModelRequest) -> dict[str, Any]:
        """The request as this server wants it."""
        if request.endpoint == "score":
            # an activation would bring all rewards between 0 and 1; earlier keys stand for rewards with it
            raw = {"use_activation": False} if self._settings.raw_rewards else {}
            if self._score_route == "score":
                return request_body(request, raw)
            messages = [{"role": m.role, "content": m.text} for m in request.messages]
            return {"model": request.model, "messages": messages, **raw}
        extra: dict[str, Any] = {}
        if request.samples > 1:
            extra["n"] = request.samples
        if self._settings.send_seed and request.seeds[0] is not None:
            extra["seed"] = request.seeds[0]
        return request_body(
            request,
            extra,
            token_field=self._token_field,
            schema_as_text=self._settings.schema_as == "text",
            keeps_max_length=self._settings.keeps_max_length,
        )

    def batches(self) -> OpenAIBatches:
        if self._batches is None:
            self._batches = OpenAIBatches(self._address, self._key, self._settings.headers, self._plain)
        return self._batches

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
        if self._batches is not None:
            await self._batches.close()

    def parse(self, raw: bytes, endpoint: str) -> Reply:
        return reply_of(load_body(raw), endpoint)

    def _request_error(self, status: int, headers: Any, raw: bytes) -> RequestFailed:
        if 300 <= status < 400:
            target = self._plain(headers.get("location", ""))[:200]
            return RequestFailed(
                "fatal",
                f"HTTP {status} from {self._address}: it sends us to {target!r}; "
                "no prompt and no key goes where nobody said. Give that as base_url",
                code=str(status),
            )
        said = parse_error(raw)
        retry_after = parse_seconds(headers.get("retry-after-ms"), 0.001) or parse_seconds(
            headers.get("retry-after")
        )
        if status == 429:
            retry_after = retry_after or reset_seconds(headers)
        text = f"HTTP {status} from {self._server}: {said.message}"
        return failure_of_status(status, text, said.code, names=said.names, retry_after=retry_after)

    @property
    def _server(self) -> str:
        """The address as it stands in what is published."""
        return self._address if self.host == "local" else self.host

    def _placed(self, failure: RequestFailed, status: int) -> str:
        """A failure's message with its server, and with what may help. `status` is 0 where nothing came."""
        text = self._plain(failure.message)
        place = "" if self._server in text or self._address in text else f" (from {self._server})"
        meant = status_of_code(failure.code) if 200 <= status < 300 else status
        helps = remedy(
            meant, failure.code, text.partition(": ")[2] if status else "", address=self._address,
            key_env=self._settings.api_key_env, token_field=self._token_field,
        )  # fmt: skip
        return sentences(f"{text.rstrip('.')}{place}" if place else text, helps)

    def _plain(self, text: str) -> str:
        """Words of a server as one line that can be shown, without a key in it, at most 400 characters."""
        text = self._redact_key(text)
        return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:400]

    def _redact_key(self, text: str) -> str:
        """Servers repeat the key in their errors, sometimes shortened: no piece of it may travel on, nor of a
        header of the user's own.
        """
        for secret in (self._key, *self._settings.headers.values()):
            if len(secret) >= 6:
                text = text.replace(secret, "[key]")
        return re.sub(r"\b(?:sk|pk|key)-[\w*.-]{4,}", "[key]", text)
