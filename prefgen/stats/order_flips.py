"""How often a judge names another winner where it is shown two answers the other way round, which place it
then prefers, and what that says of its labels.
"""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from prefgen.stats.scoring import mean_by_response
from prefgen.types import Comparison, Record, Score

Leads = tuple[list[float], list[float]]
"""By how much one of two answers was ahead where it was shown first, and where second."""


WINNERS = ("A", "tie", "B")
"""Of two answers A and B: which is ahead where A is shown first, and where B is."""
NO_WINNERS = (0,) * len(WINNERS) ** 2
CERTAIN = 0.05
"""A place is called preferred where chance would come to such a count in fewer cases than this."""


@dataclass(frozen=True)
class OrderMatrix:
    """Pairs of answers by who wins in each order: `counts` has a row of WINNERS where A is shown first, for
    each of the WINNERS where B is, in one line.
    """

    counts: tuple[int, ...] = NO_WINNERS

    def count(self, a_first: str, b_first: str) -> int:
        """Of how many A, B or neither (`tie`) wins in the one order and in the other."""
        return self.counts[len(WINNERS) * WINNERS.index(a_first) + WINNERS.index(b_first)]

    def rows(self) -> list[tuple[str, tuple[int, ...]]]:
        """(who wins where A is shown first, of how many A, neither and B wins where B is)."""
        return [(a_first, tuple(self.count(a_first, b_first) for b_first in WINNERS)) for a_first in WINNERS]

    @property
    def pairs(self) -> int:
        return sum(self.counts)

    @property
    def flipped(self) -> float:
        """In how many the orders have different winners; a tie counts as half."""
        differ = self.count("A", "B") + self.count("B", "A")
        same = self.count("A", "A") + self.count("B", "B")
        return differ + 0.5 * (self.pairs - differ - same)

    def places(self) -> tuple[int, int]:
        """Of those in which the orders differ, how often what stood first did better for it, and how often
        what stood second.
        """
        first = self.count("A", "B") + self.count("A", "tie") + self.count("tie", "B")
        return first, self.count("B", "A") + self.count("tie", "A") + self.count("B", "tie")

    @property
    def prefers(self) -> str | None:
        """The place that the judge prefers, `first` or `second`; None where chance may have it so."""
        first, second = self.places()
        if not first + second or _chance_of(max(first, second), first + second) >= CERTAIN:
            return None
        return "first" if first > second else "second"

    def bias(self) -> str:
        """The same in words, with what it is read from."""
        first, second = self.places()
        if not first + second:
            return "the orders never differ"
        preferred = (
            f"it prefers the {self.prefers} place" if self.prefers else "no place is clearly preferred"
        )
        return (
            f"{preferred}: {first:,} times an answer did better by being first, {second:,} times by being "
            "second"
        )


def _chance_of(more: int, of: int) -> float:
    """The probability that of so many fair coins as many or more fall to one side, whichever."""
    if of > 1000:  # as the normal distribution has it: the sum would take long, and comes to the same
        return math.erfc((2 * more - of) / math.sqrt(2 * of))
    return min(1.0, 2 * sum(math.comb(of, k) for k in range(more, of + 1)) / 2**of)


def count_orders(record: Record) -> dict[str, OrderMatrix]:
    """{judge: two answers that it saw in both orders, by who won in each}; A is the one whose id comes first.
    All that were judged count: of those in which the orders differ no pair may have been made.
    """
    leads: dict[str, dict[tuple[str, str], Leads]] = defaultdict(lambda: defaultdict(lambda: ([], [])))
    for c in record.comparisons:
        _add_comparison(leads[c.judge], c)
    for judge in {s.judge for s in record.scores if s.sample and s.order is not None}:
        scores = [s for s in record.scores if s.judge == judge and s.order is not None]
        _add_ratings(leads[judge], scores)
    counted = {
        judge: [
            (math.fsum(when_first), math.fsum(when_second))
            for when_first, when_second in by_two.values()
            if when_first and when_second
        ]
        for judge, by_two in leads.items()
    }
    return {judge: _matrix(both) for judge, both in counted.items() if both}


def _matrix(leads: Sequence[tuple[float, float]]) -> OrderMatrix:
    """Of by how much A was ahead where it was shown first, and where B was."""
    counts = [*NO_WINNERS]
    for lead in leads:
        a_first, b_first = (1 - (value > 0) + (value < 0) for value in lead)
        counts[len(WINNERS) * a_first + b_first] += 1
    return OrderMatrix(tuple(counts))


def _add_comparison(leads: Mapping[tuple[str, str], Leads], comparison: Comparison) -> None:
    lead = comparison.probability - 0.5
    if comparison.first_id < comparison.second_id:
        leads[comparison.first_id, comparison.second_id][0].append(lead)
    else:
        leads[comparison.second_id, comparison.first_id][1].append(-lead)


def _add_ratings(leads: Mapping[tuple[str, str], Leads], scores: Sequence[Score]) -> None:
    by_sample: dict[int, dict[str, list[Score]]] = defaultdict(lambda: defaultdict(list))
    for score in scores:
        by_sample[score.sample][score.response_id].append(score)
    for by_response in by_sample.values():
        for first, second in combinations(sorted(by_response), 2):
            means = mean_by_response([*by_response[first], *by_response[second]])
            places = by_response[first][0].order or 0, by_response[second][0].order or 0
            if len(means) == 2 and places[0] != places[1]:
                leads[first, second][places[0] > places[1]].append(means[first] - means[second])


def label_noise(flips: float) -> float:
    """The probability that a label is wrong, from the share of pairs in which the orders have different
    winners (below 0.5).

    Each order counts as a reading of its own that errs with probability e: two differ in 2 e (1 - e) of the
    cases, and the label that both make is wrong with probability e.
    """
    return (1 - math.sqrt(1 - 2 * flips)) / 2
