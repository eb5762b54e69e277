"""Harmful texts that prompts were made from, taken out of what is published."""

import re
from collections.abc import Callable, Collection, Mapping
from typing import Any, Literal

from prefgen.dataset.provenance import earlier_lineage
from prefgen.kit.harm import harm_marks, is_source
from prefgen.text.taken_out import taken_out_notice, text_digest
from prefgen.types import Prompt, Record

Harmful = Literal["redact", "drop", "keep"]
Redactor = Callable[[str | None], str | None]
MIN_QUOTE_LENGTH = 20
"""Characters from which on a sentence of a harmful text is taken out of what is said about it."""


def redact_turn(turn: Mapping[str, Any], digests: Collection[str], harmful: Harmful) -> dict[str, Any]:
    """The turn, without its text where that is a harmful one, of these digests."""
    if not digests or harmful == "keep" or (digest := text_digest(turn["content"] or "")) not in digests:
        return dict(turn)
    parts = {"parts": None} if turn.get("parts") else {}  # which hold the text, too
    return {**turn, "content": taken_out_notice(digest), **parts}


def is_from_harm(prompt: Prompt) -> bool:
    """Whether a prompt was made from a harmful text."""
    return "harm" in prompt.metadata or bool(harm_marks(prompt.lineage))


def harm_lineage(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """The lineage of a row of pairs, or the earlier one in it, that comes from a harmful text; empty for any
    other row.
    """
    text = row.get("lineage")
    if isinstance(text, str) and '"harm"' not in text:  # as of most rows
        return {}
    return harm_marks(earlier_lineage(row))


def quote_redactor(record: Record, harmful: Harmful) -> Redactor:
    """What to do with words about the answers: sentences of a harmful source that they quote are taken
    out.
    """
    sources = [r.text for r in record.responses if harmful != "keep" and is_source(record.prompt, r)]
    sentences = sorted(
        {
            sentence.strip()
            for text in sources
            for sentence in re.split(r"(?<=[.!?])\s+|\n", text)
            if len(sentence.strip()) >= MIN_QUOTE_LENGTH
        },
        key=len,
    )

    def redact(text: str | None) -> str | None:
        for sentence in reversed(sentences):
            text = text.replace(sentence, "[taken out]") if text else text
        return text

    return redact
