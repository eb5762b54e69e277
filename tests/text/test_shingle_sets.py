"""Which texts of a set are nearly the same, exactly: by the Jaccard similarity of their word shingles.
(prefgen/text/shingle_sets.py)
"""

import gzip
import json
import re
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefgen.text.near_duplicates import shingle_hashes, shingles, similar_earlier_texts
from prefgen.text.shingle_sets import ShingleSets
from tests.support.near_texts import near_texts, similar_pairs
from tests.support.paths import SHARED


def sets_of(texts):
    sets = ShingleSets()
    for text in texts:
        sets.add(text)
    return sets


def found(texts, threshold=0.8, **options):
    matches = sets_of(texts).earlier_matches(threshold=threshold, **options)
    return {(i, j): similarity for i, earlier in matches for j, similarity in earlier}


def test_all_pairs_that_are_as_alike_are_found_where_minhash_misses_many():
    texts = near_texts(90)
    expected = similar_pairs(texts, 0.6)
    near = [pair for pair, similarity in expected.items() if 0.8 <= similarity < 0.85]
    by_minhash = {
        (i, j) for i, earlier in similar_earlier_texts(map(shingle_hashes, texts)).items() for j in earlier
    }

    assert len(texts) > 400
    for threshold in (0.6, 0.8, 0.9):
        alike = {pair: similarity for pair, similarity in expected.items() if similarity >= threshold}
        assert len(alike) > 20
        assert found(texts, threshold) == alike
    assert 0.3 < sum(pair in by_minhash for pair in near) / len(near) < 0.7


def test_texts_of_one_group_are_not_compared_and_places_are_those_of_the_order():
    texts = near_texts(70)
    order = Random(1).sample(range(len(texts)), 210)
    groups = ["a"] * 90 + ["b"] * 20 + ["c"] * 100
    pairs = similar_pairs([texts[number] for number in order])
    between = {pair: similarity for pair, similarity in pairs.items() if groups[pair[0]] != groups[pair[1]]}

    assert 5 < len(between) < len(pairs)
    assert found(texts, order=order, groups=groups) == between


def test_one_group_alone_no_text_and_one_text_have_no_matches():
    assert found(["the same text of some words"] * 3, groups=["a"] * 3) == {}
    assert found([]) == found(["one"]) == {}


@given(st.lists(st.text("ab .", max_size=12), max_size=12), st.sampled_from([0.3, 0.5, 0.8, 1.0]))
def test_short_texts_are_compared_by_their_characters(texts, threshold):
    sets = [set(shingles(text)) for text in texts]
    expected = {
        (i, j): similarity
        for i in range(len(texts))
        for j in range(i)
        if (similarity := len(sets[i] & sets[j]) / len(sets[i] | sets[j])) >= threshold
    }

    assert found(texts, threshold) == expected


def test_many_texts_of_one_template_are_compared_in_blocks():
    texts = [f"{i} is the number of a text that says the same as all others do here" for i in range(4200)]

    [(place, matches)] = sets_of(texts).earlier_matches(groups=["a"] * 4199 + ["b"])

    assert place == 4199
    assert [j for j, _ in matches] == list(range(4199))


@pytest.mark.skipif(not SHARED.is_dir(), reason="../shared (real prompts) is not on this machine")
def test_all_real_prompts_that_are_nearly_the_same_are_found():
    folder = SHARED / "data"
    with gzip.open(folder / "hh_rlhf" / "harmless-base-test.jsonl.gz", "rt") as file:
        lines = file.read().splitlines()
    texts = [json.loads(line)["chosen"].split("\n\nAssistant:")[0] for line in lines]
    prompts = (folder / "alpaca_eval" / "prompts.jsonl").read_text().splitlines()
    texts += [json.loads(line)["prompt"] for line in prompts]
    texts = list(dict.fromkeys(" ".join(text.lower().split()) for text in texts))
    texts = [text for text in texts if text.isascii() and len(re.findall(r"\w+|[^\w\s]", text)) > 4]
    assert len(texts) > 2000
    texts = texts[::2]
    expected = similar_pairs(texts, 0.5)

    assert len(expected) > 3
    assert found(texts, 0.5) == expected
