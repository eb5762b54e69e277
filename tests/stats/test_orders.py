"""Which of two answers is ahead by comparisons, and whether that is known at all.
(prefgen/stats/orders.py)
"""

from itertools import combinations, permutations
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefgen.pairers.all_pairs import AllPairs
from prefgen.pairers.best_vs_random import BestVsRandom
from prefgen.pairers.best_vs_worst import BestVsWorst
from prefgen.pairers.fixed import Fixed
from prefgen.pairers.hard_negative import HardNegative
from prefgen.pairers.length_tier import LengthTier
from prefgen.stats.orders import KnownOrders
from prefgen.stats.scoring import ScoreSpec
from prefgen.types import Comparison
from tests.support.compared import compare_all, of_qualities, play, verdict
from tests.support.scoring_and_pairs import sides

MODELS = tuple(f"model-{i}" for i in range(6))
PAIRERS = [
    AllPairs(score="pw"),
    AllPairs(score="pw", labels="hard"),
    AllPairs(score="pw", ties="keep"),
    BestVsRandom(score="pw"),
    BestVsWorst(score="pw"),
    HardNegative(score="pw"),
    LengthTier(score="pw", rho=0.4),
    Fixed(chosen={"model": MODELS}, rejected={"model": MODELS}, all=True, score="pw"),
]


def inverted(record, qualities):
    """The pairs that any pairer makes of an answer over a better one, or calls a tie that is none."""
    return [
        (pairer.name, pair)
        for pairer in PAIRERS
        for pair in pairer.pair(record, Random(0))
        if qualities[pair.chosen_id] < qualities[pair.rejected_id]
        or pair.tie != (qualities[pair.chosen_id] == qualities[pair.rejected_id])
    ]


@pytest.mark.parametrize("unread", [("r0", "r3"), ("r1", "r3"), ("r0", "r2"), ("r1", "r2")])
def test_a_tie_for_want_of_an_order_decides_nothing_between_others(unread):
    record, qualities = of_qualities(3, 3, 2, 1)
    record = compare_all(record, qualities, lost=[("r0", "r3"), ("r1", "r3")])
    before = sides(AllPairs(score="pw").pair(record, Random(0)))
    tie = Comparison(first_id=unread[0], second_id=unread[1], probability=0.5, aspect="x", judge="pw")
    record = record.adding(comparisons=[tie.replacing(method="one_order")])

    assert sides(AllPairs(score="pw").pair(record, Random(0))) == before
    assert {("r0", "r1"), ("r1", "r0")}.isdisjoint(before)


@pytest.mark.parametrize("untied", [True, False])
def test_an_answer_whose_comparisons_were_lost_is_not_paired_as_a_worse_one(untied):
    record, qualities = of_qualities(4, 2, 1, 5)
    record = compare_all(record, qualities, lost=[("r3", "r0"), ("r3", "r1")], untied=untied)

    assert not inverted(record, qualities)
    assert sides(HardNegative(score="pw").pair(record, Random(0))) == [("r0", "r1")]
    made = set(sides(AllPairs(score="pw").pair(record, Random(0))))
    assert made == {("r0", "r1"), ("r0", "r2"), ("r1", "r2"), ("r3", "r2")}
    best = Fixed(chosen={"model": ("model-0",)}, rejected={"model": ("model-3",)}, score="pw")
    assert not best.pair(record, Random(0))


def test_a_chain_of_wins_orders_two_that_never_met():
    record, qualities = of_qualities(3, 2, 1)
    record = compare_all(record, qualities, lost=[("r0", "r2")])

    assert sides(BestVsWorst(score="pw").pair(record, Random(0))) == [("r0", "r2")]


@pytest.mark.parametrize("turned", [("r1", "r0"), ("r2", "r1")])
def test_a_chain_that_another_comparison_turns_round_orders_nobody(turned):
    record, qualities = of_qualities(3, 2, 1)
    record = compare_all(record, qualities, lost=[("r0", "r2")])
    other_way = Comparison(first_id=turned[0], second_id=turned[1], probability=0.6, aspect="x", judge="pw")

    assert not BestVsWorst(score="pw").pair(record.adding(comparisons=[other_way]), Random(0))


