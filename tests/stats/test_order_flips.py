"""How often a judge names another winner where it is shown two answers the other way round, and what that
says of its labels. (prefgen/stats/order_flips.py)
"""

import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from prefgen.stats.order_flips import OrderMatrix, count_orders, label_noise
from prefgen.testing import a_record
from prefgen.types import Comparison, Pair, Score


def count_order_flips(record):
    """{judge: (two answers that it saw in both orders, in how many of these the winners differ)}"""
    return {judge: (matrix.pairs, matrix.flipped) for judge, matrix in count_orders(record).items()}


def judged_twice(*verdicts):
    """One pair of r0 over r1, compared in both orders: (probability that r0 is better where it is shown
    first, where second).
    """
    record = a_record("Q", "a", "b").replacing(pairs=(Pair(chosen_id="r0", rejected_id="r1", rule="x"),))
    compared = []
    for judge, (first, second) in enumerate(verdicts):
        compared.append(
            Comparison(first_id="r0", second_id="r1", probability=first, judge=f"j{judge}", sample=0)
        )
        compared.append(
            Comparison(first_id="r1", second_id="r0", probability=1 - second, judge=f"j{judge}", sample=1)
        )
    return record.replacing(comparisons=tuple(compared))


def test_a_judge_with_another_winner_in_the_other_order_has_flipped():
    record = judged_twice((0.9, 0.7), (0.9, 0.2), (0.9, 0.5))

    assert count_order_flips(record) == {"j0": (1, 0.0), "j1": (1, 1.0), "j2": (1, 0.5)}


def test_answers_of_which_no_pair_was_made_count_too():
    record = judged_twice((0.9, 0.1), (0.9, 0.8)).replacing(pairs=())

    assert count_order_flips(record) == {"j0": (1, 1.0), "j1": (1, 0.0)}


def test_a_judge_that_always_says_a_flips_in_all_comparisons():
    record = a_record("Q", "a", "b", "c")
    compared = [
        Comparison(first_id=first, second_id=second, probability=1.0, judge="j", sample=sample)
        for a, b in (("r0", "r1"), ("r1", "r2"), ("r0", "r2"))
        for sample, (first, second) in enumerate(((a, b), (b, a)))
    ]

    assert count_order_flips(record.replacing(comparisons=tuple(compared))) == {"j": (3, 3.0)}


def test_ratings_in_two_orders_flip_by_the_mean_over_their_aspects():
    def rated(first, second, sample):
        """Ratings of r0 and r1 on two aspects, in one order (r0 before r1 in order 0)."""
        places = {"r0": sample, "r1": 1 - sample}
        return [
            Score(
                response_id=i,
                aspect=aspect,
                value=value,
                scale=(1, 5),
                judge="j",
                sample=sample,
                order=places[i],
            )
            for i, values in (("r0", first), ("r1", second))
            for aspect, value in zip("xy", values, strict=True)
        ]

    record = judged_twice()
    same = record.replacing(scores=tuple(rated((5, 2), (4, 2), 0) + rated((4, 2), (1, 2), 1)))
    flipped = record.replacing(scores=tuple(rated((5, 2), (4, 2), 0) + rated((4, 2), (4, 3), 1)))
    once = record.replacing(scores=tuple(rated((5, 2), (4, 2), 0)))
    unread = record.replacing(
        scores=tuple(
            rated((5, 2), (4, 2), 0) + [s for s in rated((4, 2), (4, 3), 1) if s.response_id == "r0"]
        )
    )

    assert (count_order_flips(same), count_order_flips(flipped)) == ({"j": (1, 0.0)}, {"j": (1, 1.0)})
    assert count_order_flips(once) == count_order_flips(unread) == {}


@given(st.floats(0, 0.49))
def test_the_noise_of_a_label_is_what_makes_two_orders_differ_that_often(flips):
    noise = label_noise(flips)

    assert 0 <= noise < 0.5
    assert 2 * noise * (1 - noise) == pytest.approx(flips, abs=1e-9)


def shown_in_both_orders(*verdicts):
    """Many records, each of one pair: its probabilities where r0 is first and where r1 is."""
    matrix = OrderMatrix()
    for verdict in verdicts:
        [found] = count_orders(judged_twice(verdict)).values()
        matrix = OrderMatrix(tuple(a + b for a, b in zip(matrix.counts, found.counts, strict=True)))
    return matrix


@pytest.mark.parametrize("a_first", [0.9, 0.5, 0.1])
@pytest.mark.parametrize("b_first", [0.9, 0.5, 0.1])
def test_each_pair_stands_where_its_two_winners_are(a_first, b_first):
    names = {0.9: "A", 0.5: "tie", 0.1: "B"}

    matrix = shown_in_both_orders((a_first, b_first))

    assert matrix.pairs == 1
    assert matrix.count(names[a_first], names[b_first]) == 1
    assert dict(matrix.rows())[names[a_first]][("A", "tie", "B").index(names[b_first])] == 1


def test_the_place_that_a_judge_prefers_is_named():
    first, second = (0.9, 0.1), (0.1, 0.9)  # what is shown first wins, or what is shown second
    fair = shown_in_both_orders(*[(0.9, 0.8)] * 20, *[first] * 3, *[second] * 4)

    assert shown_in_both_orders(*[first] * 9, second).prefers == "first"
    assert shown_in_both_orders(*[second] * 9, first, (0.5, 0.9)).prefers == "second"
    assert (fair.prefers, fair.places(), fair.flipped) == (None, (3, 4), 7)
    assert shown_in_both_orders((0.9, 0.8)).bias() == "the orders never differ"
    assert "it prefers the first place: 9 times an answer did better by being first, 1 times" in (
        shown_in_both_orders(*[first] * 9, second).bias()
    )


@given(st.integers(0, 600), st.integers(0, 600))
def test_a_place_is_preferred_where_a_sign_test_says_so(first, second):
    matrix = OrderMatrix((0, 0, first, 0, 0, 0, second, 0, 0))
    ways = [math.comb(first + second, k) for k in range(first + second + 1)]
    expected = sum(n for n in ways if n <= ways[first]) / sum(ways)  # of fair coins, all that is as rare
    assume(abs(expected - 0.05) > 0.01)  # beyond 1,000 the normal distribution stands for it

    assert (matrix.prefers is not None) == (expected < 0.05)
