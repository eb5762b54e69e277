"""A request to a model and the response to it, as backends see them."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import gettempdir
from typing import TYPE_CHECKING, Any, Protocol

import orjson

from prefgen.errors import RequestFailed
from prefgen.transport.batches import BatchService
from prefgen.types import ImagePart, Message, Reply

if TYPE_CHECKING:
    from prefgen.transport.server_access import ServerAccess


@dataclass(slots=True)
class ModelRequest:
    """One request. `samples` draws of the same messages are wanted, with one seed each (or none).

    `endpoint` is chat, completion, score, rank or embed; `text` is what a completion continues, `inputs` are
    embedded.
    """

    endpoint: str
    model: str
    messages: Sequence[Message] = ()
    text: str = ""
    sampling: Mapping[str, Any] = field(default_factory=dict)
    schema: Mapping[str, Any] | None = None
    logprobs: int = 0
    echo: bool = False
    tools: Sequence[Mapping[str, Any]] = ()
    seeds: Sequence[int | None] = (None,)
    inputs: Sequence[str] = ()
    brief: bool = False
    """Whether the texts that a schema asks for are to be short, where the server keeps to that."""
    opened: bool = False
    """Whether the last of the messages is the beginning of the model's own turn, which it goes on with."""
    about: str = ""
    """The id of the record that it is asked for: what is asked about one stays with one replica."""

    @property
    def samples(self) -> int:
        return len(self.seeds)


Features = frozenset[str]
"""The endpoint of a request, and what else of it a server may not know, whatever the prompt: several draws
(`n`), its schema, tools, log-probabilities.
"""


def features_of(request: ModelRequest) -> Features:
    """What a server must know to answer a request."""
    found = [request.endpoint]
    if request.samples > 1:
        found.append("n")
    if request.schema is not None:
        found.append(f"schema {orjson.dumps(request.schema, default=str).decode()}")
    if request.tools:
        found.append("tools")
    if request.logprobs:
        found.append("logprobs")
    return frozenset(found)


@dataclass(slots=True)
class ModelResponse:
    """One raw answer of a server: the JSON text to be kept, and who says that it answered."""

    raw: bytes
    reply: Reply
    model: str = ""
    fingerprint: str = ""
    how: str = ""
    """What the server was made to do: n in one request, a schema as text."""
    pause: float = 0.0
    """Seconds that the server asked us to wait before the next request (rate-limit headers)."""
    host: str = ""
    """Who answered, where that is one of several replicas; empty: the model's `host`."""
    before: Sequence[RequestFailed] = ()
    """What became of the request at other replicas within the same try."""


@dataclass(frozen=True)
class Asker:
    """Who asks a model: how many seconds an answer may take, and whom to tell what a user should read."""

    timeout: float
    notify: Callable[[str], None]


@dataclass(frozen=True)
class ServerLoad:
    """How many sequences a server works on, and how many wait until it can."""

    running: int
    waiting: int


class ConnectedModel(Protocol):
    """A connected model; `host` and `backend` are what the journal notes of who answers."""

    host: str
    backend: str

    async def send(self, request: ModelRequest, /) -> Sequence[ModelResponse]:
        """One response a seed, or fewer where the server has no `n`. Raises RequestFailed."""
        ...

    def parse(self, raw: bytes, endpoint: str, /) -> Reply:
        """Read a journalled answer again."""
        ...


def _say_nothing(_: str) -> None:
    pass


@dataclass(frozen=True)
class RunPlace:
    """The run that a connected model works for: a folder for what it writes, the model's name in the recipe,
    and who is told what happens to it. `notify` is for what should be read once, `show` for how it is now.
    """

    folder: Path = Path(gettempdir()) / "prefgen"
    name: str = "model"
    notify: Callable[[str], None] = _say_nothing
    show: Callable[[str], None] = _say_nothing
    servers: dict[str, Any] = field(default_factory=dict)
    """Servers of the run that several models share, by what they are."""


