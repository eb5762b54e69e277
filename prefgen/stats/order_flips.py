"""How often a judge names another winner where it is shown two answers the other way round, and what that
says of its labels.
"""

import math

from prefgen.stats.scoring import mean_by_response
from prefgen.types import Record, Score


def leads_by_order(record: Record, judge: str, first: str, second: str) -> tuple[float, float] | None:
    """By how much `first` is ahead of `second` where it was shown before it, and where after; None unless a
    judge saw both orders.
    """
    leads_when_first = [
        c.probability - 0.5
        for c in record.comparisons
        if c.judge == judge and (c.first_id, c.second_id) == (first, second)
    ]
    leads_when_second = [
        0.5 - c.probability
        for c in record.comparisons
        if c.judge == judge and (c.first_id, c.second_id) == (second, first)
    ]
    scores_by_sample: dict[int, dict[str, list[Score]]] = {}
    for score in record.scores:
        if score.judge == judge and score.order is not None and score.response_id in (first, second):
            scores_by_sample.setdefault(score.sample, {}).setdefault(score.response_id, []).append(score)
    for scores_by_response in scores_by_sample.values():
        means = mean_by_response([score for scores in scores_by_response.values() for score in scores])
        if (
            len(means) == 2
            and (
                orders := (scores_by_response[first][0].order or 0, scores_by_response[second][0].order or 0)
            )[0]
            != orders[1]
        ):
            (leads_when_first if orders[0] < orders[1] else leads_when_second).append(
                means[first] - means[second]
            )
    return (
        (math.fsum(leads_when_first), math.fsum(leads_when_second))
        if leads_when_first and leads_when_second
        else None
    )


def count_order_flips(record: Record) -> dict[str, tuple[int, float]]:
    """{judge: (pairs of the record that it saw in both orders, in how many the other order had another
    winner)}; a tie counts as half.
    """
    flips: dict[str, tuple[int, float]] = {}
    for judge in {s.judge for s in record.scores if s.sample and s.order is not None} | {
        c.judge for c in record.comparisons
    }:
        pair_leads = [
            lead
            for pair in record.pairs
            if (lead := leads_by_order(record, judge, pair.chosen_id, pair.rejected_id))
        ]
        if pair_leads:
            flips[judge] = (
                len(pair_leads),
                sum(
                    0.5
                    if first_lead == 0 or second_lead == 0
                    else float((first_lead > 0) != (second_lead > 0))
                    for first_lead, second_lead in pair_leads
                ),
            )
    return flips


def label_noise(flips: float) -> float:
    """The probability that a label is wrong, from the share of pairs in which the orders have different
    winners (below 0.5).

    Each order counts as a reading of its own that errs with probability e: two differ in 2 e (1 - e) of the
    cases, and the label that both make is wrong with probability e.
    """
    return (1 - math.sqrt(1 - 2 * flips)) / 2
