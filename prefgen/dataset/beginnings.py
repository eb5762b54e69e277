"""What the sides begin with, where it stands in a column of its own: an answer without it is half of one."""

from collections.abc import Mapping
from typing import Any

from prefgen.dataset.answer_groups import SIDES, text_of_answer, words_of_name
from prefgen.dataset.cells import is_missing
from prefgen.dataset.column_names import BEGINNINGS, Row
from prefgen.errors import RecipeError


def check_beginnings(row: Row, given: Mapping[str, Any], columns: Mapping[str, str], where: str) -> None:
    """Raises RecipeError for a column that holds the beginning of both sides, which do not have it, and for
    one that holds a side with more before it (`full_chosen`).
    """
    texts = {side: text_of_answer(value) for side, value in given.items()}
    if not all(isinstance(text, str) and text for text in texts.values()):
        return
    for name, value in row.items():
        if not isinstance(name, str) or not isinstance(value, str) or is_missing(value) or name in SIDES:
            continue
        if name.strip().casefold() in BEGINNINGS:
            if not all(text.startswith(value.strip()) for text in texts.values()):
                raise RecipeError(
                    f"{name} is what the answers begin with, and would be lost: write it into both, or take "
                    "the column away",
                    where,
                )
            continue
        side = next((side for side in SIDES if side in words_of_name(name)), None)
        if side is not None and "full" in words_of_name(name) and name not in columns.values():
            whole, text = value.strip(), texts[side]
            if whole.endswith(text) and len(whole) > len(text) and not _is_asked(row, whole):
                raise RecipeError(
                    f"{name} ends with {side}, which begins in its middle: map the whole answers "
                    f"({side}={name})",
                    where,
                )


def _is_asked(row: Row, whole: str) -> bool:
    """Whether a text holds the prompt of its row: then that is what stands before the answer."""
    asked = (text_of_answer(row.get(name)) for name in ("prompt", "instruction", "question", "input"))
    return any(isinstance(text, str) and text and text in whole for text in asked)
