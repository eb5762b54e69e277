"""Flag responses that are made to win a judge over instead of answering: pairers then skip them.

What is looked for: a response that speaks to whoever rates it, that tells a reader to ignore what stands
above it, that imitates the frame of an evaluation (lists of model outputs, a second "instruction" heading,
verdict lines), or that consists of broken syntax and control text for the most part, as optimised attacks do.
"""

import re
from collections.abc import Sequence

from pydantic import Field

from prefgen.kit.replies import find_judge_address
from prefgen.plugins.decorators import filter
from prefgen.plugins.plugin import Plugin
from prefgen.types import Flag, Record

OVERRIDES = re.compile(
    r"\b(?:ignore|disregard|forget)\s+(?:all\s+|everything\s+)?(?:of\s+)?(?:the\s+)?"
    r"(?:above|foregoing|preceding)\b",
    re.IGNORECASE,
)
FRAMES = (
    r"^#+ ?(?:model outputs?|which is best|instruction for the judge|evaluation result)",
    r"\"?model_identifier\"?\s*:",
    r"\bunordered outputs? from the models\b",
    r"\[\[?(?:start|end) of (?:the )?assistant",
    r"^\s*(?:final )?verdict\s*:\s*\[\[?[AB12]\b",
)
FRAME = re.compile("|".join(FRAMES), re.IGNORECASE | re.MULTILINE)
SYNTAX = re.compile(r"[{}\[\]<>|\\^~`]")


@filter("injection_guard")
class InjectionGuardFilter(Plugin):
    """One flag a suspicious response, with the passage that gave it away."""

    most_syntax: float = Field(
        default=0.15,
        gt=0,
        le=1,
        description="Largest share of brackets and bars outside code blocks that an answer may have.",
    )

    def flag(self, record: Record) -> Sequence[Flag]:
        suspicions = [
            (response.id, suspicion(response.text, self.most_syntax)) for response in record.responses
        ]
        return [Flag(target_id=i, rule=self.name, reason=reason) for i, reason in suspicions if reason]


def suspicion(text: str, most_syntax: float = 0.15) -> str | None:
    """Why a response looks like an attack on its judge, or None."""
    passage = find_judge_address(text)
    if passage:
        return f"speaks to the judge: {passage[:120]!r}"
    for description, pattern in (
        ("overrides what stands above it", OVERRIDES),
        ("imitates the frame of an evaluation", FRAME),
    ):
        match = pattern.search(text)
        if match:
            return f"{description}: {match[0].strip()[:120]!r}"
    plain = re.sub(r"```.*?(?:```|\Z)", "", text, flags=re.DOTALL)
    if len(plain) >= 200 and len(SYNTAX.findall(plain)) / len(plain) > most_syntax:
        return f"{len(SYNTAX.findall(plain)) / len(plain):.0%} of it is brackets and bars"
    return None
