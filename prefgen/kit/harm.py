"""Prompts that were made from harmful texts: how they are marked, so that no such text can come out as the
preferred one.

A prompt's metadata holds `harm` (the category), `source_digest` and `source_text`; its harmless look-alike
holds `twin_of`.
"""

import unicodedata
from collections.abc import Mapping
from typing import Any

from prefgen.text.near_duplicates import words_of
from prefgen.text.taken_out import text_digest
from prefgen.types import Prompt, Record, Response

SOURCE = "source"
"""The `principle` of a response that is the harmful text itself."""
MIN_WORDS = 5
"""Words below which a text counts as held only where it is the whole answer."""
BENIGN = "benign_twin"
"""The category of a harmless look-alike."""


def harm_metadata(text: str, category: str) -> dict[str, Any]:
    """The metadata of a prompt that was made from a harmful text."""
    return {
        "harm": category,
        "source_digest": text_digest(text),
        "source_text": text,
    }


def harm_marks(lineage: Mapping[str, Any]) -> Mapping[str, Any]:
    """The part of a lineage that holds `harm` and `source_digest`: the lineage itself, or that of an earlier
    release which was read again. Empty where the prompt was made from no harmful text.
    """
    level: Any = lineage
    while isinstance(level, Mapping):
        if "harm" in level:
            return level
        level = level.get("earlier")
    return {}


def source_digests(*marks: Mapping[str, Any]) -> frozenset[str]:
    """The digests of the harmful texts that lineages or metadata name: `source_digest`, and `source_digests`
    where several texts were put back into one pair.
    """
    found = [*(mark.get("source_digest") for mark in marks)]
    for mark in marks:
        more = mark.get("source_digests")
        found += more if isinstance(more, list | tuple) else []
    return frozenset(digest for digest in found if isinstance(digest, str))


def is_source(prompt: Prompt, response: Response) -> bool:
    """Whether a response is the harmful text that its prompt was made from, by its mark or by its digest."""
    digests = source_digests(harm_marks(prompt.lineage), prompt.metadata)
    return response.principle == SOURCE or (bool(digests) and text_digest(response.text) in digests)


def source_response(prompt: Prompt) -> Response | None:
    """The harmful text as a response to the prompt that was made from it; None for other prompts, and where
    there is no text.
    """
    text = prompt.metadata.get("source_text")
    if prompt.category == BENIGN or not isinstance(text, str) or not text.strip():
        return None
    return Response.of(prompt, text, principle=SOURCE, origin="human")


def is_harmful(record: Record, response_id: str) -> bool:
    """Whether a response is, or holds, the harmful text that its prompt was made from: by its mark, by its
    digest, or by its words in their order.
    """
    response = next((r for r in record.responses if r.id == response_id), None)
    if response is None:
        return False
    if is_source(record.prompt, response):
        return True
    text = record.prompt.metadata.get("source_text")
    if not isinstance(text, str):  # as of nearly every prompt
        return False
    source_words, response_words = _visible_words(text), _visible_words(response.text)
    if len(source_words) < MIN_WORDS:
        return bool(source_words) and source_words == response_words
    return f" {' '.join(source_words)} " in f" {' '.join(response_words)} "


def _visible_words(text: str) -> list[str]:
    """The words of a text, without the invisible characters that can be put between its letters."""
    return words_of("".join(c for c in text if unicodedata.category(c) != "Cf"))
