"""The values that everything else passes around: frozen, checked when made, refusing unknown fields.

Ids are content hashes, so that the same content has the same id on every machine. Things are joined by id,
never by position. Missing is never low: what could not be read is a `Failure`, never a number.
"""

import hashlib
import math
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, model_validator

from prefgen.storage.canonical_json import canonical, canonical_repeated, canonical_texts

Role = Literal["system", "user", "assistant", "tool"]
Origin = Literal["sampled", "revised", "refined", "improved", "human", "imported"]


def content_id(*parts: Any) -> str:
    """32 hexadecimal digits: BLAKE2b-128 of the canonical JSON of `parts`."""
    encode = canonical_texts if _has_no_number(parts) else canonical
    return hashlib.blake2b(encode(parts), digest_size=16).hexdigest()


def _has_no_number(value: Any) -> bool:
    kind = type(value)
    if kind is dict:
        return all(map(_has_no_number, value.values()))
    return all(map(_has_no_number, value)) if kind is list or kind is tuple else kind is str


class Value(BaseModel):
    """A frozen value that refuses unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())

    def replacing(self, **fields: Any) -> Self:
        """A copy with other fields, which are not checked again: only for fields that were checked
        already.
        """
        return _construct(type(self), {**self.__dict__, **fields})

    @classmethod
    def trusted(cls, **fields: Any) -> Self:
        """A value whose fields are not checked: only for fields that the caller has just checked itself, and
        only where it is hot.
        """
        return _construct(cls, {**_default_fields(cls), **fields})


V = TypeVar("V", bound=Value)
_slots = BaseModel.__dict__
_set_dict, _set_names = _slots["__dict__"].__set__, _slots["__pydantic_fields_set__"].__set__
_set_extra, _set_private = _slots["__pydantic_extra__"].__set__, _slots["__pydantic_private__"].__set__


def _construct(cls: type[V], fields: dict[str, Any]) -> V:
    """What pydantic's own `model_construct` makes, four times faster: 7 to 10 % of a replay."""
    value = cls.__new__(cls)
    _set_dict(value, fields)
    _set_names(value, _field_names(cls))
    _set_extra(value, None)
    _set_private(value, None)
    return value


@cache
def _field_names(cls: type[Value]) -> set[str]:
    """Every field counts as given; one set serves all values of a class, since nobody may change them."""
    return set(cls.model_fields)


@cache
def _default_fields(cls: type[Value]) -> dict[str, Any]:
    """Every field in its order, with its default (None where it has none)."""
    return {
        name: None if field.is_required() else field.get_default(call_default_factory=True)
        for name, field in cls.model_fields.items()
    }


class TextPart(Value):
    """Text inside a message of several parts."""

    type: Literal["text"] = "text"
    text: str


class ImagePart(Value):
    """An image inside a message: an address or a `data:` URL. Keys and ids hold the digest of what it
    names.
    """

    type: Literal["image"] = "image"
    url: str

    @property
    def digest(self) -> str:
        return hashlib.blake2b(self.url.encode(), digest_size=16).hexdigest()


class ToolCall(Value):
    """One tool call of an assistant, as it came: `arguments` is the model's own text."""

    id: str = ""
    name: str
    arguments: str


Part = Annotated[TextPart | ImagePart, Field(discriminator="type")]


class Message(Value):
    """One turn. Reasoning is kept apart from the answer."""

    role: Role
    content: str | tuple[Part, ...]
    reasoning: str | None = None
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str | None = None
    name: str | None = None
    """Who speaks among several of one role, or the tool whose result this is."""

    @property
    def text(self) -> str:
        if isinstance(self.content, str):
            return self.content
        return "".join(part.text for part in self.content if isinstance(part, TextPart))

    def hashable(self) -> dict[str, Any]:
        """What ids and keys are made of: images by digest, fields that are absent left out."""
        content: Any = self.content
        if not isinstance(content, str):
            content = [
                {"type": "text", "text": p.text}
                if isinstance(p, TextPart)
                else {"type": "image", "digest": p.digest}
                for p in content
            ]
        fields: dict[str, Any] = {"role": self.role, "content": content}
        if self.tool_calls:
            fields["tool_calls"] = [[call.id, call.name, call.arguments] for call in self.tool_calls]
        if self.tool_call_id:
            fields["tool_call_id"] = self.tool_call_id
        if self.name:
            fields["name"] = self.name
        return fields


def user(text: str) -> Message:
    return Message(role="user", content=text)


def system(text: str) -> Message:
    return Message(role="system", content=text)


def assistant(text: str) -> Message:
    return Message(role="assistant", content=text)


