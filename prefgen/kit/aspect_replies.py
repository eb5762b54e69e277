"""What a judge of several aspects is asked to reply, and how its ratings and critiques are read."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from prefgen.kit.parse_failure import ParseFailure
from prefgen.kit.rating_doubts import is_doubted_outside, turns_labels
from prefgen.kit.ratings import ONE_TO_FIVE, may_doubt_ratings, rating_in_object
from prefgen.kit.replies import entries_by_label, require_field
from prefgen.kit.reply_json import holds_object, json_object
from prefgen.kit.reply_ratings import ratings_by_heading
from prefgen.types import Reply

TOP_OVERALL = 10.0
OVERALL_SCALE = (1.0, TOP_OVERALL)


def read_critique(reply: Reply) -> tuple[str, float]:
    """(feedback, overall rating). Raises ParseFailure."""
    fields = json_object(reply.text)
    overall = require_field(fields, "overall", object)
    others = {name: value for name, value in fields.items() if name != "overall"}
    rating = rating_in_object({**others, "rating": overall}, OVERALL_SCALE)
    assert rating is not None
    return require_field(fields, "feedback", str), rating


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


AspectRating = tuple[float | None, str]
"""(rating, or None for N/A; rationale)."""
Ratings = list[dict[str, AspectRating | ParseFailure]]


def read_ratings(reply: Reply, aspects: Sequence[str], count: int, *, in_part: bool = False) -> Ratings:
    """For each text shown, {aspect: its rating}. Raises ParseFailure, which stands with `in_part` in the
    place of a rating that cannot be read; text is read only for a single aspect.
    """
    if len(aspects) == 1 and not holds_object(reply.text):
        blocks = ratings_by_heading(reply.text, count, ONE_TO_FIVE, not_applicable=aspects[0] == "honesty")
        return [{aspects[0]: (block.value, block.rationale)} for block in blocks]
    fields = json_object(reply.text)
    labels = [f"text_{i + 1}" for i in range(count)]
    digits = len(aspects) * count + sum(len(label) - len("text_") for label in labels)
    may_doubt = may_doubt_ratings(reply.text, digits)
    if is_doubted_outside(reply.text, None, ONE_TO_FIVE) or (may_doubt and turns_labels(reply.text)):
        raise ParseFailure(
            "ambiguous", f"expected ratings of the texts as numbered, found {reply.text[:120]!r}"
        )
    ratings: Ratings = []
    for entry in entries_by_label(fields, labels):
        parts = {aspect: entry if len(aspects) == 1 else _part_of(entry, aspect) for aspect in aspects}
        read = {aspect: _rating_of(part, aspect, may_doubt=may_doubt) for aspect, part in parts.items()}
        failures = [part for part in (*parts.values(), *read.values()) if isinstance(part, ParseFailure)]
        if failures and not in_part:
            raise failures[0]
        ratings.append(read)
    return ratings


def _part_of(entry: dict[str, Any], aspect: str) -> dict[str, Any] | ParseFailure:
    try:
        return require_field(entry, aspect, dict)
    except ParseFailure as failure:
        return failure


def _rating_of(
    part: dict[str, Any] | ParseFailure, aspect: str, *, may_doubt: bool
) -> AspectRating | ParseFailure:
    if isinstance(part, ParseFailure):
        return part
    try:
        value = rating_in_object(part, ONE_TO_FIVE, not_applicable=aspect == "honesty", may_doubt=may_doubt)
    except ParseFailure as failure:
        return failure
    rationale = part.get("rationale", "")
    return value, rationale if isinstance(rationale, str) else str(rationale)
