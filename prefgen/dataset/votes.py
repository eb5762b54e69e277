"""Several votes on the answers of a row, in one cell: for which of them most are."""

from collections.abc import Mapping, Sequence
from typing import Any

from prefgen.dataset.answer_groups import Answers, words_of_name
from prefgen.dataset.cells import decoded, is_missing
from prefgen.dataset.column_names import Row
from prefgen.dataset.comparing_names import Sense, is_certain, says_of_each, sense_of
from prefgen.dataset.named_answers import place_of_cell, word_of
from prefgen.dataset.values_of_each import are_outcomes, number_of, values_by_name
from prefgen.dataset.verdicts import is_tie

MAX_VOTES = 1000


def votes_against(row: Row, name: str, votes: Sequence[Any], answers: Answers) -> bool:
    """Whether a list of votes is not for the chosen answer, or not understood. Ties and empty votes are for
    nobody, and what is not understood may be for another answer.
    """
    sense = sense_of(name)
    is_unread = is_certain(name) and not answers.are_sides and sense != "may win"
    if len(votes) > MAX_VOTES:
        return is_unread
    are_numbers = all(isinstance(vote, int | float) for vote in votes)
    if are_numbers and (sense == "may win" or _are_values(name, votes, len(answers.texts))):
        return False  # of each, or of something that is longer than the answers are many
    told = [vote for vote in votes if not is_missing(vote)]
    cast = [vote for vote in told if not _is_for_none(vote)]
    known: dict[str, int | None] = {}
    for vote in cast:
        if str(vote) not in known:
            known[str(vote)] = place_of_cell(row, name, vote, answers)
    places = [known[str(vote)] for vote in cast]
    understood = [_first_of_text(place, answers) for place in places if place is not None and place >= 0]
    if not cast:
        return bool(told) and not answers.are_sides
    if all(place is None for place in places):
        return is_unread
    unknown = len(cast) - len(understood)
    if unknown and answers.are_sides:
        return False
    for_chosen = understood.count(answers.chosen)
    for_other = max((understood.count(place) for place in understood if place != answers.chosen), default=0)
    return for_chosen + unknown >= for_other if sense == "loses" else for_chosen <= for_other + unknown


def are_votes(row: Row, name: str, values: Sequence[Any], answers: Answers) -> bool:
    """Whether each of several values is understood as a vote, a tie (also 0) or none, and they are not all
    different, as those are that tell people apart.
    """
    cast = [value for value in values if not is_missing(value) and not _is_for_none(value)]
    are_names = len(cast) > 1 and len({*map(str, cast)}) == len(cast)
    places = (place_of_cell(row, name, value, answers) for value in cast if str(value) != "0")
    return not are_names and all(place is not None and place >= 0 for place in places)


def _is_for_none(vote: Any) -> bool:
    """Whether a vote is a tie, also one under a key that asks for the better answer."""
    data = decoded(vote)
    words = [data]
    if isinstance(data, Mapping):
        words = [data[key] for key in data if isinstance(key, str) and sense_of(key) == "wins"]
    return any(isinstance(word, str) and is_tie(word_of(word)) for word in words)


def prefers_another(sense: Sense, place: int, answers: Answers) -> bool:
    """Whether the answer at a place is in doubt, or another one than the chosen, or than a loser may be."""
    if not 0 <= place < len(answers.texts):
        return True
    is_chosen = _first_of_text(place, answers) == answers.chosen
    return is_chosen if sense == "loses" else not is_chosen


def is_of_each(name: str, values: Mapping[Any, Any], answers: Answers) -> bool:
    """Whether a mapping holds a number of each answer, by its mark or its column: these are compared."""
    of_each = values_by_name(values, answers)
    if of_each is None or len(of_each) < len(values):
        return False
    are_numbers = all(number_of(value) is not None for value in of_each)
    return are_outcomes(of_each) or (are_numbers and says_of_each(words_of_name(name)))


def _are_values(name: str, votes: Sequence[Any], count: int) -> bool:
    """Whether a list of numbers holds one of each answer."""
    return len(votes) == count and says_of_each(words_of_name(name))


def _first_of_text(place: int, answers: Answers) -> int:
    """The first place of an answer, which may be listed twice."""
    key = answers.keys[place]
    return place if key is None else answers.keys.index(key)
