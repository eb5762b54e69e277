"""What the columns beside the sides say of them: which answer won or lost, and what each of them got.

A column that may compare the answers must agree with the sides, or certainly be about something else; where
neither is certain the row is one line, since a pair that is the wrong way round teaches the opposite.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from prefgen.dataset.answer_groups import (
    SIDES,
    Answers,
    answers_beside,
    column_groups,
    named_columns,
    text_of_answer,
    words_of_name,
)
from prefgen.dataset.cells import NO_WORDS, YES_WORDS, decoded, describe, is_absent, is_list, is_missing
from prefgen.dataset.column_names import KNOWN, Row
from prefgen.dataset.comparing_names import (
    comparing,
    is_about_else,
    is_certain,
    is_difference,
    is_flip,
    sense_of,
    truth_of_mark,
)
from prefgen.dataset.named_answers import MAX_WORDS, SAYS_SO, place_of, place_of_cell, plain_word, word_of
from prefgen.dataset.values_of_each import number_of, values_against
from prefgen.dataset.votes import is_of_each, is_tie, prefers_another, votes_against
from prefgen.errors import RecipeError

_STRENGTH = re.compile(r"0?\.(?!50*$)[5-9][0-9]*")
"""How likely it is that the better one is better."""
_ANSWERS = frozenset((
    "response", "answer", "completion", "output", "reply", "candidate", "generation", "summary",
))  # fmt: skip
"""Words of columns that hold answers, whether or not those of the row."""


def check_comparisons(row: Row, given: Mapping[str, Any], meant: str, where: str) -> None:
    """Raises RecipeError where a column beside the sides says that the rejected answer is the better one, or
    may say it and is not understood; `meant` is the mapping by which the sides are meant.
    """
    remedy = f"map the sides that are meant ({meant}), or take the column away"
    sides = [text_of_answer(given[side]) for side in SIDES]
    found = list(answers_beside(row, sides))
    beside = [Answers(SIDES, SIDES, tuple(sides), 0, 1), *found]
    names = named_columns(row)
    told = names if found else comparing(names)
    of_each = {name: group.marks for group in column_groups(names) for name in group.columns} if told else {}
    held = {column for answers in beside if answers.marks for column in answers.columns}
    for name in told:
        value = row[name]
        if name in held or (name in KNOWN and name != "label") or is_missing(value):
            continue
        others = [
            answers
            for answers in beside
            if name not in answers.columns and of_each.get(name) != answers.marks
        ]
        if (
            _denies(name, value)
            or any(_is_against(row, name, value, answers) for answers in others)
            or _names_another(row, name, value, others)
        ):
            raise RecipeError(
                f"{name} is {describe(value)}, and chosen is another answer, or it is not understood: "
                f"{remedy}",
                where,
            )
    for answers in beside:
        if (name := values_against(row, answers)) is not None:
            raise RecipeError(f"{name} and chosen do not prefer the same answer: {remedy}", where)


def _denies(name: str, value: Any) -> bool:
    """Whether a column speaks against a pair as it stands, whatever is beside it."""
    if is_flip(name):
        return not is_absent(value) and word_of(value) not in (*NO_WORDS, "unchanged")
    if is_difference(name):
        difference = number_of(value)
        return difference is not None and difference < 0
    # a number is a truth value where the name asks for one, and else the place of an answer
    is_false = value is False or ("is" in words_of_name(name) and word_of(value) in NO_WORDS)
    return is_false and is_certain(name) and sense_of(name) in ("wins", "loses")


def _is_against(row: Row, name: str, value: Any, answers: Answers) -> bool:
    """Whether a column names another of these answers than the chosen one, or is not understood."""
    sense = sense_of(name)
    if value is True and not answers.marks:
        return False  # of the row, such as that it was selected
    if (truth := _truth_of_one(name, value, answers)) is not None:
        return truth != answers.chosen
    if sense == "whatever":
        return _is_named_against(name, value, answers)
    place = place_of_cell(row, name, value, answers, exactly=sense == "may win")
    data: Any = decoded(value)
    if is_list(data) and place is None:
        return votes_against(row, name, data, answers)
    if isinstance(data, Mapping) and place is None:
        is_unread = is_certain(name) and not answers.are_sides
        return is_unread and sense != "may win" and not is_of_each(name, data, answers)
    word = word_of(data) if isinstance(data, str | int | float) and not is_missing(data) else ""
    if "votes" in words_of_name(name) and _is_digits(word):
        return False
    if is_tie(word) and len(word) <= MAX_WORDS:
        return sense != "may win" and not answers.are_sides
    if place is not None:
        return prefers_another(sense, place, answers)
    is_none = not word or len(word) > MAX_WORDS or word in SIDES
    if is_none or answers.are_sides or sense == "may win" or not is_certain(name):
        return False
    return _STRENGTH.fullmatch(word) is None and not _is_said_elsewhere(word, row, name)


def _names_another(row: Row, name: str, value: Any, beside: Sequence[Answers]) -> bool:
    """Whether a column certainly says which of several answers is better, and these are not those of the row:
    they may be its sides in other words, and the wrong way round.
    """
    if sense_of(name) not in ("wins", "loses") or not is_certain(name):
        return False
    word = word_of(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
    if not word or len(word) > MAX_WORDS or word in SIDES:
        return False
    if any(place_of(row, name, word, answers) is not None for answers in beside):
        return False
    for group in column_groups(named_columns(row)):
        if name not in group.columns and group.words and _ANSWERS.issuperset(group.words):
            texts = tuple(text_of_answer(row[column]) for column in group.columns)
            others = Answers(group.columns, group.marks, texts, 0, 1)
            if group.marks != SIDES and place_of(row, name, word, others) is not None:
                return True
    return False


def _truth_of_one(name: str, value: Any, answers: Answers) -> int | None:
    """Which of two answers a truth about one of them prefers ("b_better": true); None for another column."""
    if len(answers.marks) != 2 or not isinstance(value, str | int | float):
        return None
    for place, mark in enumerate(answers.marks):
        sense = truth_of_mark(name, mark)
        word = str(value).strip().casefold()
        if sense != "whatever" and word in (*YES_WORDS, *NO_WORDS):
            return place if (word in YES_WORDS) == (sense == "wins") else 1 - place
    return None


def _is_named_against(name: str, value: Any, answers: Answers) -> bool:
    """Whether a column of any name says that another answer is better: a text that is nothing but its letter
    or its column, or says so in words.
    """
    if answers.are_sides or not isinstance(value, str) or len(value) > MAX_WORDS or is_about_else(name):
        return False
    said = SAYS_SO.fullmatch(value.strip())
    word = plain_word(said[1] if said else value)
    is_letter = word in answers.marks and (said is not None or not _is_digits(word))
    columns = [column.casefold() for column in answers.columns] if answers.marks else []
    if is_letter:
        place = answers.marks.index(word)
    elif word in columns:
        place = columns.index(word)
    else:
        return False
    return prefers_another("loses" if "rejected" in words_of_name(name) else "wins", place, answers)


def _is_said_elsewhere(word: str, row: Row, name: str) -> bool:
    """Whether another column holds this word, and says nothing of the rejected answer: it is some name."""
    return any(
        isinstance(value, str) and value.strip().casefold() == word
        for other, value in row.items()
        if other != name and "rejected" not in str(other).casefold()
    )


def _is_digits(word: str) -> bool:
    return word.replace(".", "", 1).isdigit()
