"""What a row says of each of its answers: a score, a rank, a vote, in columns of the same marks, in a list of
the same length, in a mapping by their marks, or in the items of their list.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

from prefgen.dataset.answer_groups import (
    NO_ANSWERS,
    SIDES,
    Answers,
    column_groups,
    named_columns,
    words_of_name,
)
from prefgen.dataset.cells import FALSE_WORDS, TRUE_WORDS, as_number, decoded, is_list, is_missing
from prefgen.dataset.column_names import Row
from prefgen.dataset.comparing_names import (
    LOSES,
    RANKS,
    SCORES,
    are_of_items,
    comparing,
    saying_of_each,
    says_of_each,
)
from prefgen.dataset.verdicts import places_of_names
from prefgen.errors import RecipeError


def values_against(row: Row, answers: Answers) -> str | None:
    """The column by which the rejected one of these answers is better than the chosen one."""
    if answers.are_sides and (name := _unlikely(row)) is not None:
        return name
    for name, words, values in _values(row, answers):
        is_lower_better = not (RANKS | LOSES).isdisjoint(words)
        # an answer that is listed twice is the better of the two as chosen, the worse one as rejected
        better, worse = (min, max) if is_lower_better else (max, min)
        chosen = better(_values_of(answers.chosen, values, answers))
        rejected = worse(_values_of(answers.rejected, values, answers))
        if (chosen > rejected) if is_lower_better else (chosen < rejected):
            return name
    return None


MAX_NAMES = 100
"""Keys of a mapping that may hold a value of each answer."""
_OUTCOMES = {
    "win": 1, "wins": 1, "won": 1, "winner": 1, "chosen": 1, "preferred": 1, "tie": 0, "tied": 0, "draw": 0,
    "loss": -1, "lose": -1, "loses": -1, "lost": -1, "loser": -1, "rejected": -1,
}  # fmt: skip
"""What words say of how an answer did."""
_LIKELY = frozenset(("prob", "probability"))
_OF_CHOSEN = frozenset((*_LIKELY, "chosen", "preference"))


def _unlikely(row: Row) -> str | None:
    """A column by which the chosen side is more likely the worse one."""
    for name in _likelihoods(named_columns(row)):
        likely = number_of(row[name])
        if likely is not None and 0 <= likely < 0.5:
            return name
    return None


@lru_cache(maxsize=256)
def _likelihoods(names: tuple[str, ...]) -> tuple[str, ...]:
    """Columns that say how likely the chosen side is the better one, but the pair's own; of two that are one
    of each side, the numbers are compared instead.
    """
    found = {name: set(words_of_name(name)) for name in names if name != "chosen_probability"}
    likely = {name: words for name, words in found.items() if words & _LIKELY and words <= _OF_CHOSEN}
    twins = [words - {"rejected"} | {"chosen"} for words in found.values() if "rejected" in words]
    return tuple(name for name, words in likely.items() if words - _LIKELY and words not in twins)


def _values_of(place: int, values: Sequence[float], answers: Answers) -> list[float]:
    """What an answer got, wherever it stands."""
    key = answers.keys[place]
    return [value for value, other in zip(values, answers.keys, strict=True) if other == key]


def _values(row: Row, answers: Answers) -> Iterator[tuple[str, tuple[str, ...], Sequence[float]]]:
    names = named_columns(row)
    if answers.marks:
        yield from _in_columns(row, answers)
        for name, value in row.items():  # as in the metadata of a row
            if isinstance(value, dict) and name not in SIDES:
                for key, words, values in _in_columns(value, answers):
                    yield f"{key} of {name}", words, values
    if answers.are_sides:
        yield from _in_last_turns(answers)
    for name in dict.fromkeys((*saying_of_each(names), *comparing(names))):
        if (
            name not in answers.columns
            and (of_each := _of_each(row, decoded(row[name]), answers)) is not None
        ):
            words = words_of_name(name)
            if says_of_each(words) or are_outcomes(of_each):
                yield from _numbers(name, words, of_each)
    for name in _scored(names) if not answers.are_sides else ():
        items: Any = decoded(row[name])
        are_of_each = (
            is_list(items) and len(items) == len(answers.texts) and not are_of_items(items, judges=True)
        )
        if name not in answers.columns and are_of_each:
            yield from _values_of_items(name, items)  # as each has `score` in Magpie's `rewards_armorm`
    if not answers.marks:
        yield from _values_of_items(answers.columns[0], decoded(row[answers.columns[0]]))


@lru_cache(maxsize=256)
def _scored(names: tuple[str, ...]) -> tuple[str, ...]:
    """Those that say of what they hold that it scores or ranks."""
    return tuple(name for name in names if not (SCORES | RANKS).isdisjoint(words_of_name(name)))


def _of_each(row: Row, value: Any, answers: Answers) -> list[Any] | None:
    if isinstance(value, Mapping):
        return values_by_name(value, answers)
    is_of_each = is_list(value) and len(value) == len(answers.texts)
    is_of_each = is_of_each and not any(side in value for side in SIDES)  # which is an order of the sides
    return list(value) if is_of_each and not (answers.are_sides and _lists_two(row)) else None


def values_by_name(values: Mapping[Any, Any], answers: Answers) -> list[Any] | None:
    """What a mapping holds for each of the answers, in their order; None unless it names each once."""
    if len(values) > MAX_NAMES:
        return None
    places = places_of_names([str(key) for key in values], answers)
    named = [
        (place, value) for place, value in zip(places, values.values(), strict=True) if place is not None
    ]
    named.sort(key=lambda pair: pair[0])
    are_all = [place for place, _ in named] == [*range(len(answers.texts))]
    return [value for _, value in named] if are_all else None


def _in_columns(row: Row, answers: Answers) -> Iterator[tuple[str, tuple[str, ...], Sequence[float]]]:
    """What columns of the answers' marks hold, and those of `preferred_...` beside `non_preferred_...`."""
    names = named_columns(row)
    for group in column_groups(names):
        is_own = group.columns == ("score_chosen", "score_rejected")  # a rule of pairs proves these
        if group.marks == answers.marks and says_of_each(group.words) and not is_own:
            yield from _numbers(group.columns[0], group.words, [row[name] for name in group.columns])
    for name, other in _denied(names) if answers.are_sides else ():
        yield from _numbers(name, words_of_name(name), [row[name], row[other]])


