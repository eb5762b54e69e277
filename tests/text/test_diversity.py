"""How varied a set of prompts is, by measures that need no model. Cosines are those of hashed n-grams: of
wording and topic, not of meaning. (prefgen/text/diversity.py)
"""

import math

import numpy as np
import pytest

from prefgen.text.diversity import (
    distinct,
    diversity_measures,
    entropy,
    near_duplicate_share,
    self_bleu,
    two_sample_auc,
    vendi,
)


def test_distinct_n_counts_different_runs():
    assert distinct([["a", "b", "a", "b"]], 2) == pytest.approx(2 / 3)
    assert distinct([["a"]], 2) is None


def test_self_bleu_is_one_for_copies_and_nought_for_strangers():
    words = ["one", "two", "three", "four", "five", "six"]

    assert self_bleu([words, list(words), list(words)]) == pytest.approx(1.0)
    assert self_bleu([words, ["a", "b", "c", "d", "e", "f"]]) == 0.0
    assert self_bleu([words]) is None


def test_self_bleu_of_two_texts_by_hand():
    one, other = ["a", "b", "c", "d", "e"], ["a", "b", "c", "d", "x"]
    by_hand = math.exp(sum(math.log(p) for p in (4 / 5, 3 / 4, 2 / 3, 1 / 2)) / 4)

    assert self_bleu([one, other]) == pytest.approx(by_hand)


def test_vendi_counts_the_different_ones():
    assert vendi(np.eye(7, 16)) == pytest.approx(7)
    assert vendi(np.repeat(np.eye(2, 16), 5, axis=0)) == pytest.approx(2)
    assert vendi(np.zeros((0, 4))) is None


def test_entropy_is_in_bits():
    assert entropy(["a", "a", "b", "b"]) == pytest.approx(1)
    assert entropy([]) is None


def test_near_duplicates_are_a_part():
    text = "Explain how a tide clock works and why it needs to be set again every few weeks"
    assert near_duplicate_share([text, text + ".", "Bake bread at home today."]) == pytest.approx(1 / 3)


def test_two_sets_of_one_kind_cannot_be_told_apart():
    rng = np.random.default_rng(0)
    same = two_sample_auc(rng.standard_normal((400, 8)), rng.standard_normal((400, 8)))
    other = two_sample_auc(rng.standard_normal((400, 8)), rng.standard_normal((400, 8)) + 2)

    assert 0.4 < same < 0.6
    assert other > 0.95


def test_a_set_that_says_one_thing_is_less_varied_by_every_measure():
    one = [(f"How do tides work in the river {i}?", "c") for i in range(60)]
    many = [
        (f"{a} {b} {c}?", a)
        for a in ("Bake", "Paint", "Sell", "Mend")
        for b in ("bread", "boats", "maps")
        for c in ("slowly", "alone", "at night", "in winter", "twice")
    ]

    alike, varied = (diversity_measures(pairs) for pairs in (one, many))

    for less in ("self_bleu", "pairwise_cosine", "nearest_cosine"):
        assert alike[less][0] > varied[less][0], less
    for more in ("vendi", "category_entropy"):
        assert alike[more][0] < varied[more][0], more


def test_nothing_and_one_are_measured_too():
    assert diversity_measures([])["prompts"][0] == 0
    assert diversity_measures([("One?", None)])["vendi"][0] == pytest.approx(1)
    assert diversity_measures([])["self_bleu"][0] is None


def test_grounded_topics_and_nearness_to_a_reference_set():
    texts = [f"{word} number {i}" for word in ("apples", "rivers", "violins", "planets") for i in range(10)]

    found = diversity_measures([(t, None) for t in texts], texts[:5], grounded=[True] * 10 + [False] * 30)

    assert found["grounded"][0] == 0.25
    assert 1.5 < found["topic_entropy"][0] <= math.log2(20)
    assert found["reference_rouge_l"][0] == pytest.approx(5 / 40 + 35 / 40 * 0.5, abs=0.35)
    assert diversity_measures([(texts[0], None)], texts[:1])["reference_rouge_l"][0] == 1
