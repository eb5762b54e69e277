"""Pairs by where responses come from, without any judge: one model or origin over another.
(prefgen/pairers/fixed.py)
"""

from random import Random

import pytest

from prefgen.pairers.fixed import Fixed
from prefgen.testing import a_record
from prefgen.types import Comparison
from tests.support.constitutions import by_group, plural
from tests.support.scoring_and_pairs import of_lengths


async def test_no_pair_mixes_them_where_no_score_is_looked_at(tmp_path, server):
    from prefgen.dataset.read_run import read_pairs
    from tests.support.recipes import run

    server.script = by_group
    recipe = plural(server.url, "values.care")
    recipe["stages"][2] = {"pair": {"use": "fixed", "chosen": {"model": ["a"]}, "rejected": {"model": ["b"]}}}

    await run(recipe, tmp_path / "out")

    assert [row["chosen_probability"] for row in read_pairs(tmp_path / "out")] == [None]


def test_fixed_sides_need_no_judge_and_can_want_one():
    record = of_lengths(10, 20, 30, scores=[2, 3, 5])
    strong_over_weak = {"chosen": {"model": ("model-0",)}, "rejected": {"model": ("model-1", "model-2")}}

    [pair] = Fixed(**strong_over_weak).pair(record, Random(0))
    every = Fixed(**strong_over_weak, all=True).pair(record, Random(0))
    better = Fixed(
        chosen={"model": ("model-2",)}, rejected={"model": ("model-0",)}, score="j", min_margin=2
    ).pair(record, Random(0))
    worse = Fixed(**strong_over_weak, score="j").pair(record, Random(0))

    assert (pair.chosen_id, pair.rejected_id, pair.chosen_score) == ("r0", "r1", None)
    assert [p.weight for p in every] == [0.5, 0.5]
    assert better[0].margin == 3
    assert not worse
    assert (
        Fixed(chosen={"origin": ("improved",)}, rejected={"origin": ("sampled",)}).explain(record)
        == "no_chosen_side"
    )


def test_equal_answers_make_one_pair():
    record = a_record("Q", "Good.", "good.", "Bad.")
    fixed = Fixed(chosen={"model": ("model-0", "model-1")}, rejected={"model": ("model-2",)}, all=True)

    [pair] = fixed.pair(record, Random(0))

    assert (pair.chosen_id, pair.rejected_id, pair.weight) == ("r0", "r2", 1.0)


def preferring(*probabilities):
    """Two answers, and how likely a judge says that the first is better."""
    return a_record("Q", "One.", "Two.").adding(
        comparisons=[
            Comparison(first_id="r0", second_id="r1", probability=p, judge="pw") for p in probabilities
        ]
    )


@pytest.mark.parametrize(
    ("record", "fields", "reason"),
    [
        (a_record("Q", "Same.", "same."), {}, "same_text"),
        (preferring(0.2), {}, "disagreement"),
        (preferring(), {"score": "pw"}, "too_few_scored"),
        (preferring(0.2), {"score": "pw"}, "margin"),
        (preferring(0.6), {"score": "pw", "min_margin": 0.9}, "margin"),
        (a_record("Q", "One.", "Two.", scores={"pw": [2, 5]}), {"score": "pw"}, "margin"),
        (a_record("Q", "One.", "Two.", scores={"pw": [5, 2]}), {"score": "other"}, "too_few_scored"),
    ],
)
def test_what_is_missing_or_disputed_is_not_told_as_low(record, fields, reason):
    fixed = Fixed(chosen={"model": ("model-0",)}, rejected={"model": ("model-1",)}, **fields)

    assert not fixed.pair(record, Random(0))
    assert fixed.explain(record) == reason


def test_a_comparison_that_was_lost_of_several_is_told_as_missing():
    record = a_record("Q", "One.", "Two.", "Three.").adding(
        comparisons=[
            Comparison(first_id=i, second_id="r2", probability=p, judge="pw")
            for i, p in (("r0", 0.2), ("r1", 0.3))
        ]
    )
    fixed = Fixed(chosen={"model": ("model-0",)}, rejected={"model": ("model-1",)}, score="pw")

    assert not fixed.pair(record, Random(0))
    assert fixed.explain(record) == "too_few_scored"
