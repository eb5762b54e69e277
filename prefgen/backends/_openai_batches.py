"""The Files and Batches of a server that speaks the OpenAI protocol, through openai's own client."""

import tempfile
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, BinaryIO

from prefgen.errors import RequestFailed
from prefgen.transport.batches import NO_BATCHES, ProviderBatch
from prefgen.transport.failures import NO_ROUTE_STATUSES, failure_of_status

if TYPE_CHECKING:
    from openai.types import Batch

WINDOW = "24h"
"""The only one that there is."""
SECONDS_A_REQUEST = 60.0
SECONDS_AN_UPLOAD = 600.0
DOWNLOADS = 3
"""Times that a file is fetched which breaks off."""
PAGE = 100
"""Batches that are listed at once."""


class OpenAIBatches:
    """Batches at one address (see `prefgen.transport.batches.BatchService`)."""

    def __init__(
        self, address: str, key: str, headers: Mapping[str, str], plain: Callable[[str], str]
    ) -> None:
        self._address, self._key, self._headers = address, key, headers
        self.plain = plain
        self._opened: Any = None

    def _client(self) -> Any:
        """The client; no prompt and no key goes where nobody said, as in the requests of `OpenAIModel`."""
        if self._opened is None:
            import openai  # 0.6 s, wanted only where a batch is under way

            self._opened = openai.AsyncOpenAI(
                base_url=self._address,
                api_key=self._key or "none",
                default_headers=dict(self._headers),
                timeout=SECONDS_A_REQUEST,
                max_retries=2,
                http_client=openai.DefaultAsyncHttpxClient(trust_env=False, follow_redirects=False),
            )
        return self._opened

    async def upload(self, name: str, file: BinaryIO) -> str:
        client = self._client().with_options(timeout=SECONDS_AN_UPLOAD)
        with self._explained():
            uploaded = await client.files.create(file=(name, file, "application/jsonl"), purpose="batch")
            return _text_of(uploaded, "id")

    async def create(self, file_id: str, route: str, metadata: Mapping[str, str]) -> ProviderBatch:
        client = self._client().with_options(max_retries=0)  # a second try could buy it twice
        with self._explained():
            return self._told(
                await client.batches.create(
                    input_file_id=file_id, endpoint=route, completion_window=WINDOW, metadata=dict(metadata)
                )
            )

    async def find(self, metadata: Mapping[str, str], file_id: str | None) -> Sequence[ProviderBatch]:
        found: dict[str, ProviderBatch] = {}
        known, since_new = set[str](), 0
        with self._explained():
            async for batch in self._client().batches.list(limit=PAGE):
                is_its_file = file_id is not None and batch.input_file_id == file_id
                if is_its_file or metadata.items() <= (batch.metadata or {}).items():
                    found[batch.id] = self._told(batch)
                since_new = 0 if batch.id not in known else since_new + 1
                known.add(batch.id)
                if since_new > PAGE:  # a server that gives the same page again and again
                    break
        return sorted(found.values(), key=lambda batch: (batch.created, batch.id))

    async def look(self, batch_id: str) -> ProviderBatch:
        with self._explained():
            return self._told(await self._client().batches.retrieve(batch_id))

    async def cancel(self, batch_id: str) -> ProviderBatch:
        with self._explained():
            return self._told(await self._client().batches.cancel(batch_id))

    async def lines(self, file_id: str) -> AsyncIterator[bytes]:
        """The file is on this disk, whole, before its first line is handed on."""
        with tempfile.TemporaryFile() as file:
            await self._download(file_id, file)
            file.seek(0)
            for line in file:
                yield line

    async def _download(self, file_id: str, file: BinaryIO) -> None:
        for attempt in range(1, DOWNLOADS + 1):
            file.seek(0)
            file.truncate()
            try:
                with self._explained():
                    content = self._client().files.with_streaming_response.content(file_id)
                    async with content as response:
                        async for chunk in response.iter_bytes():
                            file.write(chunk)
                return
            except RequestFailed as failure:
                if failure.kind != "broken" or attempt == DOWNLOADS:
                    raise

    def _told(self, batch: "Batch") -> ProviderBatch:
        batch_id, state = _text_of(batch, "id"), _text_of(batch, "status").casefold()
        counts, errors = batch.request_counts, (batch.errors.data if batch.errors else None) or []
        said = [f"{error.code or 'error'}: {error.message or 'it does not say why'}" for error in errors]
        return ProviderBatch(
            id=batch_id,
            state=state,
            completed=counts.completed if counts else 0,
            failed=counts.failed if counts else 0,
            total=counts.total if counts else 0,
            output_file=batch.output_file_id,
            error_file=batch.error_file_id,
            problem=self.plain("; ".join(dict.fromkeys(said[:3]))),
            bad_lines=tuple(error.line for error in errors if error.line),
            metadata=batch.metadata,
            created=float(batch.created_at or 0),
        )

    def _explained(self) -> "_Explained":
        return _Explained(self._address, self.plain)

    async def close(self) -> None:
        if self._opened is not None:
            await self._opened.close()


class _Explained:
    """What the client raises in its `with` is a RequestFailed outside."""

    def __init__(self, address: str, plain: Callable[[str], str]) -> None:
        self._address, self._plain = address, plain

    def __enter__(self) -> None:
        pass

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if error is None or isinstance(error, RequestFailed) or not isinstance(error, Exception):
            return
        import openai

        if isinstance(error, openai.APIStatusError):
            failure = _failure_of(error, self._address)
            failure.message, failure.code = self._plain(failure.message), self._plain(failure.code)
            raise failure from None
        if isinstance(error, openai.APITimeoutError):
            raise RequestFailed("timeout", f"no answer from {self._address} in time") from None
        if isinstance(error, openai.APIConnectionError):
            cause = error.__cause__ or error
            reason = str(cause) or type(cause).__name__
            raise RequestFailed("connection", f"cannot reach {self._address}: {reason}") from None
        if isinstance(error, openai.APIResponseValidationError | openai.APIError):
            raise RequestFailed("server", f"{self._address}: {error}") from None
        if type(error).__module__.partition(".")[0] in ("httpx", "httpx2", "httpcore", "httpcore2"):
            reason = str(error) or type(error).__name__  # while a body is read the client wraps nothing
            raise RequestFailed("broken", f"the connection to {self._address} broke: {reason}") from None
        if isinstance(error, AttributeError | TypeError | ValueError | KeyError | IndexError):
            # the client takes whatever comes for what it should be: a page of HTML, another JSON
            what = f"{self._address} answers what is no file and no batch. Is it the API, and not a page?"
            raise RequestFailed("server", what) from None


def _text_of(told: object, name: str) -> str:
    """A field that a batch or a file must have. Raises ValueError."""
    value = getattr(told, name, None)
    if not isinstance(value, str) or not value:
        raise ValueError(f"{name} is {value!r}")
    return value


def _failure_of(error: Any, address: str) -> RequestFailed:
    body = error.body if isinstance(error.body, dict) else {}
    name = str(body.get("code") or "")
    message = " ".join(str(body.get("message") or error.message).split())[:300]
    text = f"HTTP {error.status_code} from {address}: {message}"
    route = error.request.url.path
    if error.status_code in NO_ROUTE_STATUSES and route.rstrip("/").endswith(("/files", "/batches")):
        return RequestFailed(
            "fatal",
            f"the server at {address} has no batches (HTTP {error.status_code} at {route}): take `batch: "
            "true` out of its endpoint, or say --online for this run",
            code=NO_BATCHES,
        )
    return failure_of_status(error.status_code, text, name)
