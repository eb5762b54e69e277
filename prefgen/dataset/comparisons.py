"""What the columns beside the sides say of them: which answer won or lost, and what each of them got.

A column that may compare the answers must agree with the sides, or certainly be about something else; where
neither is certain the row is one line, since a pair that is the wrong way round teaches the opposite.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from prefgen.dataset.answer_groups import (
    MARKS_OF_TWO,
    SIDES,
    Answers,
    answers_beside,
    column_groups,
    named_columns,
    words_of_name,
)
from prefgen.dataset.answer_keys import AnswerKeys
from prefgen.dataset.cells import NO_WORDS, YES_WORDS, decoded, describe, is_absent, is_list, is_missing
from prefgen.dataset.column_names import KNOWN, Row
from prefgen.dataset.comparing_names import (
    comparing,
    is_certain,
    is_difference,
    is_flip,
    is_of_question,
    sense_of,
    truth_of_mark,
)
from prefgen.dataset.named_answers import (
    MAX_WORDS,
    place_of,
    place_of_cell,
    told_of_each,
    word_of,
)
from prefgen.dataset.named_verdicts import is_digits, is_named_against
from prefgen.dataset.pointers import WHO_ANSWERED
from prefgen.dataset.values_of_each import number_of, values_against
from prefgen.dataset.verdicts import MAX_VERDICT, is_tie
from prefgen.dataset.votes import are_votes, is_of_each, prefers_another, votes_against
from prefgen.errors import RecipeError

_MARK_LENGTH = 3
"""Characters of a text that may be a mark, and no answer."""
_VOTERS = (("annotator",), ("rater",))
_TRUTHS = ("true", "false")
_LETTER = re.compile(r"\(?[A-Za-z](?:[.)]|\.\))?")
"""An option of what is asked: "B", "(B)", "b."."""


def check_comparisons(row: Row, given: Mapping[str, Any], keys: AnswerKeys, remedy: str, where: str) -> None:
    """Raises RecipeError where a column beside the sides says that the rejected answer is the better one, or
    may say it and is not understood.
    """
    sides = [given[side] for side in SIDES]
    found = list(answers_beside(row, keys))
    beside = [Answers(SIDES, SIDES, sides, 0, 1, keys), *found]
    names = named_columns(row)
    told = names if found else comparing(names)
    of_each = {name: group.marks for group in column_groups(names) for name in group.columns} if told else {}
    held = {column for answers in beside if answers.marks for column in answers.columns}
    for name in told:
        value = row[name]
        if name in held or _is_known(name, value) or is_missing(value):
            continue
        others = [
            answers
            for answers in beside
            if not is_flip(name) and name not in answers.columns and of_each.get(name) != answers.marks
        ]
        truths = [answers for answers in others if _truth_of_one(name, value, answers) is not None]
        if (
            _denies(name, value)
            or any(_is_against(row, name, value, answers) for answers in truths or others)
            or (others and _names_another(row, name, value, others))
        ):
            raise RecipeError(
                f"{name} is {describe(value)}, and chosen is another answer, or it is not understood: "
                f"{remedy}",
                where,
            )
    for answers in beside:
        name = values_against(row, answers) or _annotators_against(row, answers)
        if name is None:
            name = _answered_by_another(row, answers)
        if name is not None:
            raise RecipeError(f"{name} and chosen do not prefer the same answer: {remedy}", where)


def _annotators_against(row: Row, answers: Answers) -> str | None:
    """The first of several columns that hold the votes of numbered annotators, where these are not for the
    chosen answer.
    """
    for group in column_groups(named_columns(row)) if not answers.are_sides else ():
        votes = [row[name] for name in group.columns]
        is_vote = group.words[-1:] in _VOTERS and are_votes(row, group.columns[0], votes, answers)
        if is_vote and votes_against(row, group.columns[0], votes, answers):
            return group.columns[0]
    return None


def _is_known(name: str, value: Any) -> bool:
    """Whether a column is one of a pair, and looked into elsewhere."""
    is_looked_into = name == "label" or (name == "metadata" and isinstance(decoded(value), Mapping))
    return name in KNOWN and not is_looked_into


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
    if (truth := _truth_of_one(name, value, answers)) is not None:
        return truth != answers.chosen
    sense = sense_of(name)
    data: Any = decoded(value)
    if is_of_question(name) and isinstance(data, str) and _LETTER.fullmatch(data.strip()):
        return False
    if sense == "whatever":
        return is_named_against(row, name, data, answers)
    place = place_of_cell(row, name, value, answers, exactly=sense == "may win")
    if is_list(data) and place is None:
        return votes_against(row, name, data, answers)
    if isinstance(data, Mapping) and place is None:
        is_unread = is_certain(name) and not answers.are_sides
        return is_unread and sense != "may win" and not is_of_each(name, data, answers)
    word = word_of(data) if isinstance(data, str | int | float) and not is_missing(data) else ""
    if "votes" in words_of_name(name) and is_digits(word):
        return False
    if is_tie(word) and len(word) <= MAX_VERDICT:
        return not answers.are_sides
    if place is not None:
        return prefers_another(sense, place, answers)
    if answers.are_sides or not word or word in SIDES:
        return False
    if isinstance(data, bool) or word in _TRUTHS:
        return True  # of which answer nobody knows
    is_unread = len(word) <= MAX_WORDS and sense != "may win" and is_certain(name)
    return is_unread and not _is_said_elsewhere(word, row, name)


def _names_another(row: Row, name: str, value: Any, beside: Sequence[Answers]) -> bool:
    """Whether a column certainly says which of several answers is better, and these are not those of the row:
    they may be its sides in other words, and the wrong way round.
    """
    if sense_of(name) not in ("wins", "loses") or not is_certain(name):
        return False
    is_word = isinstance(value, str | int) and not isinstance(value, bool)
    text = str(value) if is_word and len(str(value)) <= MAX_WORDS else ""
    if not text or word_of(text) in SIDES:
        return False
    if any(place_of(row, name, text, answers) is not None for answers in beside):
        return False
    for group in column_groups(named_columns(row)):
        if name in group.columns or group.marks == SIDES or any(map(WHO_ANSWERED.fullmatch, group.columns)):
            continue
        held = [row[column] for column in group.columns]
        others = Answers(group.columns, group.marks, held, 0, 1, AnswerKeys(()))
        are_answers = all(isinstance(said, str) and len(said) > _MARK_LENGTH for said in others.texts)
        if are_answers and place_of(row, name, text, others) is not None:
            return True
    return False


def _answered_by_another(row: Row, answers: Answers) -> str | None:
    """The column that says of a side what another column says of the other one: who gave it, above all
    (`chosen_model` is that of the answer which is rejected).
    """
    for group in column_groups(named_columns(row)) if not answers.are_sides else ():
        of_sides = [row[column] for column in group.columns]
        if group.marks != SIDES or group.columns == SIDES or not _differ(of_sides):
            continue
        words = {word.removesuffix("s") for word in group.words}
        for words_of_each, texts in told_of_each(row, answers):
            crossed = [texts[answers.rejected], texts[answers.chosen]]
            is_same = bool(words & words_of_each) and _differ(crossed)
            if is_same and list(map(_plain, of_sides)) == list(map(_plain, crossed)):
                return group.columns[0]
    return None


def _differ(texts: Sequence[Any]) -> bool:
    """Whether these are two texts that are not the same."""
    return all(isinstance(text, str) for text in texts) and _plain(texts[0]) != _plain(texts[1])


def _plain(text: str) -> str:
    return text.strip().casefold()


def _truth_of_one(name: str, value: Any, answers: Answers) -> int | None:
    """Which of two answers a truth about one of them prefers ("b_better": true), whatever marks they have;
    None for another column.
    """
    word = str(value).strip().casefold() if isinstance(value, str | int | float) else ""
    if len(answers.texts) != len(SIDES) or word not in (*YES_WORDS, *NO_WORDS):
        return None
    for marks in (answers.marks, *(() if answers.are_sides else MARKS_OF_TWO)):
        for place, mark in enumerate(marks):
            sense = truth_of_mark(name, mark)
            if sense != "whatever":
                return place if (word in YES_WORDS) == (sense == "wins") else 1 - place
    return None


def _is_said_elsewhere(word: str, row: Row, name: str) -> bool:
    """Whether another column holds this word, and says nothing of the rejected answer: it is some name."""
    return any(
        isinstance(value, str) and value.strip().casefold() == word
        for other, value in row.items()
        if other != name and "rejected" not in str(other).casefold()
    )
