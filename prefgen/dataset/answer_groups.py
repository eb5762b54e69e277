"""Answers that stand beside each other in a row: in columns that a mark in their names tells apart, or as the
items of a list. Which of them are the sides of the row, `prefgen.dataset.answer_keys` knows.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, NamedTuple

from prefgen.dataset.answer_keys import AnswerKey, AnswerKeys
from prefgen.dataset.cells import decoded, is_list, is_missing
from prefgen.dataset.column_names import ASKING, ASKING_ALONE, Row, plain_name

SIDES = ("chosen", "rejected")
_MARKS = (SIDES, ("first", "second", "third"), ("left", "right"), tuple("abcdefgh"), tuple("0123456789"))
"""What tells columns apart, in the order of what they hold; numbers may also begin with 1."""
MARKS_OF_TWO = (("a", "b"), ("left", "right"), ("first", "second"))
"""Marks of two answers that mean one place whatever the answers' own are, which numbers do not."""
_NAME_LENGTH = 60
_TEXT_KEYS = ("response", "completion", "answer", "output", "generation")
"""Where an item of a list has its text, beside the keys of a turn."""
NO_ANSWERS = frozenset((*ASKING, *ASKING_ALONE, "history", "context", "tools", "metadata"))
"""Columns whose lists hold no answers."""


@lru_cache(maxsize=8192)
def words_of_name(name: str) -> tuple[str, ...]:
    """The words of a column's name: "responseB" and "Response_b" are response and b."""
    return tuple(re.findall(r"[^\W\d_]+|\d+", plain_name(name)))


class ColumnGroup(NamedTuple):
    """Columns of one name but for a mark; `words` are the others of the name."""

    marks: tuple[str, ...]
    columns: tuple[str, ...]
    words: tuple[str, ...]


@lru_cache(maxsize=256)
def column_groups(names: tuple[str, ...]) -> tuple[ColumnGroup, ...]:
    """Two or more columns that the marks of a row of marks tell apart, from its beginning."""
    found: dict[tuple[Any, ...], dict[str, str]] = {}
    for name in sorted(name for name in names if len(name) < _NAME_LENGTH):
        words = words_of_name(name)
        for place, word in enumerate(words):
            marks = next((marks for marks in _MARKS if word in marks), None)
            if marks is not None:
                found.setdefault((marks, words[:place], words[place + 1 :]), {}).setdefault(word, name)
    groups: list[ColumnGroup] = []
    for (marks, before, behind), columns in found.items():
        start = 1 if marks[0] == "0" and "0" not in columns else 0
        used = marks[start : start + len(columns)]
        if len(columns) > 1 and set(used) == set(columns):
            groups.append(ColumnGroup(used, tuple(columns[mark] for mark in used), (*before, *behind)))
    return tuple(groups)


@dataclass(frozen=True)
class Answers:
    """Answers of which one is the chosen and one the rejected side of a row. Of a list, `columns` is its name
    alone, and its items have no marks.
    """

    columns: tuple[str, ...]
    marks: tuple[str, ...]
    answers: Sequence[Any]
    chosen: int
    rejected: int
    reader: AnswerKeys

    @cached_property
    def keys(self) -> tuple[AnswerKey | None, ...]:
        """Which of them are the same."""
        return tuple(self.reader.of(answer) for answer in self.answers)

    @cached_property
    def texts(self) -> tuple[Any, ...]:
        """What they say last, for words about them; it tells none from another."""
        return tuple(text_of_answer(answer) for answer in self.answers)

    @property
    def are_sides(self) -> bool:
        """Whether these are the columns of the sides themselves, which say nothing of an order."""
        return self.marks == SIDES


def named_columns(row: Row) -> tuple[str, ...]:
    return tuple(name for name in row if isinstance(name, str))


def answers_beside(row: Row, reader: AnswerKeys) -> Iterator[Answers]:
    """Columns and lists beside the sides that hold both of them."""
    for group in column_groups(named_columns(row)):
        if group.marks != SIDES and not any(is_missing(row[name]) for name in group.columns):
            yield from _holding(group.columns, group.marks, [row[name] for name in group.columns], reader)
    for name, value in row.items():
        items: Any = decoded(value) if name not in SIDES and name not in NO_ANSWERS else None
        if is_list(items) and len(items) > 1:
            yield from _holding((name,), (), [answer_of_item(item) for item in items], reader)


def _holding(
    columns: tuple[str, ...], marks: tuple[str, ...], answers: Sequence[Any], reader: AnswerKeys
) -> Iterator[Answers]:
    chosen, rejected = reader.sides
    if chosen is None or rejected is None or chosen == rejected:
        return
    keys = tuple(reader.of(answer) for answer in answers)
    if chosen in keys and rejected in keys:
        yield Answers(columns, marks, answers, keys.index(chosen), keys.index(rejected), reader)


def answer_of_item(item: Any) -> Any:
    """The answer that an item of a list of answers holds."""
    if not isinstance(item, Mapping):
        return item
    return next((item[key] for key in _TEXT_KEYS if not is_missing(item.get(key))), item)


def text_of_item(item: Any) -> Any:
    """What an item of a list of answers says."""
    return text_of_answer(answer_of_item(item))


def text_of_answer(side: Any) -> Any:
    """What a side says last, for comparing."""
    turns = decoded(side)
    last = turns[-1] if is_list(turns) and turns else turns
    if isinstance(last, Mapping):
        last = last.get("content") if last.get("content") is not None else last.get("value", last.get("text"))
    elif not isinstance(last, str):
        last = side
    return last.strip() if isinstance(last, str) else last
