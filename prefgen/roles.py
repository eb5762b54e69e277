"""What can be plugged in: each role is one method. A plug-in sees values and `ask`, and nothing else.

A method may be a coroutine or a plain function; a plain one runs in a worker thread, except for pairers and
curators, which are pure. A judge or reviser whose method has a parameter `record` is also given the read-only
record so far.
"""

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, Protocol, TypeVar

from prefgen.errors import ReplyError
from prefgen.tables import BadRow, Table
from prefgen.types import (
    Comparison,
    Critique,
    Flag,
    Message,
    Pair,
    Prompt,
    Record,
    Reply,
    Response,
    Score,
    Seed,
)

Messages = str | Sequence[Message]


class Ask(Protocol):
    """How a plug-in reaches models. Every reply is journalled before it is returned; an ask that was answered
    before costs nothing.
    """

    @property
    def name(self) -> str:
        """What the recipe calls the plug-in that asks."""
        ...

    async def __call__(
        self,
        model: str,
        messages: Messages,
        /,
        *,
        sample: int = 0,
        schema: Mapping[str, Any] | None = None,
        logprobs: int = 0,
        shared: bool = False,
        brief: bool = False,
        opened: bool = False,
        **sampling: Any,
    ) -> Reply:
        """Ask a chat model. `sample` numbers repeated draws of one request; `logprobs` is how many
        alternatives a token. `brief` has a server that can keep the texts of a `schema` short: it is not what
        is asked, and in no key. Where the last of the `messages` is the model's own and `opened`, the model
        goes on with it.

        Raises RefusedReply, TruncatedReply or RefusedRequest when no usable answer exists, and never for a
        passing fault.
        """
        ...

    async def complete(
        self,
        model: str,
        text: str,
        /,
        *,
        sample: int = 0,
        logprobs: int = 0,
        echo: bool = False,
        shared: bool = False,
        **sampling: Any,
    ) -> Reply:
        """Continue `text` with a raw completion; with `echo` the log-probabilities cover `text` too."""
        ...

    async def score(
        self, model: str, prompt: Prompt, response: Response, other: Response | None = None, /
    ) -> float:
        """The score that a reward model gives to `response`; with `other`, by how much (in log-odds) a ranker
        prefers `response` to it.
        """
        ...

    async def embed(self, model: str, texts: Sequence[str], /) -> list[list[float]]:
        """One vector a text."""
        ...

    async def step(self, name: str, function: Callable[..., Any], /, *args: Any, version: int = 1) -> Any:
        """Run something that is not deterministic once, and journal what it returns (JSON values)."""
        ...

    def rng(self, name: str) -> Random:
        """A random generator seeded by the stage, the record and `name`."""
        ...

    def options(self, model: str) -> Mapping[str, Any]:
        """What the recipe says of a model's sampling: what rows note beside a response."""
        ...

    def label(self, model: str) -> str:
        """The model's name as rows show it; a simulated one says so."""
        ...


A = TypeVar("A")
Now = A | Awaitable[A]
"""What a plain method returns, or a coroutine."""


class Source(Protocol):
    """Yields records, in the order of the source: prompts, and responses, scores and pairs where it has
    them; and rows that it left out.
    """

    def read(self, folder: Path, /) -> Iterator[Record | BadRow]: ...


class Synthesizer(Protocol):
    """Writes prompts, starting from a seed; `pool` holds the prompts that there are already (sources, and
    earlier rounds after curators).

    A prompt that failed may stand in the result as its error: it is lost alone, and counted.
    """

    def synthesize(self, seed: Seed, ask: Ask, pool: Table, /) -> Now[Sequence[Prompt | ReplyError]]: ...


class Curator(Protocol):
    """Sees the whole set and says which rows go and why.

    One that needs a model also has `async def annotate(self, prompt, ask)`, which returns a number or a
    vector, and `output_column`, the column with what it gave each prompt. `reference_rows` and `rewrite` are
    hooks of `prefgen.Plugin`.
    """

    def curate(self, rows: Table, /) -> Table: ...


class Sampler(Protocol):
    """Answers a prompt. A draw that failed may stand in the result as its error: it is lost alone, and
    counted.
    """

    def sample(self, prompt: Prompt, ask: Ask, /) -> Now[Sequence[Response | ReplyError]]: ...


@dataclass(frozen=True)
class Revision:
    """What a reviser made of a response: the new responses, in order, the critiques that led to them, and
    replies that were lost.
    """

    responses: Sequence[Response] = ()
    critiques: Sequence[Critique] = ()
    lost: Sequence[ReplyError] = ()


class Reviser(Protocol):
    """Makes a response better, or different in a stated way."""

    def revise(self, prompt: Prompt, response: Response, ask: Ask, /) -> Now[Revision]: ...


class ReviserOfRecord(Protocol):
    """A reviser that also reads the record so far."""

    def revise(self, prompt: Prompt, response: Response, ask: Ask, /, record: Record) -> Now[Revision]: ...


Verdict = Score | Comparison | Flag | Critique


class Judge(Protocol):
    """Judges all responses of a prompt at once; covers each of them by a score, a comparison or a flag.

    A reply that was lost may stand in the result as its error: it is counted, and what it was about has no
    verdict.
    """

    def judge(
        self, prompt: Prompt, responses: Sequence[Response], ask: Ask, /
    ) -> Now[Sequence[Verdict | ReplyError]]: ...


class JudgeOfRecord(Protocol):
    """A judge that also reads the record so far."""

    def judge(
        self, prompt: Prompt, responses: Sequence[Response], ask: Ask, /, record: Record
    ) -> Now[Sequence[Verdict | ReplyError]]: ...


class Filter(Protocol):
    """Flags responses (or the prompt) that pairers are to skip. Pure."""

    def flag(self, record: Record, /) -> Sequence[Flag]: ...


class Pairer(Protocol):
    """Turns a judged record into pairs. Pure: the same record and generator give the same pairs."""

    def pair(self, record: Record, rng: Random, /) -> Sequence[Pair]: ...
