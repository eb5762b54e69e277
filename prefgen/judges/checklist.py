"""Check each answer against weighted yes/no criteria: given in the recipe, standing in the prompt's metadata,
or written once a prompt by a model.

The score is the weight of what is met over the weight of what applies, from 0 to 1. A criterion that does not
apply is left out; an answer to which none applies has no score.
"""

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import Field, model_validator

from prefgen.errors import ReplyError
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
from prefgen.kit.vote_doubts import asks_for_fault
from prefgen.kit.withdrawals import withdraws_rating
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
        if "met" in others or _denies(reasons, is_met):
            raise ParseFailure(
                "ambiguous", f"expected item_{number}.met and its reason, found {entry!r:.120}"
            )
        checks.append(is_met)
    return checks


_IN_WORDS = {"true": True, "yes": True, "false": False, "no": False}


def _truth_of(value: Any) -> Any:
    """A truth value that was written as a word; everything else as it is."""
    return _IN_WORDS.get(value.strip().casefold(), value) if isinstance(value, str) else value


_SO = (
    r"(?:\A\W*|\b(?:so|thus|therefore|hence)\W+"
    r"(?:(?:it|this|that|the (?:criterion|item|requirement|condition)) is )?)"
)
_ITS_OWN = r"(?=\W*\Z|\s*[.,;:!\n–—]|\s+-)"
"""Where a word is a clause of its own: "No." is an answer, and "No errors were found." is none."""
_SAYS_UNMET = re.compile(
    rf"{_SO}(?:(?:not (?:\w+ly )?(?:met|satisfied|fulfilled)|unmet|fails|violated)\b|(?:false|no){_ITS_OWN})",
    re.IGNORECASE,
)
_SAYS_MET = re.compile(
    rf"{_SO}(?:(?:met|satisfied|fulfilled)\b"
    r"(?! (?:in part|part|only|just|half|almost|for only|by only)"
    rf"| ?[:=] ?false)"
    rf"|(?:true|yes){_ITS_OWN})",
    re.IGNORECASE,
)
_CRITERION = r"(?:criterion|item|requirement|condition|constraint)"
_NOT = r"(?: not|n['’]t)"
_PART = (
    r"(?:(?:only|just|merely|barely) )?(?:part(?:ly|ially)|incompletely|hardly|scarcely|half|almost|nearly)"
)
_OF_IT = rf"(?: with)?(?: (?:it|this|that|(?:the|this|that) (?:\w+ )?{_CRITERION}))?\W*\Z"
_OPENING = r"\W*(?:(?:so|thus|therefore|hence|overall),? )?"
_NAMED = rf"(?:(?:the|this|that) )?(?:(?:{_CRITERION}|text|response|answer|reply)(?: \d+)?|it|this|that) "
_SUBJECT = rf"{_OPENING}{_NAMED}"
_ANY_SUBJECT = rf"{_OPENING}(?:{_NAMED})?"
_CRITERION_ALONE = rf"{_OPENING}(?:(?:(?:the|this|that) )?{_CRITERION}(?: \d+)? )?"
"""What a sentence is about: "The text does not meet it.", "Does not meet it.", "Requirement violated."."""
_WHOLE_UNMET = re.compile(
    rf"{_SUBJECT}(?:(?:(?:is|was|has|been|were| )*{_NOT}|(?:is|was|does| )*{_PART}"
    rf"|not) ?(?:been )?(?:\w+ly )?"
    r"(?:met|satisf(?:y|ies|ied)|fulfill?(?:s|ed)?|true|followed|meets?)\b.*"
    r"|(?:is|was|has been) (?:\w+ly )?(?:unmet|violated|failed|false)\b.*"
    rf")|{_ANY_SUBJECT}(?:(?:does|did){_NOT} (?:\w+ly )?(?:meet|satisfy|fulfill?|pass|comply|apply"
    r"|hold(?=\W*\Z))\b.*"
    rf"|(?:\w+ly )?(?:fails|failed|violates){_OF_IT}|fails to (?:meet|satisfy|fulfill?|comply)\b.*)"
    rf"|{_CRITERION_ALONE}(?:violated|unmet|failed"
    rf"|(?:{_PART}|not(?: \w+ly)?) (?:met|satisfied|fulfill?ed))\W*"
    r"|\W*(?:fail(?:s|ed)?|false|no|(?:not|un)(?: \w+ly)? ?met|not satisfied)\W*|\W*met ?[:=] ?false\b.*",
    re.IGNORECASE,
)
_WHOLE_MET = re.compile(
    rf"{_SUBJECT}(?:(?:is|was|has been) (?:\w+ly )?(?:met|satisfied|fulfilled|followed|true)\b(?P<how>.*)"
    r"|(?:met|holds)\W*)"
    rf"|{_ANY_SUBJECT}(?:\w+ly )?(?:meets|satisfies|fulfill?s|passes|complies){_OF_IT}"
    rf"|{_CRITERION_ALONE}(?:\w+ly )?(?:met|satisfied|fulfill?ed)\W*"
    r"|\W*(?:pass(?:es|ed)?|true|yes)\W*|\W*met ?[:=] ?true\b.*",
    re.IGNORECASE,
)
"""A whole sentence that says of its criterion whether it is met."""
_LIMITED = re.compile(
    r"\b(?:part\w*|only|just|half|almost|nearly|barely|hardly|except|if|but|not|for|in (?:some|one|two))\b",
    re.IGNORECASE,
)
_SENTENCE_END = re.compile(r"(?<=[.!;\n])\s+")
_ANSWERED = re.compile(
    r"(?:\A|(?<=[.!?\n]))(?P<asked>[^.!?？\n]*)[?？]\W{0,6}(?P<answer>yes|no)" + _ITS_OWN, re.IGNORECASE
)
_NOT_APPLICABLE = re.compile(
    rf"{_ANY_SUBJECT}(?:not applicable|n/a|(?:does|is){_NOT} (?:apply|applicable))\b", re.IGNORECASE
)


def _denies(reason: str, is_met: bool | None) -> bool:
    """Whether a reason opens or concludes with another answer, or takes it back."""
    if withdraws_rating(reason):
        return True
    if is_met is None:
        return False
    if _NOT_APPLICABLE.match(reason) or (_SAYS_UNMET if is_met else _SAYS_MET).search(reason):
        return True
    sentences = [sentence for sentence in _SENTENCE_END.split(reason) if sentence.strip()] or [""]
    said = {_says_met(sentence) for sentence in (sentences[0], sentences[-1])}
    return (not is_met) in (said | {_answers_met(reason)})


def _says_met(sentence: str) -> bool | None:
    """Whether a whole sentence says that its criterion is met; None where it says something else."""
    if _WHOLE_UNMET.fullmatch(sentence):
        return False
    met = _WHOLE_MET.fullmatch(sentence)
    return True if met and not _LIMITED.search(met["how"] or "") else None


def _answers_met(reason: str) -> bool | None:
    """What a reason answers to the last question that it asks itself, unless it asks for a fault."""
    answers = list(_ANSWERED.finditer(reason))
    if not answers or asks_for_fault(answers[-1]["asked"]):
        return None
    return answers[-1]["answer"].casefold() == "yes"
