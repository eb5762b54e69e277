"""Cells that are no answers, but say which of two other columns, or which item of a list, is one."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from prefgen.dataset.answer_groups import SIDES, column_groups, named_columns, text_of_answer
from prefgen.dataset.cells import decoded, describe, is_list, is_missing
from prefgen.dataset.column_names import KNOWN, Row
from prefgen.dataset.named_answers import MARKED, PLACES, plain_word
from prefgen.errors import RecipeError

_ANSWER_COLUMN = re.compile(
    r"(?:response|answer|completion|output|reply)s?[ _-]?(?:[0-9]|[ab])?", re.IGNORECASE
)
_TRUTHS = ("true", "false")
_OTHER_POINTERS = (*PLACES, *_TRUTHS)
WHO_ANSWERED = re.compile(
    r"(?:\w{1,20}[ _-])??(?:model|judge|annotator|rater)[ _-]?(?:(?:name|id)[ _-]?)?(?:[0-2]|[ab])",
    re.IGNORECASE,
)
"""Columns that name those who answered or judged."""
_ANSWERS = ("responses", "completions", "answers")
_NOTES = ("tags", "keywords", "topics", "categories", "labels")
"""Lists of texts that are about a row."""
_MAP_NAMES = "? Write the answers themselves into chosen and rejected"
Twins = Mapping[str, str]
"""{mark: the column with it}, of two columns in the order of their names."""


def check_pointers(row: Row, given: Mapping[str, Any], where: str) -> None:
    """Raises RecipeError where the sides do not hold answers, and say which other column does, or which item
    of a list.
    """
    texts = [value.strip() if isinstance(value, str) else "" for value in given.values()]
    if any(not text or len(text) > 60 for text in texts):
        return
    if all(text in row and text not in SIDES for text in texts):
        raise RecipeError(f"chosen and rejected name the columns {' and '.join(texts)}{_MAP_NAMES}", where)
    if _are_names_of_two(row, texts):
        raise RecipeError(f"chosen and rejected are the names of those who answered{_MAP_NAMES}", where)
    words = [plain_word(text) for text in texts]
    if not all(MARKED.fullmatch(word) or word in _OTHER_POINTERS for word in words):
        return
    for found in _alternatives(row):
        if all(found.may_be(word) for word in words) and not any(text in found.texts for text in texts):
            raise RecipeError(
                f"chosen is {describe(given['chosen'])} beside {found.column}: is it an answer, or does it "
                f"say which{_MAP_NAMES}",
                where,
            )


def _are_names_of_two(row: Row, texts: Sequence[str]) -> bool:
    """Whether the sides are what two columns hold that name those who answered."""
    return any(
        all(WHO_ANSWERED.fullmatch(name) for name in twins.values())
        and sorted(str(row[name]).strip().casefold() for name in twins.values())
        == sorted(text.casefold() for text in texts)
        for twins in _twin_columns(row)
    )


class _Alternatives(NamedTuple):
    """A column that holds answers, or may: all of them in a list, or one of several columns."""

    column: str
    texts: Sequence[str]
    size: int
    """How many answers there are to point at."""
    are_truths: bool = False
    """Whether true and false may be about them: two that 0 and 1 tell apart, or a response alone."""

    def may_be(self, word: str) -> bool:
        """Whether a pointer may mean one of these: a number does within their count."""
        if word.casefold() in _TRUTHS:
            return self.are_truths
        number = (MARKED.fullmatch(word) or [None, None])[1]
        return self.size > 1 and (number is None or int(number) <= self.size)


def _alternatives(row: Row) -> Iterator[_Alternatives]:
    """What a side may point at: lists of several texts, texts under two names that a mark tells apart (but
    for names of models and judges), and texts under the names of answers.
    """
    for name, value in row.items():
        if name in SIDES or not isinstance(name, str) or is_missing(value) or not is_list(decoded(value)):
            continue
        texts = _texts_of(value)
        if len(texts) > 1 and (name in _ANSWERS or (name not in KNOWN and name not in _NOTES)):
            yield _Alternatives(name, texts, len(texts))
    for twins in _twin_columns(row):
        for name in twins.values():
            is_name = WHO_ANSWERED.fullmatch(name) and len(str(row[name]).split()) < 3
            if name not in SIDES and not is_name and not is_missing(row[name]):
                yield _Alternatives(name, _texts_of(row[name]), 2, set(twins) == {"0", "1"})
    named = [
        name
        for name, value in row.items()
        if isinstance(name, str) and isinstance(value, str) and _ANSWER_COLUMN.fullmatch(name.strip())
    ]
    named = [name for name in named if not is_missing(row[name])]
    for name in named:
        is_judged = len(named) == 1 and not name.strip().casefold().startswith("answer")
        yield _Alternatives(name, _texts_of(row[name]), len(named), is_judged)


def _texts_of(value: Any) -> list[str]:
    items = decoded(value)
    texts = [text_of_answer(item) for item in (items if is_list(items) else [items])]
    return [text for text in texts if isinstance(text, str) and text]


def _twin_columns(row: Row) -> Iterator[Twins]:
    """Two columns of texts whose names differ by a mark alone."""
    for group in column_groups(named_columns(row)):
        is_twin = len(group.columns) == 2 and group.marks != SIDES
        if is_twin and all(isinstance(text_of_answer(row[name]), str) for name in group.columns):
            yield dict(zip(group.marks, group.columns, strict=True))
