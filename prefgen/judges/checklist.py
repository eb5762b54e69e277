"""Check each answer against weighted yes/no criteria: given in the recipe, standing in the prompt's metadata,
or written once a prompt by a model.

The score is the weight of what is met over the weight of what applies, from 0 to 1. A criterion that does not
apply is left out; an answer to which none applies has no score.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import Field, model_validator

from prefgen.errors import ReplyError
from prefgen.kit.check_reasons import denies
from prefgen.kit.fields_beside import reasons_beside
from prefgen.kit.judge_prompt import judge_messages, text_for_judge
from prefgen.kit.parse_failure import ParseFailure
from prefgen.kit.ratings import (
    judge_each,
    not_applicable_scores,
    read_metadata,
)
from prefgen.kit.replies import ask_and_parse, entries_by_label, require_field
from prefgen.kit.reply_json import field_name, json_object
from prefgen.plugins.decorators import judge
from prefgen.plugins.plugin import Plugin
from prefgen.roles import Ask, Verdict
from prefgen.types import Prompt, Reply, Response, Score, Value


class Criterion(Value):
    """Something that an answer meets or does not."""

    text: str = Field(min_length=1)
    weight: float = Field(default=1.0, gt=0, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, value: Any) -> Any:
        return {"text": value} if isinstance(value, str) else value


@judge("checklist")
class Checklist(Plugin):
    """Weighted criteria, each met or not."""

    cost = "a request an answer, and one a prompt where a `writer` writes the criteria"
    texts = ("judges/judge_system.j2", "judges/checklist.j2", "judges/checklist_write.j2")

    model: str = Field(description="The judging model, by its name under `models`.")
    criteria: tuple[Criterion, ...] = Field(
        default=(), description="Criteria of every prompt: text, or {text, weight}."
    )
    key: str = Field(default="checklist", description="Where a prompt's metadata holds criteria of its own.")
    writer: str | None = Field(
        default=None, description="A model that writes criteria for prompts without any, once each."
    )
    written: int = Field(default=5, ge=1, le=20, description="Criteria that it is asked for.")
    temperature: float | None = Field(default=0.0, ge=0, description="Temperature of the judge.")

    def models_used(self) -> tuple[str, ...]:
        return (self.model, self.writer) if self.writer else (self.model,)

    def rated_scales(self) -> Mapping[str, tuple[float, float]]:
        return {"checklist": (0, 1)}

    async def judge(
        self, prompt: Prompt, responses: Sequence[Response], ask: Ask
    ) -> Sequence[Verdict | ReplyError]:
        criteria = [*self.criteria, *read_metadata(prompt, self.key, Criterion, self.name)]
        if not criteria and self.writer:
            criteria = await self._write_criteria(prompt, ask, self.writer)
        if not criteria:  # nothing to check: that is no score, and not the best one
            reason = f"the prompt has no criteria: give `criteria`, metadata.{self.key}, or a `writer`"
            return not_applicable_scores((r.id for r in responses), "checklist", (0, 1), reason)
        return await judge_each(
            responses, lambda response: self._score_response(prompt, response, criteria, ask)
        )

    async def _write_criteria(self, prompt: Prompt, ask: Ask, writer: str) -> list[Criterion]:
        messages = judge_messages("judges/checklist_write.j2", prompt, count=self.written)
        count = {"minItems": self.written, "maxItems": self.written}
        schema = {
            "title": "checklist", "type": "object", "required": ["criteria"], "additionalProperties": False,
            "properties": {"criteria": {"type": "array", **count, "items": {"type": "string"}}},
        }  # fmt: skip

        def read_criteria(reply: Reply) -> list[Criterion]:
            texts = require_field(json_object(reply.text), "criteria", list)
            if not texts or not all(isinstance(text, str) and text.strip() for text in texts):
                raise ParseFailure("wrong_type", f"expected a list of criteria, found {texts!r:.120}")
            return [Criterion(text=text) for text in texts]

        criteria, _ = await ask_and_parse(
            ask, writer, messages, read_criteria, schema=schema, temperature=self.temperature
        )
        return criteria

    async def _score_response(
        self, prompt: Prompt, response: Response, criteria: Sequence[Criterion], ask: Ask
    ) -> Verdict:
        messages = judge_messages(
            "judges/checklist.j2",
            prompt,
            text=text_for_judge(response),
            criteria=[c.text for c in criteria],
        )
        checks, _ = await ask_and_parse(
            ask, self.model, messages, lambda reply: read_checks(reply, len(criteria)),
            schema=checklist_schema(len(criteria)), temperature=self.temperature,
        )  # fmt: skip
        applicable = [
            (c.weight, is_met) for c, is_met in zip(criteria, checks, strict=True) if is_met is not None
        ]
        total = math.fsum(weight for weight, _ in applicable)
        value = math.fsum(weight for weight, is_met in applicable if is_met) / total if applicable else None
        rationale = "; ".join(
            f"{'met' if is_met else 'does not apply' if is_met is None else 'not met'}: {c.text}"
            for c, is_met in zip(criteria, checks, strict=True)
        )
        return Score(
            response_id=response.id, aspect="checklist", value=value, scale=(0, 1), rationale=rationale
        )


def checklist_schema(count: int) -> dict[str, Any]:
    """{item_1: {reason, met}, item_2: ...}: labelled, so that no answer can shift; null where a criterion
    does not apply.
    """
    item = {
        "type": "object", "required": ["reason", "met"], "additionalProperties": False,
        "properties": {
            "reason": {"type": "string"},
            "met": {"anyOf": [{"type": "boolean"}, {"type": "null"}]},
        },
    }  # fmt: skip
    names = [f"item_{i + 1}" for i in range(count)]
    return {
        "title": "checks",
        "type": "object",
        "properties": dict.fromkeys(names, item),
        "required": names,
        "additionalProperties": False,
    }


def read_checks(reply: Reply, count: int) -> list[bool | None]:
    """For each criterion whether it is met, or None where it does not apply. Raises ParseFailure."""
    fields: Mapping[str, Any] = json_object(reply.text)
    checks = []
    for number, entry in enumerate(entries_by_label(fields, [f"item_{i + 1}" for i in range(count)]), 1):
        is_met = _truth_of(entry.get("met", ""))
        if not (is_met is None or isinstance(is_met, bool)):
            raise ParseFailure(
                "wrong_type", f"expected item_{number}.met to be true, false or null, found {entry!r:.120}"
            )
        others = {field_name(name): value for name, value in entry.items() if name != "met"}
        reasons = reasons_beside(others)
        if "met" in others or denies(reasons, is_met):
            raise ParseFailure(
                "ambiguous", f"expected item_{number}.met and its reason, found {entry!r:.120}"
            )
        checks.append(is_met)
    return checks


_IN_WORDS = {"true": True, "yes": True, "false": False, "no": False}


def _truth_of(value: Any) -> Any:
    """A truth value that was written as a word; everything else as it is."""
    return _IN_WORDS.get(value.strip().casefold(), value) if isinstance(value, str) else value
