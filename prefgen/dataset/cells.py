"""What a cell of somebody's table says: text, a number, a truth value, data, or nothing. Every reader gives a
value or raises one clear line; none guesses.
"""

import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from prefgen.errors import RecipeError

MAX_CHARACTERS = 1_000_000
TRUE_WORDS, FALSE_WORDS = ("true", "1", "1.0"), ("false", "0", "0.0")


def describe(value: Any) -> str:
    """A value for an error message."""
    return f"{type(value).__name__} {str(value)[:60]!r}"


def is_missing(value: Any) -> bool:
    """Whether a cell holds nothing: None, NaN (what pandas makes of an empty cell), or blank text."""
    if isinstance(value, float):
        return math.isnan(value)
    return value is None or (isinstance(value, str) and not value.strip())


def is_list(value: Any) -> bool:
    """Whether a cell holds several things."""
    return isinstance(value, Sequence) and not isinstance(value, str | bytes | bytearray)


def as_text(value: Any, name: str, where: str) -> str | None:
    """Text, or a number, date or truth value as it is written; None where the cell is empty. Raises
    RecipeError.
    """
    if is_missing(value):
        return None
    if isinstance(value, bytes | bytearray | Mapping) or is_list(value):
        raise RecipeError(f"{name} must be text, found {describe(value)}", where)
    return checked_text(str(value), name, where)


def checked_text(text: str, name: str, where: str) -> str:
    """The text, if it can be kept. Raises RecipeError for one over a million characters, and for half of a
    surrogate pair.
    """
    if len(text) > MAX_CHARACTERS:
        raise RecipeError(f"{name} has {len(text):,} characters; the most is {MAX_CHARACTERS:,}", where)
    try:
        text.encode()
    except UnicodeEncodeError:
        raise RecipeError(f"{name} is not valid Unicode (a lone surrogate)", where) from None
    return text


MAX_DEPTH = 64
"""Levels of nesting that the data of a cell may have."""


def checked_data(value: Any, name: str, where: str) -> Any:
    """Data, if it can be kept. Raises RecipeError for what nests too deeply, and for half of a surrogate
    pair.
    """
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [inner for item in level for inner in _items_of(item)]
        if not level:
            break
    else:
        raise RecipeError(f"{name} nests deeper than {MAX_DEPTH} levels", where)
    try:
        json.dumps(value, ensure_ascii=False, default=str).encode()
    except UnicodeEncodeError:
        raise RecipeError(f"{name} is not valid Unicode (a lone surrogate)", where) from None
    return value


def _items_of(value: Any) -> list[Any]:
    if isinstance(value, Mapping):
        return list(value.values())
    return list(value) if is_list(value) else []


def as_texts(value: Any, name: str, where: str) -> tuple[str, ...]:
    """Several texts: a list of them, or one alone. Raises RecipeError."""
    items = value if is_list(value) else [value]
    texts = (as_text(item, name, where) for item in items)
    return tuple(text for text in texts if text is not None)


def as_number(value: Any, name: str, where: str) -> float | None:
    """A finite number, also as text; None where the cell is empty. Raises RecipeError."""
    if is_missing(value):
        return None
    try:
        number = math.nan if isinstance(value, bool | bytes | bytearray) else float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number):
        raise RecipeError(f"{name} must be a finite number, found {describe(value)}", where)
    return number


def as_truth(value: Any, name: str, where: str) -> bool:
    """True or false, also as 1 and 0, and as text. Raises RecipeError for anything else: a label of -1 is no
    truth value, and the text "False" is not true.
    """
    word = str(value).strip().casefold()
    if word in TRUE_WORDS:
        return True
    if word in FALSE_WORDS:
        return False
    raise RecipeError(f"{name} must be true or false (or 1 or 0), found {describe(value)}", where)


def as_messages_or_text(value: Any, name: str, where: str) -> Any:
    """A cell that may hold messages, also as JSON text: a list of mappings of which each names its role; else
    the cell as it is. Raises RecipeError for messages that Python has printed.
    """
    data = decoded(value)
    if is_list(data) and data and all(isinstance(turn, Mapping) for turn in data):
        has_roles = all(turn.get("role") or turn.get("from") for turn in data)
        if not isinstance(value, str) or has_roles:
            return data
    if isinstance(value, str) and _PRINTED.match(value):
        raise RecipeError(f"{name} is a list as Python prints it ({value[:60]!r}): save it as JSON", where)
    return value


_PRINTED = re.compile(r"\s*\[?\s*\{\s*'(?:role|from|content|value)'\s*:")


def decoded(value: Any) -> Any:
    """A list or a mapping that stands as JSON text (as CSV and many Parquet files hold messages); anything
    else as it is.
    """
    if isinstance(value, str) and value.lstrip()[:1] in ("[", "{"):
        try:
            data = json.loads(value)
        except (ValueError, RecursionError):
            return value
        return data if isinstance(data, list | dict) else value
    return value
