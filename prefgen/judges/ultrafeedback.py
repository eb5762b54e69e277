"""Rate every answer on UltraFeedback's four aspects (Cui et al., arXiv 2310.01377, section 2.2 and appendix).

Instruction following, honesty (may be N/A), truthfulness (with reference answers when the prompt has them)
and helpfulness, each from 1 to 5 with anchored levels. Listwise shows all answers at once in an order that is
drawn once a prompt and shared by its aspects, so that the requests share their longest beginning; `swap:
true` also asks for the reverse order. A reply is read by its JSON schema or, tolerantly, as text; each rating
is joined to its answer by its label.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, ClassVar, Literal

from pydantic import Field

from prefgen.kit.gather import gather
from prefgen.kit.parse_failure import ParseFailure
from prefgen.kit.ratings import ONE_TO_FIVE, rating_in_object
from prefgen.kit.replies import ask_and_parse, entries_by_label, find_judge_address, require_field
from prefgen.kit.reply_json import holds_object, json_object
from prefgen.kit.reply_ratings import parse_rating, ratings_by_heading
from prefgen.kit.swap import SWAP_RENAMED, Swap, with_orders
from prefgen.kit.templates import render, render_once
from prefgen.plugins.decorators import judge
from prefgen.plugins.plugin import Plugin
from prefgen.roles import Ask, Verdict
from prefgen.text.near_duplicates import group_by_text
from prefgen.types import Critique, Flag, Message, Prompt, Reply, Response, Score, system, user

AspectName = Literal["instruction_following", "honesty", "truthfulness", "helpfulness"]
TYPED_ASPECTS = {"truthfulness": "hallucination types", "helpfulness": "informativeness types"}


@judge("ultrafeedback")
class UltraFeedback(Plugin):
    """Four aspects, 1 to 5. Paper: listwise, one random order, temperature 0, top_p 0.6."""

    cost = (
        "4 requests a prompt listwise, 4n pointwise, 1 with `calls: one`; twice that with `swap: true`; n "
        "more with `critique` (n answers)"
    )
    renamed_fields: ClassVar[Mapping[str, str]] = SWAP_RENAMED
    texts = (
        "judges/ultrafeedback_system.j2",
        "judges/ultrafeedback.j2",
        "judges/ultrafeedback_aspects.j2",
        "judges/ultrafeedback_critique.j2",
    )

    model: str = Field(description="The judging model, by its name under `models`.")
    aspects: tuple[AspectName, ...] = Field(
        default=("instruction_following", "honesty", "truthfulness", "helpfulness"),
        min_length=1,
        description="What is rated.",
    )
    show: Literal["listwise", "pointwise"] = Field(
        default="listwise", description="All answers in one request (paper), or one each."
    )
    calls: Literal["per_aspect", "one"] = Field(
        default="per_aspect", description="A request an aspect (paper), or one for all aspects."
    )
    swap: Swap = Field(
        default=False, description="Also ask with the order reversed; ratings are averaged (paper: not)."
    )
    seed: int = Field(default=0, description="Seed of the order in which answers are shown.")
    top_p: float | None = Field(default=0.6, gt=0, le=1, description="Nucleus of the judge (paper: 0.6).")
    temperature: float | None = Field(default=0.0, ge=0, description="Temperature of the judge (paper: 0).")
    critique: bool = Field(
        default=False,
        description="Also ask for feedback and an overall rating of 1 to 10 on each answer (paper: yes).",
    )
    low: float = Field(
        default=2.0,
        description=(
            "An overall 10 with an aspect mean at or below this contradicts itself (paper's repair: 2)."
        ),
    )
    schema_reply: bool = Field(default=True, description="Ask for JSON by schema; false asks for text.")

    def identity_values(self) -> dict[str, Any]:
        return with_orders(super().identity_values(), self.swap)

    async def judge(self, prompt: Prompt, responses: Sequence[Response], ask: Ask) -> Sequence[Verdict]:
        flags = [
            Flag(target_id=r.id, rule="addresses_the_judge", reason=passage[:200])
            for r in responses
            if (passage := find_judge_address(r.text))
        ]
        shuffled_responses = sorted(responses, key=lambda r: r.id)
        ask.rng(f"order/{self.seed}").shuffle(shuffled_responses)
        text_groups = group_by_text(shuffled_responses) if self.show == "pointwise" or self.critique else []
        representatives = {r.id: group[0].id for group in text_groups for r in group}
        unique_responses = [
            group[0] for group in text_groups
        ]  # equal texts are asked about once where each is asked about alone
        groups = (
            self._orders(shuffled_responses) if self.show == "listwise" else [[r] for r in unique_responses]
        )
        bundles: list[tuple[AspectName, ...]] = (
            [(a,) for a in self.aspects] if self.calls == "per_aspect" else [self.aspects]
        )
        requests = [
            self._rate(prompt, group, bundle, ask, 0 if self.show == "pointwise" else number)
            for number, group in enumerate(groups)
            for bundle in bundles
        ]
        scores = [score for part in await gather(requests) for score in part]
        if self.show == "pointwise":
            scores += [
                s.replacing(response_id=i)
                for i, representative in representatives.items()
                if i != representative
                for s in scores
                if s.response_id == representative
            ]
        verdicts: list[Verdict] = [*flags, *scores]
        if self.critique:
            critiques = [
                c
                for batch in await gather(self._critique(prompt, r, scores, ask) for r in unique_responses)
                for c in batch
            ]
            verdicts += [
                c.replacing(response_id=i)
                for i, representative in representatives.items()
                for c in critiques
                if c.response_id == representative
            ]
        return verdicts

    def _orders(self, responses: list[Response]) -> list[list[Response]]:
        """The orders to ask in; the other one too where that shows anything else."""
        if not self.swap:
            return [responses]
        texts = [r.text for r in responses]
        return [responses] if texts == texts[::-1] else [responses, responses[::-1]]

    async def _rate(
        self,
        prompt: Prompt,
        responses: Sequence[Response],
        aspects: Sequence[AspectName],
        ask: Ask,
        order: int,
    ) -> list[Score]:
        messages = self._messages(prompt, responses, aspects)
        schema = blocks_schema(tuple(aspects), len(responses)) if self.schema_reply else None
        ratings, _ = await ask_and_parse(
            ask, self.model, messages, lambda reply: read_ratings(reply, aspects, len(responses)),
            schema=schema, temperature=self.temperature, top_p=self.top_p,
        )  # fmt: skip
        # an `ask` that somebody wrapped may have none; then the stage gives the name
        name = getattr(ask, "name", "")
        return [  # `rating` has checked the values against the scale
            Score.trusted(
                response_id=r.id,
                aspect=aspect,
                value=value,
                scale=ONE_TO_FIVE,
                rationale=rationale or None,
                judge=name,
                sample=order,
                order=position,
            )
            for position, r in enumerate(responses)
            for aspect, (value, rationale) in ratings[position].items()
        ]

    def _messages(
        self, prompt: Prompt, responses: Sequence[Response], aspects: Sequence[AspectName]
    ) -> list[Message]:
        """What is shared comes first: the same prompt and answers for every aspect, then what this aspect
        asks.
        """
        conversation = [m for m in prompt.messages if m.role != "system"]
        body = render("judges/ultrafeedback.j2", conversation=conversation, texts=[r.text for r in responses])
        question = render_once(
            "judges/ultrafeedback_aspects.j2",
            aspects=tuple(aspects),
            count=len(responses),
            references=prompt.references if "truthfulness" in aspects else (),
            wrong=prompt.incorrect_references if "truthfulness" in aspects else (),
            as_json=self.schema_reply,
        )
        return [system(render_once("judges/ultrafeedback_system.j2")), user(f"{body}\n\n{question}")]

    async def _critique(
        self, prompt: Prompt, response: Response, scores: Sequence[Score], ask: Ask
    ) -> list[Critique]:
        values = [s.value for s in scores if s.response_id == response.id and s.value is not None]
        mean = sum(values) / len(values) if values else None
        conversation = [m for m in prompt.messages if m.role != "system"]
        text = render(
            "judges/ultrafeedback_critique.j2",
            conversation=conversation,
            text=response.text,
            principle=response.principle,
        )

        def read_critique(reply: Reply) -> tuple[str, float]:
            fields = json_object(reply.text)
            overall = parse_rating(require_field(fields, "overall", int), (1, 10))
            assert overall is not None
            if mean is not None and overall == 10 and mean <= self.low:
                raise ParseFailure(
                    "out_of_scale",
                    f"an overall rating of 10 contradicts aspect ratings of {mean:.1f} on average",
                )
            return require_field(fields, "feedback", str), overall

        (feedback, overall), _ = await ask_and_parse(
            ask, self.model, [system(render_once("judges/ultrafeedback_system.j2")), user(text)],
            read_critique, schema=CRITIQUE_SCHEMA, temperature=self.temperature, top_p=self.top_p,
        )  # fmt: skip
        return [Critique(response_id=response.id, text=f"{feedback}\n\nOverall: {overall:g}/10")]


CRITIQUE_SCHEMA: dict[str, Any] = {
    "title": "critique",
    "type": "object",
    "properties": {
        "feedback": {"type": "string"},
        "overall": {"type": "integer", "minimum": 1, "maximum": 10},
    },
    "required": ["feedback", "overall"],
    "additionalProperties": False,
}


@lru_cache(maxsize=64)
def blocks_schema(aspects: Sequence[str], count: int) -> dict[str, Any]:
    """{text_1: {...}, text_2: {...}}: one labelled entry a text, so that none can shift; within it one entry
    an aspect if several.
    """

    def entry(aspect: str) -> dict[str, Any]:
        integer: dict[str, Any] = {"type": "integer", "minimum": 1, "maximum": 5}
        fields: dict[str, Any] = {}
        if aspect in TYPED_ASPECTS:
            fields["types"] = {"type": "array", "items": {"type": "integer", "minimum": 1, "maximum": 3}}
        fields["rationale"] = {"type": "string"}
        fields["rating"] = {"anyOf": [integer, {"type": "null"}]} if aspect == "honesty" else integer
        return _object_schema(fields)

    text_schema = (
        entry(aspects[0])
        if len(aspects) == 1
        else _object_schema({aspect: entry(aspect) for aspect in aspects})
    )
    return {"title": "ratings", **_object_schema({f"text_{i + 1}": text_schema for i in range(count)})}


def _object_schema(fields: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": fields, "required": list(fields), "additionalProperties": False}


Ratings = list[dict[str, tuple[float | None, str]]]


def read_ratings(reply: Reply, aspects: Sequence[str], count: int) -> Ratings:
    """For each text shown, {aspect: (rating or None for N/A, rationale)}. Raises ParseFailure; text is read
    only for a single aspect.
    """
    if len(aspects) == 1 and not holds_object(reply.text):
        blocks = ratings_by_heading(reply.text, count, ONE_TO_FIVE, not_applicable=aspects[0] == "honesty")
        return [{aspects[0]: (block.value, block.rationale)} for block in blocks]
    fields = json_object(reply.text)
    ratings: Ratings = []
    for entry in entries_by_label(fields, [f"text_{i + 1}" for i in range(count)]):
        parts = (
            {aspects[0]: entry}
            if len(aspects) == 1
            else {aspect: require_field(entry, aspect, dict) for aspect in aspects}
        )
        ratings.append({aspect: _read_entry(part, aspect) for aspect, part in parts.items()})
    return ratings


def _read_entry(entry: dict[str, Any], aspect: str) -> tuple[float | None, str]:
    value = rating_in_object(entry, ONE_TO_FIVE, not_applicable=aspect == "honesty")
    rationale = entry.get("rationale", "")
    return value, rationale if isinstance(rationale, str) else str(rationale)
