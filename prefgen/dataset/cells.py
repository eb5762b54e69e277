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
YES_WORDS, NO_WORDS = (*TRUE_WORDS, "yes", "y"), (*FALSE_WORDS, "no", "n")
"""What people also write where a column certainly says yes or no; a label is read by those above alone."""

NOTHING = frozenset(
    ("nan", "none", "null", "n/a", "<na>", "#n/a", "<noinput>", "<no input>", "noinput", "no input")
)
"""Words that stand in a column that may be empty, where it is."""
EMPTY_MARKS = frozenset(("nan", "#name?", "#ref!", "#value!", "#n/a", "#div/0!", "#null!", "#num!"))
"""Words that tables write by themselves, and that nobody asks or answers; "None" may be an answer."""


def describe(value: Any) -> str:
    """A value for an error message."""
    return f"{type(value).__name__} {str(value)[:60]!r}"


def is_missing(value: Any) -> bool:
    """Whether a cell holds nothing: None, NaN (what pandas makes of an empty cell), or blank text."""
    if isinstance(value, float):
        return math.isnan(value)
    return value is None or (isinstance(value, str) and not value.strip())


def is_absent(value: Any) -> bool:
    """Whether a cell of a column that may be empty holds nothing, or a word for it (NOTHING)."""
    if isinstance(value, str):
        word = value.strip()
        return not word or (len(word) < 12 and word.casefold() in NOTHING)
    return is_missing(value)


def is_empty_mark(text: str) -> bool:
    """Whether a text is what a table writes for an empty cell or a broken formula."""
    return len(text) < 12 and text.strip().casefold() in EMPTY_MARKS


_NO_LISTS = (str, dict, float, int, type(None))


def is_list(value: Any) -> bool:
    """Whether a cell holds several things."""
    if isinstance(value, _NO_LISTS):  # nearly all are, and to ask for a Sequence takes longer
        return False
    return isinstance(value, list) or (
        isinstance(value, Sequence) and not isinstance(value, bytes | bytearray)
    )


def as_text(value: Any, name: str, where: str) -> str | None:
    """Text, or a number, date or truth value as it is written; None where the cell is empty. Raises
    RecipeError.
    """
    if is_missing(value):
        return None
    if isinstance(value, bytes | bytearray | Mapping) or is_list(value):
        raise RecipeError(f"{name} must be text, found {describe(value)}", where)
    return checked_text(str(value), name, where)


def as_optional_text(value: Any, name: str, where: str) -> str | None:
    """What `as_text` reads of a column that may be empty; None for a word for nothing too."""
    return None if is_absent(value) else as_text(value, name, where)


def as_note(value: Any, name: str, where: str) -> str | None:
    """What a column beside the data says in words: a text, or several texts behind commas; None where it is
    empty, or holds what is no text, as a column of somebody else's may. Raises RecipeError for a text that
    cannot be kept.
    """
    items = [value] if not is_list(value) else value
    if any(isinstance(item, Mapping | bytes | bytearray) or is_list(item) for item in items):
        return None
    texts = (as_optional_text(item, name, where) for item in items)
    return ", ".join(text for text in texts if text is not None) or None


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


def checked_cells(row: Mapping[str, Any], where: str) -> None:
    """Raises RecipeError for the first cell of a row that could not be kept."""
    for name, value in row.items():
        checked_text(str(name), "the name of a column", where)
        checked_data(value, str(name), where)


def _items_of(value: Any) -> list[Any]:
    if isinstance(value, Mapping):
        return list(value.values())
    return list(value) if is_list(value) else []


def as_texts(value: Any, name: str, where: str) -> tuple[str, ...]:
    """Several texts: a list of them, or one alone. Raises RecipeError."""
    if isinstance(value, str) and _PRINTED_TEXTS.fullmatch(value):
        raise RecipeError(f"{name} is a list as Python prints it ({value[:60]!r}): save it as JSON", where)
    items = value if is_list(value) else [value]
    texts = (as_text(item, name, where) for item in items)
    return tuple(text for text in texts if text is not None)


def as_number(value: Any, name: str, where: str) -> float | None:
    """A finite number, also as text (digits, a point, an exponent: what JSON has, and no more); None where
    the cell is empty. Raises RecipeError.
    """
    if is_missing(value):
        return None
    is_none = isinstance(value, bool | bytes | bytearray)
    is_none |= isinstance(value, str) and _NUMBER.fullmatch(value.strip()) is None
    try:
        number = math.nan if is_none else float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number):
        raise RecipeError(f"{name} must be a finite number, found {describe(value)}", where)
    return number


_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")


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
    """A cell that may hold messages, also as JSON text: a list of mappings of which each has a role and says
    something; else the cell as it is. Raises RecipeError for messages that Python has printed, and for JSON
    within JSON.
    """
    if not isinstance(value, str):
        return value
    start = value.lstrip()[:6]
    if start[:1] in ("[", "{"):
        data = decoded(value)
        if is_list(data) and data and all(map(is_message, data)):
            return data
    if start[:1] in ("[", "{") or start == "array(":
        printed = _PRINTED.match(value.lstrip())
        if printed and _PRINTED_ROLE.search(value) and _PRINTED_TEXT.search(value):
            raise RecipeError(
                f"{name} is a list as Python prints it ({value[:60]!r}): save it as JSON", where
            )
    if start[:1] == '"' and _holds_messages(value):
        raise RecipeError(f"{name} is JSON within JSON ({value[:60]!r}): encode it once", where)
    return value


# here and below: no two \s* that may touch, or long white space takes time by its square
_PRINTED = re.compile(r"(?:array\(\s*)?(?:\[\s*)?(?:array\(\s*)?\{\s*'")
_PRINTED_ROLE = re.compile(r"'(?:role|from)'\s*:")
_PRINTED_TEXT = re.compile(r"'(?:content|value)'\s*:")
_PRINTED_TEXTS = re.compile(r"\s*(?:array\(\s*)?\[\s*'[^\n]*'\s*\](?:,\s*dtype=\w+\))?\s*")


def is_message(item: Any) -> bool:
    """Whether a mapping of JSON text is a turn, and not data that happens to have such a key."""
    if not isinstance(item, Mapping):
        return False
    says = any(key in item for key in ("content", "value", "parts", "tool_calls", "function_call"))
    return says and bool(item.get("role") or item.get("from"))


def _holds_messages(text: str) -> bool:
    """Whether JSON text is a text that is JSON text of messages."""
    try:
        inner = json.loads(text)
    except (ValueError, RecursionError):
        return False
    data = decoded(inner)
    return isinstance(inner, str) and is_list(data) and bool(data) and all(map(is_message, data))


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