class Seed(Value):
    """What a synthesizer starts from: a row's text and metadata, or nothing but a number. `index` counts how
    often the row was taken before.

    `shots` are further rows as examples, `messages` the turns of a row that is a conversation, `round` the
    round that it is asked in; none of them is part of the id, so that other examples ask again only where
    they are shown.
    """

    index: int
    seed: int
    text: str | None = None
    metadata: Mapping[str, Any] = {}
    shots: tuple[str, ...] = ()
    messages: tuple[Message, ...] = ()
    round: int = 0

    @property
    def id(self) -> str:
        return content_id("seed", self.index, self.seed, self.text, self.metadata)


class Prompt(Value):
    """A prompt: the conversation up to and with the turn that is to be answered."""

    id: str
    messages: tuple[Message, ...] = Field(min_length=1)
    source: str = "unknown"
    category: str | None = None
    language: str | None = None
    license: str = "unknown"
    origin: Literal["given", "synthesized", "imported"] = "given"
    lineage: Mapping[str, Any] = Field(default_factory=dict)
    references: tuple[str, ...] = ()
    incorrect_references: tuple[str, ...] = ()
    tools: tuple[Mapping[str, Any], ...] = ()
    metadata: Mapping[str, Any] = Field(default_factory=dict)

    @classmethod
    def of(cls, messages: str | Sequence[Message], *, occurrence: int = 0, **fields: Any) -> Self:
        """Make a prompt with its id. `occurrence` tells equal conversations of one dataset apart (0 for the
        first).
        """
        turns = (user(messages),) if isinstance(messages, str) else tuple(messages)
        occurrence_part = [occurrence] if occurrence else []
        prompt_id = content_id("prompt", [turn.hashable() for turn in turns], *occurrence_part)
        return cls(id=prompt_id, messages=turns, **fields)

    @property
    def grounded(self) -> bool:
        """Whether a person wrote it, or it was written from a text of a file."""
        return self.origin != "synthesized" or bool(self.lineage.get("grounded"))

    @property
    def text(self) -> str:
        """The last user turn, as text."""
        return next((m.text for m in reversed(self.messages) if m.role == "user"), self.messages[-1].text)


class Response(Value):
    """One answer to a prompt."""

    id: str
    prompt_id: str
    messages: tuple[Message, ...] = Field(min_length=1)
    model: str = "unknown"
    principle: str | None = None
    sampling: Mapping[str, Any] = {}
    sample: int = 0
    finish_reason: str | None = None
    origin: Origin = "sampled"
    parent_id: str | None = None
    policy: str | None = None
    keeps_reasoning: bool = False

    @classmethod
    def of(cls, prompt: Prompt | str, messages: str | Message | Sequence[Message], **fields: Any) -> Self:
        """Make a response with its id, to `prompt` (or to the prompt of that id)."""
        if isinstance(messages, str):
            messages = assistant(messages)
        turns = (messages,) if isinstance(messages, Message) else tuple(messages)
        prompt_id = prompt if isinstance(prompt, str) else prompt.id
        hashed_fields = {
            k: fields[k]
            for k in ("model", "principle", "sampling", "sample", "origin", "parent_id")
            if k in fields
        }
        digest = hashlib.blake2b(canonical_texts([prompt_id, [t.hashable() for t in turns]]), digest_size=16)
        digest.update(canonical_repeated(hashed_fields))
        response_id = digest.hexdigest()
        return cls(id=response_id, prompt_id=prompt_id, messages=turns, **fields)

    @property
    def text(self) -> str:
        return self.messages[-1].text


class Critique(Value):
    """What was said about a response, under a principle or by a judge; `value` when it came with an overall
    score.
    """

    response_id: str
    principle_id: str | None = None
    text: str
    judge: str | None = None


class Score(Value):
    """A judge's rating of one response on the judge's own scale; None when the judge said that it does not
    apply.
    """

    response_id: str
    aspect: str
    value: float | None
    scale: tuple[float, float]
    rationale: str | None = None
    judge: str = ""
    sample: int = 0
    order: int | None = None
    method: str | None = None
    """How the value was read where there are several ways: `logprobs`, or `votes` of sampled replies."""

    @model_validator(mode="after")
    def _within_scale(self) -> Self:
        low, high = self.scale
        if not (math.isfinite(low) and math.isfinite(high) and low < high):
            raise ValueError(f"scale must be two finite numbers, the lower first; found {self.scale!r}")
        if self.value is not None and not (math.isfinite(self.value) and low <= self.value <= high):
            raise ValueError(f"score {self.value!r} is outside its scale {low:g} to {high:g}")
        return self


