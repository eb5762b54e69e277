"""Which answer a word or a text means: by a column's name, a mark, the text itself, or who gave it."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from prefgen.dataset.answer_groups import (
    SIDES,
    Answers,
    column_groups,
    named_columns,
    text_of_answer,
    text_of_item,
    words_of_name,
)
from prefgen.dataset.cells import decoded, is_list, is_missing
from prefgen.dataset.column_names import Row
from prefgen.dataset.comparing_names import REASONS, Sense, is_about_else, is_certain, is_index, sense_of
from prefgen.dataset.verdicts import IN_DOUBT, final_part, place_said

_WORD = "response|answer|completion|output|reply|model|candidate|option|assistant|text|summary"
MARKED = re.compile(
    rf"(?:[a-z]{{1,20}}[ _:-]{{0,2}})?([0-9])(?:\.0)?|(?:[a-z]{{1,20}}(?:[ _-]|: ?)|{_WORD})?([ab])",
    re.IGNORECASE,
)
"""A text that may say which by a mark: "1", "B", "Response 2", "model_a", "Answer: A"."""
PLACES = {"first": 0, "left": 0, "second": 1, "right": 1}
_BY_HOW_MUCH = (
    "much|far|way|slightly|somewhat|marginally|significantly|considerably|substantially|clearly|strongly"
)
SAYS_SO = re.compile(
    rf"(.{{1,40}}?)\s+(?:wins|won|is (?:(?:the|a bit|a little|a lot|{_BY_HOW_MUCH}) )?(?:better|best|winner))"
    r"(?: (?:than|over) [^.!?\n]{1,40})?",
    re.IGNORECASE,
)
_NUMBER = re.compile(r"[+-]?[0-9]{1,20}(?:\.[0-9]{0,20})?")
_ORDER = re.compile(r"(\w[\w ]*?) *(>+|<+) *(\w[\w ]*)")


MAX_WORDS = 1000
"""Characters of what may say which answer is better."""
_NAMING = frozenset(("value", "text", "name", "content", "model"))
"""Words of keys of a mapping that say nothing of their value."""


def place_of_cell(
    row: Row, name: str, value: Any, answers: Answers, *, exactly: bool = False, is_alone: bool = True
) -> int | None:
    """Which of the answers a cell means: by the answer itself, by a word, or by the keys of a mapping that
    ask for one; None for one that is not understood.
    """
    data: Any = decoded(value)
    if (place := place_of_text(value, answers, exactly=exactly)) is not None:
        return place
    if isinstance(data, Mapping):
        return _place_in_mapping(row, name, data, answers, exactly) if is_alone else None
    if isinstance(data, bool) or not isinstance(data, str | int | float) or is_missing(data):
        return None
    return place_of(row, name, str(data), answers)


def _place_in_mapping(
    row: Row, name: str, values: Mapping[Any, Any], answers: Answers, exactly: bool
) -> int | None:
    """Which answer a mapping means: by the keys that ask for the better or the worse one; where there are
    none, by those that say no more than that an answer is meant. A text under another key is in doubt, but
    for a reason, which speaks of both.
    """
    told = {key: value for key, value in values.items() if isinstance(key, str) and not is_missing(value)}
    asked = {key: _asks(key) for key in told if "votes" not in words_of_name(key)}  # which may be a count
    asking = {key: sense for key, sense in asked.items() if sense != "whatever"}
    place = place_by_keys(row, told, asking, answers, exactly=exactly, names_loser=sense_of(name) == "loses")
    if place is not None:
        return place
    found = {
        key: place_of_cell(row, name, value, answers, exactly=exactly, is_alone=False)
        for key, value in told.items()
        if key not in asking and not _is_number(key, value) and REASONS.isdisjoint(words_of_name(key))
    }
    named = {place for key, place in found.items() if _only_names(key)} - {None}
    if len(named) == 1 and not asking:
        return named.pop()
    may_name = any(place is not None and not is_about_else(key) for key, place in found.items())
    return IN_DOUBT if may_name and len({*found.values()} - {None}) == 1 else None


def place_by_keys(
    row: Row,
    values: Mapping[Any, Any],
    asking: Mapping[str, str],
    answers: Answers,
    *,
    exactly: bool = False,
    names_loser: bool = False,
) -> int | None:
    """Which answer is the better one (for `names_loser` the worse one) by the keys that ask for one of them;
    of two answers the other one is named, too.
    """
    won, lost = (
        {
            place_of_cell(row, key, value, answers, exactly=exactly, is_alone=False)
            for key, sense in asking.items()
            if sense == wanted
            for value in (values[key] if is_list(values[key]) else [values[key]])
        }
        - {None}
        for wanted in ("wins", "loses")
    )
    meant, others = (lost, won) if names_loser else (won, lost)
    if meant:
        return IN_DOUBT if len(meant) > 1 or meant & others else meant.pop()
    if not others:
        return None
    if names_loser or len(others) > 1 or IN_DOUBT in others or len(answers.texts) != len(SIDES):
        return IN_DOUBT
    return next(place for place in range(len(SIDES)) if place not in others)


def _asks(key: str) -> Sense:
    """Whether a key of a mapping that compares answers asks for the better one or the worse one."""
    sense, words = sense_of(key), words_of_name(key)
    if sense in ("wins", "loses") or not is_certain(key) or not {*words} & {*SIDES}:
        return sense if sense != "may win" else "whatever"
    return "loses" if "rejected" in words else "wins"


def _is_number(key: str, value: Any) -> bool:
    """Whether a value is a number, such as a score; one that is written as text may be a mark."""
    is_text = isinstance(value, str) and not _only_names(key)
    return isinstance(value, int | float) or (is_text and _NUMBER.fullmatch(value.strip()) is not None)


def _only_names(key: str) -> bool:
    """Whether a key says no more than that an answer is meant."""
    return sense_of(key) in ("may win", "wins") or is_certain(key) or _NAMING.issuperset(words_of_name(key))


_ABOUT_WORDS = 1000
"""Characters that may stand about a word."""


def place_of_text(value: Any, answers: Answers, *, exactly: bool = False) -> int | None:
    """Which of the answers a column holds itself, as text or as turns; but for `exactly` also without the
    points and brackets about it.
    """
    key = answers.reader.of(value)
    if key is not None and key in answers.keys:
        return answers.keys.index(key)
    said = text_of_answer(value)
    items = decoded(value)
    if exactly or not isinstance(said, str) or is_list(items) or not (word := plain_word(said)):
        return None
    most = len(said) + _ABOUT_WORDS
    texts = [text if isinstance(text, str) and len(text) < most else "" for text in answers.texts]
    alike = [i for i, text in enumerate(texts) if text and plain_word(text) == word]
    return alike[0] if len({answers.keys[i] for i in alike}) == 1 else None


def place_of(row: Row, name: str, text: str, answers: Answers) -> int | None:
    """Which of the answers a text names: by its column, who gave it, or its mark; IN_DOUBT for one that names
    an answer in words that are not understood, and None for one that names none.
    """
    names_worse = sense_of(name) == "loses"
    word = plain_word(text) if names_worse else word_of(text)
    if len(word) > MAX_WORDS:
        return None
    for texts in (answers.columns if answers.marks else (), *_names(row, name, answers)):
        found = [i for i, held in enumerate(texts) if isinstance(held, str) and plain_word(held) == word]
        if len(found) == 1:
            return found[0]
    if answers.are_sides:
        return SIDES.index(word) if word in SIDES else _place_by_column(row, name, word, answers)
    return place_said(text, answers, counts_from_0=is_index(name), names_worse=names_worse)


def _place_by_column(row: Row, name: str, word: str, sides: Answers) -> int | None:
    """Which of the sides is meant by the name or the mark of another column, by what stands there: its text,
    or who gave it.
    """
    columns = {column for column in named_columns(row) if plain_word(column) == word}
    for group in column_groups(named_columns(row)):
        if group.marks != SIDES and word in group.marks:
            columns.add(group.columns[group.marks.index(word)])
    places: set[int] = set()
    for column in columns - {name, *SIDES}:
        place = place_of_text(row[column], sides)
        held = text_of_answer(row[column]) if place is None else None
        for texts in _names(row, name, sides) if isinstance(held, str) and held else ():
            found = [i for i, text in enumerate(texts) if text == held]
            place = found[0] if len(found) == 1 else place
        if place is not None:
            places.add(place)
    return places.pop() if len(places) == 1 else None


def _names(row: Row, name: str, answers: Answers) -> Iterator[Sequence[Any]]:
    """What stands beside the answers for each of them, such as the models that gave them; not the column
    itself.
    """
    return (texts for columns, texts in _columns_of_each(row, answers) if name not in columns)


def told_of_each(row: Row, answers: Answers) -> Iterator[tuple[frozenset[str], Sequence[Any]]]:
    """The words of the names (in the singular) under which a row says something of each answer, and what."""
    for columns, texts in _columns_of_each(row, answers):
        yield frozenset(word.removesuffix("s") for word in words_of_name(columns[0])), texts


def _columns_of_each(row: Row, answers: Answers) -> Iterator[tuple[tuple[str, ...], Sequence[Any]]]:
    if answers.marks:
        for group in column_groups(named_columns(row)):
            if group.marks == answers.marks and group.columns != answers.columns:
                yield group.columns, [text_of_answer(row[column]) for column in group.columns]
        return
    for name, value in row.items():
        items: Any = decoded(value) if isinstance(name, str) and name not in answers.columns else None
        if is_list(items) and len(items) == len(answers.texts):
            yield (name,), [text_of_item(item) for item in items]


def word_of(value: Any) -> str:
    """What a verdict says: of "[[B]]", "B>A", "A<B", "B is better" and of any text that ends with "[[B]]" the
    b.
    """
    text = final_part(str(value))
    if len(text) > 200:
        return text.strip().casefold()
    said = SAYS_SO.fullmatch(text.strip())
    word = plain_word(said[1] if said else text)
    if (order := _ORDER.fullmatch(word)) is None:
        return word
    return order[1] if order[2][0] == ">" else order[3]


def plain_word(text: str) -> str:
    """A text that may name an answer, without the brackets, points and the like about it."""
    word = text.strip(" \t\r\n[](){}*\"'#`:.,").casefold()
    return word.removeprefix("the ").strip()
