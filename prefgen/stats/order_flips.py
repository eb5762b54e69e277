"""How often a judge names another winner where it is shown two answers the other way round, and what that
says of its labels.
"""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import combinations

from prefgen.stats.scoring import mean_by_response
from prefgen.types import Comparison, Record, Score

Leads = tuple[list[float], list[float]]
"""By how much one of two answers was ahead where it was shown first, and where second."""


def count_order_flips(record: Record) -> dict[str, tuple[int, float]]:
    """{judge: (two answers that it saw in both orders, in how many of these the other order had another
    winner)}; a tie counts as half. All that were judged count: of those in which the orders differ no pair
    may have been made.
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
    return {judge: (len(both), sum(map(_flip, both))) for judge, both in counted.items() if both}


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


def _flip(leads: tuple[float, float]) -> float:
    when_first, when_second = leads
    return 0.5 if when_first == 0 or when_second == 0 else float((when_first > 0) != (when_second > 0))


def label_noise(flips: float) -> float:
    """The probability that a label is wrong, from the share of pairs in which the orders have different
    winners (below 0.5).

    Each order counts as a reading of its own that errs with probability e: two differ in 2 e (1 - e) of the
    cases, and the label that both make is wrong with probability e.
    """
    return (1 - math.sqrt(1 - 2 * flips)) / 2
