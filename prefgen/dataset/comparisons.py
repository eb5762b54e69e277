"""What the columns beside the sides say of them: which answer won or lost, and what each of them got.

A column that may compare the answers must agree with the sides, or certainly be about something else; where
neither is certain the row is one line, since a pair that is the wrong way round teaches the opposite.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from prefgen.dataset.answer_groups import (
    SIDES,
    Answers,
    answers_beside,
    column_groups,
    named_columns,
    text_of_answer,
    text_of_item,
    words_of_name,
)
from prefgen.dataset.cells import FALSE_WORDS, TRUE_WORDS, decoded, describe, is_list, is_missing
from prefgen.dataset.column_names import KNOWN, Row
from prefgen.dataset.comparing_names import (
    NO_COMPARISON,
    comparing,
    is_certain,
    is_difference,
    is_flip,
    sense_of,
    truth_of_mark,
)
from prefgen.dataset.values_of_each import values_against
from prefgen.errors import RecipeError

_WORD = "response|answer|completion|output|reply|model|candidate|option|assistant|text|summary"
MARKED = re.compile(
    rf"(?:[a-z]{{1,20}}[ _:-]{{0,2}})?([0-9])(?:\.0)?|(?:[a-z]{{1,20}}(?:[ _-]|: ?)|{_WORD})?([ab])",
    re.IGNORECASE,
)
"""A text that may say which by a mark: "1", "B", "Response 2", "model_a", "Answer: A"."""
PLACES = {"first": 0, "left": 0, "second": 1, "right": 1}
_TIES = ("draw", "equal", "neither", "both")
_STRENGTH = re.compile(r"0?\.(?!50*$)[5-9][0-9]*")
"""How likely it is that the better one is better."""
_SAYS_SO = re.compile(r"(.{1,40}?)\s+(?:wins|won|is (?:the )?(?:better|best|winner))", re.IGNORECASE)
MAX_WORDS = 1000
"""Characters of what may say which answer is better."""
_MAP_SIDES = "map the sides that are meant (chosen=chosen and rejected=rejected), or take the column away"


def check_comparisons(row: Row, given: Mapping[str, Any], where: str) -> None:
    """Raises RecipeError where a column beside the sides says that the rejected answer is the better one, or
    may say it and is not understood.
    """
    sides = [text_of_answer(given[side]) for side in SIDES]
    found = list(answers_beside(row, sides))
    beside = [Answers(SIDES, SIDES, tuple(sides), 0, 1), *found]
    names = named_columns(row)
    of_each = {name: group.marks for group in column_groups(names) for name in group.columns}
    for name in names if found else comparing(names):
        value = row[name]
        if name in SIDES or (name in KNOWN and name != "label") or is_missing(value):
            continue
        if isinstance(value, str) and len(value) > MAX_WORDS:
            continue
        if _denies(name, value) or any(
            _is_against(row, name, value, answers)
            for answers in beside
            if name not in answers.columns and of_each.get(name) != answers.marks
        ):
            raise RecipeError(
                f"{name} is {describe(value)}, and chosen is another answer, or it is not understood: "
                f"{_MAP_SIDES}",
                where,
            )
    check_values(row, beside, where)


def check_values(row: Row, beside: Sequence[Answers], where: str) -> None:
    """Raises RecipeError where numbers of each of these answers prefer the rejected one."""
    for answers in beside:
        if (name := values_against(row, answers)) is not None:
            raise RecipeError(f"{name} and chosen do not prefer the same answer: {_MAP_SIDES}", where)


def _denies(name: str, value: Any) -> bool:
    """Whether a column speaks against a pair as it stands, whatever is beside it."""
    if is_flip(name):
        return _word_of(value) not in FALSE_WORDS
    if is_difference(name):
        return isinstance(value, int | float) and value < 0
    return value is False and is_certain(name) and sense_of(name) in ("wins", "loses")


def _is_against(row: Row, name: str, value: Any, answers: Answers) -> bool:
    """Whether a column names another of these answers than the chosen one, or is not understood."""
    sense = sense_of(name)
    if (truth := _truth_of_one(name, value, answers)) is not None:
        return truth != answers.chosen
    if sense == "whatever":
        return _is_named_against(name, value, answers)
    data: Any = decoded(value)
    if isinstance(data, Mapping):
        data = next(iter(data.values())) if len(data) == 1 else None
    if is_list(data):
        return _is_voted_against(row, name, data, answers)
    if not isinstance(data, str | int | float) or is_missing(data):
        return False
    word = _word_of(data)
    if word in _TIES or word.startswith("tie"):
        return sense != "may win" and not answers.are_sides
    if "votes" in words_of_name(name) and _is_digits(word):
        return False
    place = _place_of(row, name, word, answers)
    if place is not None:
        return (place == answers.chosen) if sense == "loses" else (place != answers.chosen)
    if word in SIDES or answers.are_sides or sense == "may win" or not is_certain(name):
        return False
    return _STRENGTH.fullmatch(word) is None and not _is_said_elsewhere(word, row, name)


def _truth_of_one(name: str, value: Any, answers: Answers) -> int | None:
    """Which of two answers a truth about one of them prefers ("b_better": true); None for another column."""
    if len(answers.marks) != 2 or not isinstance(value, str | int | float):
        return None
    for place, mark in enumerate(answers.marks):
        sense = truth_of_mark(name, mark)
        word = str(value).strip().casefold()
        if sense != "whatever" and word in (*TRUE_WORDS, *FALSE_WORDS):
            return place if (word in TRUE_WORDS) == (sense == "wins") else 1 - place
    return None


def _is_named_against(name: str, value: Any, answers: Answers) -> bool:
    """Whether a column of any name says that another answer is better: a text that is nothing but its letter
    or its column, or says so in words.
    """
    if answers.are_sides or not isinstance(value, str) or not NO_COMPARISON.isdisjoint(words_of_name(name)):
        return False
    said = _SAYS_SO.fullmatch(value.strip())
    word = plain_word(said[1] if said else value)
    is_letter = word in answers.marks and (said is not None or not _is_digits(word))
    columns = [column.casefold() for column in answers.columns] if answers.marks else []
    if is_letter:
        place = answers.marks.index(word)
    elif word in columns:
        place = columns.index(word)
    else:
        return False
    return (place == answers.chosen) if "rejected" in words_of_name(name) else (place != answers.chosen)


def _is_voted_against(row: Row, name: str, votes: Sequence[Any], answers: Answers) -> bool:
    """Whether a list of votes that are all understood has no majority for the chosen answer."""
    if not votes or not all(isinstance(vote, str) for vote in votes) or len(votes) > 100:
        return False
    places = [_place_of(row, name, _word_of(vote), answers) for vote in votes]
    if None in places:
        return False
    for_chosen = 2 * places.count(answers.chosen) > len(places)
    return for_chosen if sense_of(name) == "loses" else not for_chosen


def _place_of(row: Row, name: str, word: str, answers: Answers) -> int | None:
    """Which of the answers a word names: by its column, its text, its mark, or who gave it; a place that no
    answer has for one that is not among them, and None for a word that names none.
    """
    for texts in (answers.columns if answers.marks else (), answers.texts, *_names(row, name, answers)):
        found = [i for i, text in enumerate(texts) if isinstance(text, str) and text.casefold() == word]
        if len(found) == 1:
            return found[0]
    if word in answers.marks:
        return answers.marks.index(word)
    if answers.are_sides:
        return None
    marked = MARKED.fullmatch(word)
    if word in PLACES and len(answers.texts) == 2:
        return PLACES[word]
    if marked is None or (len(word) > 3 and marked[1] not in (None, "0", "1", "2")):
        return None
    if marked[2] and not answers.marks:
        return "ab".index(marked[2])
    if marked[1] and not answers.marks:
        return _place_in_list(int(marked[1]), name, answers)
    mark = marked[1] or marked[2]
    if mark in answers.marks:
        return answers.marks.index(mark)
    return None


def _place_in_list(number: int, name: str, answers: Answers) -> int:
    """A place in a list; of a number that counts from 0 or from 1, one that no answer has."""
    if not {"index", "idx", "id"}.isdisjoint(words_of_name(name)) or number == 0:
        return number
    return number - 1 if number == len(answers.texts) else -1


def _names(row: Row, name: str, answers: Answers) -> Iterator[Sequence[Any]]:
    """What stands beside the answers for each of them, such as the models that gave them."""
    if answers.marks:
        for group in column_groups(named_columns(row)):
            if (
                group.marks == answers.marks
                and name not in group.columns
                and group.columns != answers.columns
            ):
                yield [text_of_answer(row[column]) for column in group.columns]
        return
    for other, value in row.items():
        items: Any = decoded(value) if other != name and other not in answers.columns else None
        if is_list(items) and len(items) == len(answers.texts):
            yield [text_of_item(item) for item in items]


def _is_said_elsewhere(word: str, row: Row, name: str) -> bool:
    """Whether another column holds this word, and says nothing of the rejected answer: it is some name."""
    return any(
        isinstance(value, str) and value.strip().casefold() == word
        for other, value in row.items()
        if other != name and "rejected" not in str(other).casefold()
    )


def _word_of(value: Any) -> str:
    """What a verdict says: of "[[B]]", "B>A" and "B is better" the b."""
    text = str(value)
    if len(text) > 200:
        return text.strip().casefold()
    said = _SAYS_SO.fullmatch(text.strip())
    word = plain_word(said[1] if said else text)
    order = re.fullmatch(r"(\w[\w ]*?)\s*>+\s*\w[\w ]*", word)
    return order[1] if order else word


def plain_word(text: str) -> str:
    """A text that may name an answer, without the brackets, points and the like about it."""
    word = text.strip(" \t\r\n[](){}*\"'#`:.,").casefold()
    return word.removeprefix("the ").strip()


def _is_digits(word: str) -> bool:
    return word.replace(".", "", 1).isdigit()