class Comparison(Value):
    """A judge's preference between two responses, `first` shown first; `probability` that `first` is
    better.
    """

    first_id: str
    second_id: str
    probability: float = Field(ge=0, le=1, allow_inf_nan=False)
    aspect: str = "overall"
    principle_id: str | None = None
    rationale: str | None = None
    judge: str = ""
    sample: int = 0
    method: str | None = None
    """How the probability was read: `logprobs`, `votes` of sampled verdicts, or `log-odds` of a ranker."""


class Flag(Value):
    """A response or a prompt that pairers skip, and why."""

    target_id: str
    rule: str
    reason: str = ""


class Pair(Value):
    """A preference: `chosen` over `rejected`. `margin` = chosen_score - rejected_score on the scale of the
    scores.
    """

    chosen_id: str
    rejected_id: str
    rule: str
    chosen_score: float | None = Field(default=None, allow_inf_nan=False)
    rejected_score: float | None = Field(default=None, allow_inf_nan=False)
    margin: float | None = Field(default=None, allow_inf_nan=False)
    chosen_probability: float | None = Field(default=None, ge=0, le=1)
    weight: float = Field(default=1.0, ge=0, allow_inf_nan=False)
    tie: bool = False
    principle_id: str | None = None

    @model_validator(mode="after")
    def _check_consistency(self) -> Self:
        if self.chosen_id == self.rejected_id:
            raise ValueError(f"chosen and rejected are the same response {self.chosen_id!r}")
        if (self.chosen_score is None) != (self.rejected_score is None):
            raise ValueError("one side has a score and the other has none")
        if self.chosen_score is not None and self.rejected_score is not None:
            if self.chosen_score < self.rejected_score:
                raise ValueError(f"chosen scores {self.chosen_score} and rejected {self.rejected_score}")
            if self.chosen_score == self.rejected_score and not self.tie:
                raise ValueError(f"both sides score {self.chosen_score}; a tie must say so")
        return self


class Note(Value):
    """Why a record made no pair, or lost a step: one row of the yield table."""

    step: str
    reason: str
    count: int = 1


class Record(Value):
    """One prompt and everything that has been added to it. It only grows. `prompts` is what a synthesizer
    wrote, where this is a seed.
    """

    prompt: Prompt
    responses: tuple[Response, ...] = ()
    critiques: tuple[Critique, ...] = ()
    scores: tuple[Score, ...] = ()
    comparisons: tuple[Comparison, ...] = ()
    flags: tuple[Flag, ...] = ()
    pairs: tuple[Pair, ...] = ()
    notes: tuple[Note, ...] = ()
    prompts: tuple[Prompt, ...] = ()

    @property
    def id(self) -> str:
        return self.prompt.id

    def adding(self, **additions: Iterable[Any]) -> Self:
        """The record with `additions` appended to its fields; raises KeyError for a field that does not
        grow.
        """
        extended_fields = {}
        for name, values in additions.items():
            items = tuple(values)
            if items:
                extended_fields[name] = (*self.__dict__[name], *items)
        return self.replacing(**extended_fields) if extended_fields else self

    def flagged(self) -> frozenset[str]:
        return frozenset(flag.target_id for flag in self.flags)


class Failure(Value):
    """What was lost: where, why, and every raw reply that was paid for."""

    record_id: str
    stage: str
    plugin: str
    model: str | None = None
    code: str
    reason: str
    replies: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()


class TokenChoice(Value):
    """A token that was, or could have been, written at one place, with its natural-log probability."""

    token: str
    logprob: float


class TokenLogprob(Value):
    """One written token and the likeliest alternatives at its place."""

    token: str
    logprob: float
    top: tuple[TokenChoice, ...] = ()


class TokenUsage(Value):
    """Tokens of one request, as the server counted them (estimated when it did not)."""

    prompt_tokens: int = Field(default=0, ge=0, lt=2**40)
    completion_tokens: int = Field(default=0, ge=0, lt=2**40)
    cached_tokens: int = Field(default=0, ge=0, lt=2**40)
    estimated: bool = False


class Reply(Value):
    """What a model answered to one ask."""

    text: str
    finish_reason: str | None = None
    reasoning: str | None = None
    refusal: str | None = None
    tool_calls: tuple[ToolCall, ...] = ()
    logprobs: tuple[TokenLogprob, ...] = ()
    usage: TokenUsage = TokenUsage()
    model: str = ""
    key: str = ""
    """The key of the ask (attempt 0), so that a failure can say which asks it came from."""
    sent: str = ""
    """The text as the server sent it, where reasoning or marks of an answer were taken out of it."""

    @property
    def message(self) -> Message:
        return Message.trusted(
            role="assistant", content=self.text, reasoning=self.reasoning, tool_calls=self.tool_calls
        )
