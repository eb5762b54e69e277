"""What the columns beside the sides say of them: which answer won or lost, and what each of them got.

A column that may compare the answers must agree with the sides, or certainly be about something else; where
neither is certain the row is one line, since a pair that is the wrong way round teaches the opposite.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from prefgen.dataset.answer_groups import (
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
    RANKS,
    REASONS,
    comparing,
    is_about_else,
    is_certain,
    is_difference,
    is_flip,
    is_of_question,
    sense_of,
    truth_of_mark,
)
from prefgen.dataset.named_answers import (
    MAX_WORDS,
    place_by_keys,
    place_of,
    place_of_cell,
    told_of_each,
    word_of,
)
from prefgen.dataset.pointers import WHO_ANSWERED
from prefgen.dataset.values_of_each import number_of, values_against
from prefgen.dataset.verdicts import IN_DOUBT, MAX_VERDICT, is_tie, place_said
from prefgen.dataset.votes import MAX_VOTES, is_of_each, prefers_another, votes_against
from prefgen.errors import RecipeError

_MARK_LENGTH = 3
"""Characters of a text that may be a mark, and no answer."""
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
        if (
            _denies(name, value)
            or any(_is_against(row, name, value, answers) for answers in others)
            or (others and _names_another(row, name, value, others))
        ):
            raise RecipeError(
                f"{name} is {describe(value)}, and chosen is another answer, or it is not understood: "
                f"{remedy}",
                where,
            )
    for answers in beside:
        name = values_against(row, answers)
        if name is None:
            name = _answered_by_another(row, answers)
        if name is not None:
            raise RecipeError(f"{name} and chosen do not prefer the same answer: {remedy}", where)


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
        return _is_named_against(row, name, data, answers)
    place = place_of_cell(row, name, value, answers, exactly=sense == "may win")
    if is_list(data) and place is None:
        return votes_against(row, name, data, answers)
    if isinstance(data, Mapping) and place is None:
        is_unread = is_certain(name) and not answers.are_sides
        return is_unread and sense != "may win" and not is_of_each(name, data, answers)
    word = word_of(data) if isinstance(data, str | int | float) and not is_missing(data) else ""
    if "votes" in words_of_name(name) and _is_digits(word):
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
    """Which of two answers a truth about one of them prefers ("b_better": true); None for another column."""
    if len(answers.marks) != 2 or not isinstance(value, str | int | float):
        return None
    for place, mark in enumerate(answers.marks):
        sense = truth_of_mark(name, mark)
        word = str(value).strip().casefold()
        if sense != "whatever" and word in (*YES_WORDS, *NO_WORDS):
            return place if (word in YES_WORDS) == (sense == "wins") else 1 - place
    return None


def _is_named_against(row: Row, name: str, data: Any, answers: Answers) -> bool:
    """Whether a column of any name says that another answer is better: by its mark or its column alone, in
    the words of a verdict, as votes, as an order, or under a key that asks for one.
    """
    if answers.are_sides or is_about_else(name):
        return False
    words = words_of_name(name)
    is_order, is_reason = not RANKS.isdisjoint(words), not REASONS.isdisjoint(words)
    if isinstance(data, Mapping):
        senses = {key: sense_of(key) for key in data if isinstance(key, str)}
        asking = {key: sense for key, sense in senses.items() if sense in ("wins", "loses")}
        places = [place_by_keys(row, data, asking, answers)]
    elif is_list(data):
        places = [_place_in_texts(data, answers, is_order=is_order)] if _are_texts(data) else []
    else:
        is_text = isinstance(data, str) and not _is_digits(data.strip())
        places = [_place_named(data, answers, is_told=is_order)] if is_text else []
    if is_reason:  # which is no verdict unless it is nothing else
        places = [place for place in places if place != IN_DOUBT]
    sense = "loses" if "rejected" in words else "wins"
    return any(place is not None and prefers_another(sense, place, answers) for place in places)


def _place_in_texts(texts: Sequence[str], answers: Answers, *, is_order: bool) -> int | None:
    """The answer that stands first in an order of marks, or for which most of several texts are."""
    if is_order:
        return _place_named(" > ".join(texts), answers, is_told=True)
    votes = Counter(_place_named(text, answers, is_told=False) for text in texts)
    first, *others = votes.most_common(2) or [(None, 0)]
    is_most = None not in votes and (not others or others[0][1] < first[1])
    return first[0] if is_most else None


def _place_named(text: str, answers: Answers, *, is_told: bool) -> int | None:
    """The answer that a text names by its column or its mark."""
    columns = [column.casefold() for column in answers.columns] if answers.marks else []
    if len(text) <= MAX_VERDICT and (word := word_of(text)) in columns:
        return columns.index(word)
    return place_said(text, answers, is_told=is_told)


def _are_texts(items: Sequence[Any]) -> bool:
    return len(items) <= MAX_VOTES and all(
        isinstance(item, str) and len(item) <= MAX_VERDICT for item in items
    )


def _is_said_elsewhere(word: str, row: Row, name: str) -> bool:
    """Whether another column holds this word, and says nothing of the rejected answer: it is some name."""
    return any(
        isinstance(value, str) and value.strip().casefold() == word
        for other, value in row.items()
        if other != name and "rejected" not in str(other).casefold()
    )


def _is_digits(word: str) -> bool:
    return word.isascii() and word.replace(".", "", 1).isdigit()