class ModelHooks:
    """What a connected model may derive from for hooks with defaults."""

    takes_turns: bool = False
    """Whether it is loaded when it is first asked, and can make room for another."""
    turn_key: str = ""
    """The same for models that are loaded together and take one turn, on one server; empty: its own."""
    devices: int = 1
    """How many GPUs it takes where it is loaded."""
    fingerprint: str = ""
    """What proves in each reply whose weights gave it; empty where nobody says beforehand."""
    slots_at_start: int = 0
    """Requests at once that its servers are made for, where that is known."""
    tells_load: bool = False
    """Whether its servers may tell what they are busy with (`server_load`)."""
    keeps_time: bool = False
    """Whether `send` itself ends what takes longer than its asker waits."""
    replica_hosts: frozenset[str] = frozenset()
    """The hosts of all servers that answer for it, where there are several."""

    def join_run(self, place: RunPlace) -> None:
        """Learn which run it works for."""

    def check_request(self, request: ModelRequest) -> None:
        """Raise RequestFailed where a request can never be answered: known before the model is loaded."""

    def asked_by(self, asker: Asker) -> None:
        """Who will ask it: told once, before anything is asked."""

    async def served_models(self) -> Mapping[str, str] | None:
        """{name: where its weights came from, empty where that is not said} of what its server serves; None
        where it does not say. It costs nothing. Raises RequestFailed where no server answers.
        """
        return None

    async def server_load(self) -> ServerLoad | None:
        """What its servers are busy with; None where they do not say."""
        return None

    def replica_lines(self) -> Sequence[str]:
        """The state of each of its replicas in a few words; empty where there is one server."""
        return ()

    async def load(self) -> None:
        """Be ready to be asked: awaited before each request, and at once where it is loaded. Raises
        RequestFailed (`fatal`) where it cannot be, with the cause. Cancelled where the run stops meanwhile.
        """

    async def unload(self) -> None:
        """Give up what it holds, also where its load did not end: where this returns, its memory is free for
        another model.
        """

    def check_access(self) -> None:
        """Raise RecipeError where a key or an address is missing: known before anything is asked."""

    async def check_answers(self) -> None:
        """Raise RecipeError where nobody answers, or the key is refused. Asks no model: it costs nothing."""

    def batches(self) -> BatchService | None:
        """Its provider's batches; None where it can have none."""
        return None

    def server_access(self) -> "ServerAccess | None":
        """How its server is asked directly; None where there is none that is up without a run."""
        return None

    def body(self, request: ModelRequest) -> dict[str, Any] | None:
        """The request as the server's own protocol spells it, for batch files; None: as the OpenAI protocol
        does.
        """
        return None


def hosts_of(model: ConnectedModel) -> frozenset[str]:
    """The hosts whose journalled replies are a model's own."""
    several = model.replica_hosts if isinstance(model, ModelHooks) else frozenset[str]()
    return several | {model.host}


class Backend(Protocol):
    """Knows how a model is reached. Connecting is the only thing that touches the outside."""

    def connect(self) -> AbstractAsyncContextManager[ConnectedModel]: ...


ASSUMED_OUTPUT = 1024
"""Tokens that a request without `max_tokens` is expected to bring at most."""


def assumed_output(request: ModelRequest) -> int:
    """Tokens that one draw of a request is expected to bring at most."""
    max_tokens = request.sampling.get("max_tokens")
    return int(max_tokens if max_tokens is not None else ASSUMED_OUTPUT)


TOKENS_OF_IMAGE = 2000
"""What an image counts with until a server has said what it takes."""


def estimate_prompt_tokens(request: ModelRequest) -> int:
    """A cautious guess at the tokens of all that is sent: a token for every 3 bytes of UTF-8, 8 for each
    message, and `TOKENS_OF_IMAGE` for each image.
    """
    size, images = len(request.text.encode()), 0
    for text in (*[message.text for message in request.messages], *request.inputs):
        size += len(text) if text.isascii() else len(text.encode())
    for message in request.messages:
        if not isinstance(message.content, str):
            images += sum(isinstance(part, ImagePart) for part in message.content)
        size += sum(len(call.name) + len(call.arguments.encode()) for call in message.tool_calls)
    if request.tools:
        size += len(orjson.dumps(list(request.tools), default=str))
    if request.schema is not None:
        size += len(orjson.dumps(request.schema, default=str))
    return size // 3 + 8 * (len(request.messages) + 1) + TOKENS_OF_IMAGE * images
