"""What a turn holds beside role and content: keys that are read, keys that are notes about the turn, and
others, which would be lost.
"""

from collections.abc import Mapping
from typing import Any

from prefgen.dataset.cells import checked_text, describe, is_list, is_missing
from prefgen.dataset.column_names import SHOWN
from prefgen.errors import RecipeError

READ = frozenset(
    ("role", "from", "content", "value", "parts", "tool_calls", "function_call", "tool_call_id", "name")
)
REASONING = ("reasoning_content", "reasoning", "thinking")
"""What servers and trainers call the thoughts before an answer."""
NOTES = frozenset(
    (
        "id", "uuid", "message_id", "parent_id", "turn_id", "turn_identifier", "conversation_id", "hash",
        "type", "timestamp", "created", "created_at", "create_time", "updated_at", "date", "time", "weight",
        "status", "model", "model_name", "generator", "finish_reason", "stop_reason", "usage", "logprobs",
        "annotations", "language", "lang", "source", "category", "score", "rating", "label", "labels", "tags",
        "emoji", "hashed_ip", "country", "state", "header", "metadata", "info", "extra",
    )
)  # fmt: skip
"""What is said about a turn, and is no part of what it says; so are numbers and truth values of any name."""


def refuse_unread(turn: Mapping[str, Any], where: str) -> None:
    """Raises RecipeError for a filled key of a turn that nobody reads."""
    for key, value in turn.items():
        if key in READ or key in NOTES or key in REASONING or _is_note(value):
            continue
        if key in SHOWN:
            raise RecipeError(f"a message has {key!r}: put it among the parts of its content", where)
        raise RecipeError(
            f"a message has {key!r} ({describe(value)}), which would be lost: put it into its content, or "
            "take it away",
            where,
        )


def _is_note(value: Any) -> bool:
    """Whether a value holds nothing that a turn could say: nothing, a number, a truth value, a time."""
    if isinstance(value, str):
        return is_missing(value)
    return not value if isinstance(value, Mapping | bytes) or is_list(value) else True


def reasoning_of(turn: Mapping[str, Any], where: str) -> str | None:
    """The thoughts that stand in a turn beside its content. Raises RecipeError for what is no text, and for
    two that differ.
    """
    found = {key: turn[key] for key in REASONING if key in turn and not _is_note(turn[key])}
    texts = list(found.values())
    if any(text != texts[0] for text in texts[1:]):
        raise RecipeError(f"{' and '.join(found)} of a message do not say the same", where)
    for key, text in found.items():
        if not isinstance(text, str):
            raise RecipeError(f"{key} of a message must be text, found {describe(text)}", where)
    return checked_text(texts[0], next(iter(found)), where) if texts else None
