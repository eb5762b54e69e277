"""The names of columns that mean something to a reader without being told: one list for every reader."""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from prefgen.dataset.cells import is_missing
from prefgen.errors import RecipeError

Row = Mapping[str, Any]
ASKING = ("messages", "conversations", "prompt", "instruction", "question", "query")
"""Columns that hold what is asked."""
ASKING_ALONE = ("input", "text")
"""Columns that ask where none of ASKING does; beside one, `text` may be anything."""
ASKED_ABOUT = ("instruction", "query")
"""Columns that may be about something in a column of its own."""
INPUT_COLUMNS = ("input", "context")
"""What an instruction is about, where it stands in a column of its own."""
SHOWN = frozenset(("image", "images", "video", "videos", "audio", "audios"))
"""Columns, and keys of a message, that hold what a conversation shows."""
ASKED_TOO = frozenset((
    "chat_history", "conversation_history", "dialogue_history",
    "previous_turns", "prior_turns", "available_tools", "chat_template_kwargs",
))  # fmt: skip
"""Columns that hold a part of what was asked, which no reader takes from there; lists of turns and of tools
are told by what they are (`prefgen.dataset.turns_beside`).
"""
ASKED_BESIDE = ("passage", "passages", "document", "documents", "choices", "options")
"""Columns that hold a part of what was asked, beside the one that holds the rest, whatever its name."""
BEGINNINGS = ("response_prefix", "assistant_prefix", "answer_prefix", "initial_reason_steps")
"""Columns that hold what the answers begin with."""
_OTHERS = (
    "context", "history", "system", "system_prompt", "source", "category", "language", "license",
    "references", "incorrect_references", "tools", "metadata", "chosen", "rejected", "completion", "label",
    "completions", "responses",
)  # fmt: skip
KNOWN = frozenset((*ASKING, *ASKING_ALONE, *SHOWN, *_OTHERS))


def with_known_names(row: Row, columns: Mapping[str, str], where: str) -> Row:
    """The row, and under its known name also what stands under that name in another spelling (`plain_name`);
    what `columns` maps stays. Raises RecipeError where two such columns say different things.
    """
    aliases = _aliases(tuple(row))
    if not aliases:
        return row
    found: dict[str, Any] = {}
    for alias, known in aliases.items():
        if alias in columns.values() or is_missing(row[alias]):
            continue
        given = found.get(known, row.get(known))
        if not is_missing(given) and given != row[alias]:
            raise RecipeError(f"{known!r} and {alias!r} are two columns of one name", where)
        found[known] = row[alias]
    return {**row, **found} if found else row


@lru_cache(maxsize=256)
def _aliases(names: tuple[Any, ...]) -> dict[str, str]:
    """{column: the known name that it is but for its spelling}."""
    plain = {name: plain_name(name) for name in names if isinstance(name, str) and name not in KNOWN}
    return {name: known for name, known in plain.items() if known in KNOWN}


@lru_cache(maxsize=1_024)
def plain_name(name: str) -> str:
    """A name in our spelling: "System prompt", "system-prompt" and "systemPrompt" are system_prompt."""
    parted = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|[\s-]+", "_", name.strip())
    return parted.casefold()
