"""Verdicts under names that say nothing of them: what a cell of any name says of the answers, told by its
words, its keys and its votes.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from prefgen.dataset.answer_groups import Answers, words_of_name
from prefgen.dataset.cells import is_list, is_missing
from prefgen.dataset.column_names import Row
from prefgen.dataset.comparing_names import (
    RANKS,
    REASONS,
    Sense,
    are_of_items,
    is_about_else,
    is_of_judge,
    is_of_question,
    sense_of,
)
from prefgen.dataset.named_answers import place_by_keys, word_of
from prefgen.dataset.verdicts import IN_DOUBT, MAX_VERDICT, place_said
from prefgen.dataset.votes import MAX_VOTES, prefers_another, votes_against


def is_named_against(row: Row, name: str, data: Any, answers: Answers) -> bool:
    """Whether a column of any name says that another answer is better: by its mark or its column alone, in
    the words of a verdict, as votes, as an order, or under a key that asks for one.
    """
    if answers.are_sides or is_about_else(name):
        return False
    words = words_of_name(name)
    is_order, is_reason = not RANKS.isdisjoint(words), not REASONS.isdisjoint(words)
    if isinstance(data, Mapping) and data and all(map(_is_of_judge_alone, data.items())):
        data = list(data.values())
    if isinstance(data, Mapping):
        asking = _asking(data)
        texts = _labels_of(data) or _texts_of_judges(data)
        places = [place_by_keys(row, data, asking, answers) if asking else _place_in_texts(texts, answers)]
    elif is_list(data):
        if are_of_items(data, judges=False):
            return False
        votes = [vote for vote in data if isinstance(vote, Mapping) and _asking(vote)]
        if len(votes) * 2 > len(data):  # notes may stand among them
            return votes_against(row, name, votes, answers)
        texts = [text for vote in data for text in _labels_of(vote)]
        places = [_place_in_texts(texts, answers, is_order=is_order)] if len(texts) == len(data) else []
    else:
        is_text = isinstance(data, str) and not is_digits(data.strip())
        places = [_place_named(data, answers, is_told=is_order)] if is_text else []
    if is_reason:  # which is no verdict unless it is nothing else
        places = [place for place in places if place != IN_DOUBT]
    sense = "loses" if "rejected" in words else "wins"
    return any(place is not None and prefers_another(sense, place, answers) for place in places)


def _asking(values: Mapping[Any, Any]) -> Mapping[str, Sense]:
    """The keys of a mapping that ask for the better answer or for the worse one."""
    senses = {key: sense_of(key) for key in values if isinstance(key, str) and _may_say(values[key])}
    return {key: sense for key, sense in senses.items() if sense in ("wins", "loses")}


def _is_of_judge_alone(item: tuple[Any, Any]) -> bool:
    """Whether a key of a mapping names a judge whose vote is a mapping."""
    key, vote = item
    return isinstance(key, str) and is_of_judge(key) and isinstance(vote, Mapping)


def _may_say(value: Any) -> bool:
    """Whether a value may be a vote under a name that says nothing: numbers count anything."""
    items = value if is_list(value) else [value]
    return not is_missing(value) and not any(isinstance(item, int | float) for item in items)


def _texts_of_judges(values: Mapping[Any, Any]) -> Sequence[str]:
    """Several texts under keys that name judges, but for what is certainly about something else."""
    texts = {key: value for key, value in values.items() if isinstance(key, str) and isinstance(value, str)}
    named = [(key, value) for key, value in texts.items() if not (is_about_else(key) or is_of_question(key))]
    return (
        [value for _, value in named] if len(named) > 1 and all(is_of_judge(key) for key, _ in named) else []
    )


def _labels_of(vote: Any) -> Sequence[str]:
    """What a vote says: itself, or the text under a key such as `label`."""
    if not isinstance(vote, Mapping):
        return [vote] if isinstance(vote, str) else []
    keys = [key for key in vote if isinstance(key, str) and not is_of_question(key)]
    may_win = [key for key in keys if sense_of(key) == "may win"]
    return [vote[key] for key in may_win[:1] if isinstance(vote[key], str)]


def _place_in_texts(texts: Sequence[str], answers: Answers, *, is_order: bool = False) -> int | None:
    """The answer that stands first in an order of marks, or for which most of several texts are."""
    if not _are_texts(texts):
        return None
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


def is_digits(word: str) -> bool:
    """Whether a text is a number."""
    return word.isascii() and word.replace(".", "", 1).isdigit()