@lru_cache(maxsize=256)
def _denied(names: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """Columns that say how good the preferred answer is, each with that of the other."""
    told = [name for name in names if name.startswith("preferred_") and says_of_each(words_of_name(name))]
    return tuple((name, f"non_{name}") for name in told if f"non_{name}" in names)


def _in_last_turns(sides: Answers) -> Iterator[tuple[str, tuple[str, ...], Sequence[float]]]:
    """Numbers that stand under one key in the last turns of both sides."""
    if all(isinstance(side, str) and side.lstrip()[:1] != "[" for side in sides.answers):
        return
    turns = [decoded(side) for side in sides.answers]
    last = [items[-1] if is_list(items) and items else items for items in turns]
    chosen, rejected = last[sides.chosen], last[sides.rejected]
    if isinstance(chosen, Mapping) and isinstance(rejected, Mapping):
        for key in chosen:
            if isinstance(key, str) and key in rejected and says_of_each(words := words_of_name(key)):
                for _, _, values in _numbers(key, words, [chosen[key], rejected[key]]):
                    yield f"{key} of the last turns", words, values


def _lists_two(row: Row) -> bool:
    """Whether a row lists two other things, which a list of two numbers may be about: not what it asks, and
    not what columns of the sides hold, in their order.
    """
    groups = [group for group in column_groups(named_columns(row)) if group.marks == SIDES]
    of_sides = [[row[name] for name in group.columns] for group in groups]
    lists = (decoded(value) for name, value in row.items() if name not in SIDES and name not in NO_ANSWERS)
    twos = [items for items in lists if is_list(items) and len(items) == 2 and number_of(items[0]) is None]
    return any(list(items) not in of_sides for items in twos)


def _values_of_items(
    column: str, items: Sequence[Any]
) -> Iterator[tuple[str, tuple[str, ...], Sequence[float]]]:
    if not all(isinstance(item, Mapping) for item in items):
        return
    for key in items[0]:
        if isinstance(key, str) and says_of_each(words := words_of_name(key)):
            for _, _, values in _numbers(key, words, [item.get(key) for item in items]):
                yield f"{key} of {column}", words, values


def _numbers(
    name: str, words: tuple[str, ...], values: Sequence[Any]
) -> Iterator[tuple[str, tuple[str, ...], Sequence[float]]]:
    """The values, where all of them are numbers or truth values."""
    if are_outcomes(values):
        values = [_OUTCOMES[value.strip().casefold()] for value in values]
        words = ()  # a win is one whatever ranks or losers are meant
    numbers = [number_of(value) for value in values]
    read = [number for number in numbers if number is not None]
    if len(read) == len(numbers):
        yield name, words, read


def are_outcomes(values: Sequence[Any]) -> bool:
    """Whether each of the values says in a word how an answer did."""
    return all(isinstance(value, str) and value.strip().casefold() in _OUTCOMES for value in values)


def number_of(value: Any) -> float | None:
    """A number or a truth value, also as text; None for anything else."""
    if type(value) is float:
        return value if math.isfinite(value) else None
    word = str(value).strip().casefold() if isinstance(value, str | bool) else ""
    if word in (*TRUE_WORDS, *FALSE_WORDS):
        return float(word in TRUE_WORDS)
    if is_missing(value) or isinstance(value, list | dict):
        return None
    try:
        return as_number(value, "", "")
    except RecipeError:
        return None
