"""What the sides begin with, where it stands in a column of its own: an answer without it is half of one."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from prefgen.dataset.answer_groups import SIDES, named_columns, text_of_answer, words_of_name
from prefgen.dataset.cells import is_missing
from prefgen.dataset.column_names import BEGINNINGS, Row
from prefgen.errors import RecipeError


def check_beginnings(row: Row, given: Mapping[str, Any], columns: Mapping[str, str], where: str) -> None:
    """Raises RecipeError for a column that holds the beginning of both sides, which do not have it, and for
    one that holds a side with more before it (`full_chosen`).
    """
    names = _names_of_parts(named_columns(row))
    held = [name for name in names if isinstance(row[name], str) and not is_missing(row[name])]
    texts = {side: text_of_answer(value) for side, value in given.items()} if held else {}
    if not texts or not all(isinstance(text, str) and text for text in texts.values()):
        return
    for name in held:
        whole, side = row[name].strip(), names[name]
        if side is None and not all(text.startswith(whole) for text in texts.values()):
            raise RecipeError(
                f"{name} is what the answers begin with, and would be lost: write it into both, or take the "
                "column away",
                where,
            )
        if side is None or name in columns.values():
            continue
        if whole.endswith(texts[side]) and len(whole) > len(texts[side]) and not _is_asked(row, whole):
            raise RecipeError(
                f"{name} ends with {side}, which begins in its middle: map the whole answers ({side}={name})",
                where,
            )


@lru_cache(maxsize=256)
def _names_of_parts(names: tuple[str, ...]) -> Mapping[str, str | None]:
    """{column that may hold more of an answer than its side: that side, or None for the beginning of
    both}.
    """
    found: dict[str, str | None] = {}
    for name in names:
        if name in SIDES:
            continue
        words = words_of_name(name)
        if name.strip().casefold() in BEGINNINGS:
            found[name] = None
        elif "full" in words and (side := next((side for side in SIDES if side in words), None)):
            found[name] = side
    return found


def _is_asked(row: Row, whole: str) -> bool:
    """Whether a text holds the prompt of its row: then that is what stands before the answer."""
    asked = (text_of_answer(row.get(name)) for name in ("prompt", "instruction", "question", "input"))
    return any(isinstance(text, str) and text and text in whole for text in asked)
