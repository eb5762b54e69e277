"""Which of two answers is ahead by comparisons, and whether that is known at all.

Bradley-Terry gives every answer a strength, also one whose comparisons were lost or which a tournament never
brought together with the other: between such two the strengths only say how often each was compared. Their
order is known where they met, or where a chain of wins leads from one to the other and none leads back.
"""

from collections.abc import Mapping, Sequence

from prefgen.stats.scoring import (
    TIE_TOLERANCE,
    ScoreSpec,
    judge_scores,
    probability_of,
    ranking_comparisons,
    ranking_names,
    read_comparisons,
)
from prefgen.types import Comparison, Record


class KnownOrders:
    """The orders of a record's answers that are known to every part of a score; ratings know them all."""

    def __init__(self, record: Record, spec: ScoreSpec) -> None:
        names = ranking_names(record, spec) if record.comparisons else []
        self._parts = [
            ComparedAnswers(judge_scores(record, name)[0], comparisons)
            for name in names
            if (comparisons := ranking_comparisons(record, name))
        ]

    def knows(self, first_id: str, second_id: str) -> bool:
        return all(part.knows_order(first_id, second_id) for part in self._parts)


class ComparedAnswers:
    """One judge's comparisons, and the strengths that they gave."""

    def __init__(self, strengths: Mapping[str, float], comparisons: Sequence[Comparison]) -> None:
        self._strengths, self._comparisons = strengths, comparisons
        self._read = read_comparisons(comparisons)
        self._opponents: dict[str, set[str]] = {}
        self._leads: dict[str, set[str]] = {}
        for c in self._read:
            for one, other, probability in (
                (c.first_id, c.second_id, c.probability),
                (c.second_id, c.first_id, 1 - c.probability),
            ):
                self._opponents.setdefault(one, set()).add(other)
                if probability > 0.5 + TIE_TOLERANCE:
                    self._leads.setdefault(one, set()).add(other)
        self._wins = {
            one: {other for other in others if one not in self._leads.get(other, ())}
            for one, others in self._leads.items()
        }  # without those that another comparison of the two turns round

    def knows_order(self, first_id: str, second_id: str) -> bool:
        """Whether the order of two strengths, or that they are equal, comes from what was compared."""
        strengths = self._strengths
        if first_id not in strengths or second_id not in strengths:
            return False
        if abs(strengths[first_id] - strengths[second_id]) <= TIE_TOLERANCE:
            return probability_of(self._comparisons, first_id, second_id) is not None
        probability = probability_of(self._read, first_id, second_id)
        if probability is not None and abs(probability - 0.5) > TIE_TOLERANCE:
            return True  # whether the strengths agree with it is the pairer's `disagreement`
        if probability is not None and self._met_the_same_others(first_id, second_id):
            return True
        better, worse = sorted((first_id, second_id), key=lambda rid: -strengths[rid])
        return leads_to(self._wins, better, worse) and not leads_to(self._leads, worse, better)

    def _met_the_same_others(self, first_id: str, second_id: str) -> bool:
        return self._opponents[first_id] - {second_id} == self._opponents[second_id] - {first_id}


def leads_to(steps: Mapping[str, set[str]], start: str, goal: str) -> bool:
    """Whether a chain of steps leads from one to the other."""
    reached, waiting = {start}, [start]
    while waiting:
        following = steps.get(waiting.pop(), set()) - reached
        reached |= following
        waiting += following
    return goal in reached
