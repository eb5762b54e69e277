"""Pairs by where responses come from, without any judge: one model or origin over another.
(prefgen/pairers/fixed.py)
"""

from random import Random

from prefgen.pairers.fixed import Fixed
from prefgen.testing import a_record
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
