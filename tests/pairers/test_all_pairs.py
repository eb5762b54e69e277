"""Every pair of responses whose scores differ enough (InstructGPT's K-wise expansion, arXiv 2203.02155).
(prefgen/pairers/all_pairs.py)
"""

import math
from collections import Counter
from itertools import combinations
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefgen.pairers.all_pairs import AllPairs
from prefgen.testing import a_record
from prefgen.types import Comparison
from tests.support.scoring_and_pairs import sides


def test_all_pairs_weigh_one_prompt_as_one():
    """methods.md 20, golden 9: five responses with one tie give nine pairs of weight 1/9 each."""
    pairs = AllPairs().pair(a_record("Q", *"abcde", scores={"j": [5, 4, 3, 2, 2]}), Random(0))

    assert len(pairs) == 9
    assert math.isclose(sum(p.weight for p in pairs), 1)


@pytest.mark.parametrize("copy", ["Good.", "good.", " Good.\n"])
def test_equal_answers_are_one(copy):
    pairs = AllPairs().pair(a_record("Q", "Good.", copy, "Bad.", scores={"j": [5, 5, 1]}), Random(0))

    assert [(p.chosen_id, p.rejected_id, p.weight) for p in pairs] == [("r0", "r2", 1.0)]


def test_an_answer_whose_copies_are_rated_above_and_below_another_is_not_paired_with_it():
    record = a_record("Q", "Same.", "same.", "Other.", "Worst.", scores={"j": [5, 2, 3, 1]})

    assert set(sides(AllPairs().pair(record, Random(0)))) == {("r0", "r3"), ("r2", "r3")}


@given(st.lists(st.tuples(st.sampled_from("abAB"), st.integers(1, 3)), min_size=2, max_size=6))
def test_of_two_texts_there_is_one_pair_at_most(answers):
    texts = [text for text, _ in answers]
    pairs = AllPairs(ties="keep").pair(
        a_record("Q", *texts, scores={"j": [rating for _, rating in answers]}), Random(0)
    )

    text_of = {f"r{i}": text.casefold() for i, text in enumerate(texts)}
    made = Counter(frozenset((text_of[p.chosen_id], text_of[p.rejected_id])) for p in pairs)
    assert all(len(both) == 2 and count == 1 for both, count in made.items())


def compared(**probabilities):
    """Answers r0, r1 and so on; `r0_r1=0.6` says how likely the first is better."""
    ids = sorted({i for names in probabilities for i in names.split("_")})
    made = []
    for names, probability in probabilities.items():
        first, second = names.split("_")
        made.append(Comparison(first_id=first, second_id=second, probability=probability, judge="pw"))
    return a_record("Q", *(f"answer {i}" for i in ids)).adding(comparisons=made)


def test_the_weights_are_those_of_the_pairs_that_are_left():
    record = compared(r0_r1=0.55, r1_r2=0.45, r0_r2=0.99)

    pairs = AllPairs(score="pw").pair(record, Random(0))

    assert len(pairs) == 2
    assert [p.weight for p in pairs] == [0.5, 0.5]


def test_the_cap_is_drawn_among_the_pairs_that_are_left():
    record = compared(r0_r1=0.55, r1_r2=0.45, r0_r2=0.99)

    for seed in range(20):
        pairs = AllPairs(score="pw", cap=2).pair(record, Random(seed))
        assert [p.weight for p in pairs] == [0.5, 0.5]


@given(st.lists(st.floats(0, 1), min_size=6, max_size=6), st.sampled_from(["drop", "hard", "keep"]))
def test_weights_add_up_to_one_whatever_is_dropped(probabilities, disagreement):
    names = [f"{a}_{b}" for a, b in combinations(["r0", "r1", "r2", "r3"], 2)]
    record = compared(**dict(zip(names, probabilities, strict=True)))

    pairs = AllPairs(score="pw", disagreement=disagreement).pair(record, Random(0))

    assert not pairs or math.isclose(sum(p.weight for p in pairs), 1)
