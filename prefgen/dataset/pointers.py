"""Cells that are no answers, but say which of two other columns, or which item of a list, is one."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from prefgen.dataset.cells import decoded, describe, is_list, is_missing
from prefgen.dataset.column_names import KNOWN, Row
from prefgen.errors import RecipeError

SIDES = ("chosen", "rejected")
_WORD = "response|answer|completion|output|reply|model|candidate|option|assistant|text|summary"
_ANSWER_COLUMN = re.compile(
    r"(?:response|answer|completion|output|reply)s?[ _-]?(?:[0-9]|[ab])?", re.IGNORECASE
)
_MARKED = re.compile(
    rf"(?:[a-z]{{1,20}}[ _-]?)?([0-9])(?:\.0)?|(?:[a-z]{{1,20}}[ _-]|{_WORD})?([ab])", re.IGNORECASE
)
"""A text that may say which by a mark: "1", "B", "Response 2", "model_a"."""
_PLACES = {"first": 0, "left": 0, "second": 1, "right": 1}
_TRUTHS = ("true", "false")
_OTHER_POINTERS = (*_PLACES, *_TRUTHS)
_COLUMN_MARK = re.compile(r"(?<![a-z0-9])[ab](?![a-z0-9])|(?<![0-9])[0-2](?![0-9])", re.IGNORECASE)
"""What tells two columns apart, which are otherwise of one name."""
_WHO_ANSWERED = re.compile(
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
    if not all(_MARKED.fullmatch(text) or text.casefold() in _OTHER_POINTERS for text in texts):
        return
    for found in _alternatives(row):
        if all(found.may_be(text) for text in texts) and not any(text in found.texts for text in texts):
            raise RecipeError(
                f"chosen is {describe(given['chosen'])} beside {found.column}: is it an answer, or does it "
                f"say which{_MAP_NAMES}",
                where,
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
        number = (_MARKED.fullmatch(word) or [None, None])[1]
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
            is_name = _WHO_ANSWERED.fullmatch(name) and len(str(row[name]).split()) < 3
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
    by_stem: dict[str, dict[str, str]] = {}
    for name in sorted(name for name in row if isinstance(name, str) and len(name) < 60):
        for mark in _COLUMN_MARK.finditer(name):
            stem = f"{name[: mark.start()]}\0{name[mark.end() :]}".casefold()
            by_stem.setdefault(stem, {})[mark[0].casefold()] = name
    for twins in by_stem.values():
        if len(twins) == 2 and all(isinstance(text_of_answer(row[name]), str) for name in twins.values()):
            yield twins


_WINNER = re.compile(
    r"winner|winning|prefer|better|best|verdict|choice|selected|(?<![a-z])vote(?!s)"
    r"|chosen[ _-]?(?:index|idx)",
    re.IGNORECASE,
)
_NO_WINNER = re.compile(r"strength|score|rating|prob|confidence|margin|reason|explanation", re.IGNORECASE)
_SURELY_WINNER = re.compile(
    r"(?:is|the|overall|final|human|judge|chosen|winn(?:er|ing)|prefer(?:red|ence)?|better|best|verdict|choice"
    r"|selected|vote|response|answer|output|completion|candidate|option|side|label|index|idx|[ _-])+",
    re.IGNORECASE,
)
"""Names of columns that say nothing but which answer is better, so that they must be understood."""
_STRENGTH = re.compile(r"0?\.(?!50*$)[5-9][0-9]*")
"""How likely it is that the better one is better."""
_TIES = ("draw", "equal", "neither", "both")


def check_named_winner(row: Row, given: Mapping[str, Any], where: str) -> None:
    """Raises RecipeError where a column says which answer is better, and not what the sides say: by the name
    of a side, or by the mark of one of two columns that hold the answers of the sides. Beside such columns
    it must be understood.
    """
    labels = {
        name: _word_of(value)
        for name, value in row.items()
        if isinstance(name, str)
        and isinstance(value, str | int | float)
        and not is_missing(value)
        and _WINNER.search(name)
        and not _NO_WINNER.search(name)
    }
    sides = [text_of_answer(given[side]) for side in SIDES]
    for name, word in labels.items():
        may_be_other = _STRENGTH.fullmatch(word) or not _SURELY_WINNER.fullmatch(name.strip())
        named = _mark_of(word, row, name) or (word if _is_mark(word) else None)
        if word == "rejected" or any(
            not _agrees(named, twins, [text_of_answer(row[column]) for column in twins.values()], sides)
            and not (named is None and (may_be_other or _is_said_elsewhere(word, row, name)))
            for twins in _twin_columns(row)
            if name not in twins.values() and word != "chosen"
        ):
            raise RecipeError(
                f"{name} is {describe(row[name])}, and chosen is another answer, or it is not understood: "
                "map the sides that are meant (chosen=chosen and rejected=rejected)",
                where,
            )


def _word_of(value: Any) -> str:
    """What a verdict says: of "[[B]]" and "B>A" the b."""
    word = str(value).strip(" \t\r\n[]()*\"'").casefold().removeprefix("the ")
    order = re.fullmatch(r"(\w[\w ]*?)\s*>+\s*\w[\w ]*", word)
    return order[1] if order else word


def _is_mark(word: str) -> bool:
    """Whether a word can name an answer, or a tie: "gpt-4" does not."""
    if word in _PLACES or word in _TIES or word.startswith("tie"):
        return True
    marked = _MARKED.fullmatch(word)
    return marked is not None and (len(word) < 4 or marked[1] in (None, "0", "1", "2"))


def _mark_of(word: str, row: Row, name: str) -> str | None:
    """The mark of the one of two columns that holds this word, such as the name of a model."""
    if _is_mark(word) and (len(word) < 4 or word in _PLACES):
        return None
    for twins in _twin_columns(row):
        columns = {mark: column for mark, column in twins.items() if column != name}
        marks = [m for m, column in columns.items() if str(text_of_answer(row[column])).casefold() == word]
        if len(marks) == 1:
            return marks[0]
    return None


def _is_said_elsewhere(word: str, row: Row, name: str) -> bool:
    """Whether another column holds this word, and says nothing of the rejected answer: it is some name."""
    return any(
        isinstance(value, str) and value.strip().casefold() == word
        for other, value in row.items()
        if other != name and "rejected" not in str(other).casefold()
    )


def _agrees(word: str | None, twins: Twins, texts: Sequence[Any], sides: Sequence[Any]) -> bool:
    """Whether a word that names one of two columns names the one with the chosen answer; where the columns
    hold other texts than the sides, everything agrees.
    """
    if texts not in (sides, sides[::-1]):
        return True
    if word in _PLACES:
        return _PLACES[word] == texts.index(sides[0])
    marked = _MARKED.fullmatch(word or "")
    mark = marked and (marked[1] or marked[2])
    return mark is not None and mark in twins and list(twins).index(mark) == texts.index(sides[0])


def text_of_answer(side: Any) -> Any:
    """What a side says last, for comparing."""
    turns = decoded(side)
    last = turns[-1] if is_list(turns) and turns else turns
    if isinstance(last, Mapping):
        last = last.get("content") if last.get("content") is not None else last.get("value", last.get("text"))
    elif not isinstance(last, str):
        last = side
    return last.strip() if isinstance(last, str) else last