def test_of_a_knockout_those_are_paired_that_met_and_those_below_whom_they_beat():
    record, qualities = of_qualities(1, 2, 4, 5)
    record = play(record, qualities, ["r0", "r3", "r1", "r2"], knockout=True)

    made = set(sides(AllPairs(score="pw").pair(record, Random(0))))

    assert made == {("r3", "r0"), ("r2", "r1"), ("r3", "r2"), ("r3", "r1")}
    assert not inverted(record, qualities)


@pytest.mark.parametrize("entrants", list(permutations(["r0", "r1", "r2", "r3"])))
@pytest.mark.parametrize("knockout", [True, False])
def test_a_lost_comparison_of_a_tournament_turns_no_pair_round(entrants, knockout):
    record, qualities = of_qualities(1, 2, 4, 5)

    for lost in [set(), *map(set, combinations(["r0", "r1", "r2", "r3"], 2))]:
        played = play(
            record, qualities, entrants, knockout=knockout, is_lost=lambda a, b, lost=lost: {a, b} == lost
        )
        assert not inverted(played, qualities)


@given(
    st.permutations(range(5)),
    st.sets(st.sampled_from(list(combinations(["r0", "r1", "r2", "r3", "r4"], 2)))),
)
def test_a_pair_is_made_only_where_every_ranking_has_that_order(numbers, compared):
    """By brute force: of all rankings that agree with the comparisons, each puts the chosen side first."""
    record, qualities = of_qualities(*numbers)
    record = record.adding(comparisons=[verdict(qualities, a, b) for a, b in sorted(compared)])
    rankings = [
        ranking
        for ranking in permutations(qualities)
        if all((qualities[a] > qualities[b]) == (ranking.index(a) < ranking.index(b)) for a, b in compared)
    ]

    for pairer in PAIRERS:
        for pair in pairer.pair(record, Random(0)):
            assert all(r.index(pair.chosen_id) < r.index(pair.rejected_id) for r in rankings)


@given(st.lists(st.floats(0, 1), min_size=12, max_size=12))
def test_of_a_complete_schedule_every_order_is_known(probabilities):
    record, _ = of_qualities(1, 2, 3, 4)
    both_ways = list(permutations(["r0", "r1", "r2", "r3"], 2))
    record = record.adding(
        comparisons=[
            Comparison(first_id=a, second_id=b, probability=p, aspect="x", judge="pw")
            for (a, b), p in zip(both_ways, probabilities, strict=True)
        ]
    )
    orders = KnownOrders(record, ScoreSpec(mean=("pw",)))

    assert all(orders.knows(a, b) for a, b in both_ways)


def test_every_judge_of_a_score_must_know_the_order():
    record, qualities = of_qualities(4, 2, 1, 5)
    whole = compare_all(record, qualities, judge="whole")
    both = compare_all(whole, qualities, lost=[("r0", "r3")], judge="pw")

    assert KnownOrders(both, ScoreSpec(mean=("whole",))).knows("r0", "r3")
    assert not KnownOrders(both, ScoreSpec(mean=("whole", "pw"))).knows("r0", "r3")
    assert KnownOrders(both, ScoreSpec(mean=("whole", "pw"))).knows("r1", "r3")


@pytest.mark.parametrize("pairer", [BestVsWorst, HardNegative, AllPairs])
def test_a_missing_comparison_is_told_as_such_and_not_as_a_low_margin(pairer):
    record, qualities = of_qualities(4, 2, 1, 5)
    record = record.adding(comparisons=[verdict(qualities, "r3", "r0"), verdict(qualities, "r1", "r2")])
    record = record.replacing(responses=(record.responses[3], record.responses[2]))

    assert not pairer(score="pw").pair(record, Random(0))
    assert pairer(score="pw").explain(record) == "too_few_scored"
