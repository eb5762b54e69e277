"""Several judges as one: their scores of an earlier stage by mean, median, Borda count, or by the pairwise
majority and its Bradley-Terry strengths. (prefgen/judges/jury.py)
"""

from random import Random

import pytest
from pydantic import ValidationError

from prefgen.judges.jury import Jury, borda, majority
from prefgen.pairers.all_pairs import AllPairs
from prefgen.pairers.hard_negative import HardNegative
from prefgen.stats.scoring import UNBOUNDED, judge_scores, probability_of
from prefgen.testing import a_record
from prefgen.types import Comparison, Flag, Score
from tests.support.compared import compare_all, of_qualities
from tests.support.panel_judges import scores, verdicts
from tests.support.scoring_and_pairs import sides


def a_panel(**ratings):
    """Three answers, rated by each judge on 1 to 5; None where a judge has no score."""
    record = a_record("Q", "x", "y", "z")
    made = [
        Score(response_id=f"r{i}", aspect="a", value=value, scale=(1, 5), judge=name)
        for name, values in ratings.items()
        for i, value in enumerate(values)
    ]
    return record.adding(scores=made)


async def test_scores_are_brought_to_one_scale_and_joined():
    record = a_panel(a=[5, 3, 1], b=[5, 1, 1], c=[1, 5, 3])

    assert scores(await verdicts(Jury(of=("a", "b", "c")), record)) == pytest.approx(
        {"r0": 2 / 3, "r1": 0.5, "r2": 1 / 6}
    )
    assert scores(await verdicts(Jury(of=("a", "b", "c"), by="median"), record)) == {
        "r0": 1.0,
        "r1": 0.5,
        "r2": 0.0,
    }
    assert scores(await verdicts(Jury(of=("a", "b", "c"), by="borda"), record)) == pytest.approx(
        {"r0": 2 / 3, "r1": 1.75 / 3, "r2": 0.75 / 3}
    )
    weighed = scores(await verdicts(Jury(of=("a", "b", "c"), weights={"c": 2}), record))
    assert weighed["r1"] == pytest.approx((0.5 + 0 + 2 * 1.0) / 4)


async def test_a_response_with_too_few_judges_has_no_score():
    record = a_panel(a=[5, 3, 1], b=[5, None, 1])

    assert scores(await verdicts(Jury(of=("a", "b")), record))["r1"] is None
    assert scores(await verdicts(Jury(of=("a", "b"), quorum=1), record))["r1"] == 0.5


async def test_the_disagreement_of_the_judges_is_kept():
    [first, *_] = [
        v
        for v in await verdicts(Jury(of=("a", "b")), a_panel(a=[5, 3, 1], b=[1, 3, 1]))
        if isinstance(v, Score)
    ]

    assert first.rationale == "2 judges, disagreement 0.500"


async def test_a_majority_compares_and_strengths_have_intervals():
    record = a_panel(a=[5, 3, 1], b=[5, 1, 1], c=[1, 5, 3])

    compared = await verdicts(Jury(of=("a", "b", "c"), by="majority"), record)
    strong = await verdicts(Jury(of=("a", "b", "c"), by="bradley_terry"), record)

    assert probability_of([c for c in compared if isinstance(c, Comparison)], "r0", "r1") == pytest.approx(
        2 / 3
    )
    found = scores(strong)
    assert found["r0"] > found["r1"] > found["r2"]
    assert all("95 % interval" in v.rationale for v in strong)
    assert strong == await verdicts(Jury(of=("a", "b", "c"), by="bradley_terry"), record)


async def test_a_veto_flags():
    found = await verdicts(Jury(of=("a", "b"), veto={"b": 2}), a_panel(a=[5, 3, 1], b=[5, 1, 3]))

    assert [(f.target_id, f.rule) for f in found if isinstance(f, Flag)] == [("r1", "veto:b")]


def test_a_jury_knows_its_members():
    for wrong in ({"of": ("a",)}, {"of": ("a", "b"), "weights": {"c": 1}}, {"of": ("a", "b"), "quorum": 3}):
        with pytest.raises(ValidationError):
            Jury(**wrong)


def test_equals_count_half():
    assert borda({"x": 1, "y": 1, "z": 0}, "x", ["x", "y", "z"]) == 0.75
    assert majority({"j": {"x": 1, "y": 1}}, ["x", "y"], {})[0].probability == 0.5


@pytest.mark.parametrize("by", ["mean", "median", "borda", "majority", "bradley_terry"])
async def test_answers_are_compared_on_the_judges_that_rated_both(by):
    """A harsh judge whose reply was lost must not lift the answer that it was about."""
    record = a_panel(kind=[5, 5, 3], mild=[4, 4, 2], harsh=[None, 1, 1])
    judge = Jury(of=("kind", "mild", "harsh"), by=by, quorum=2)

    found = await verdicts(judge, record)
    judged = record.adding(
        scores=[v.replacing(judge="jury") for v in found if isinstance(v, Score)],
        comparisons=[v.replacing(judge="jury") for v in found if isinstance(v, Comparison)],
    )
    values, _ = judge_scores(judged, "jury")

    assert values["r0"] == pytest.approx(values["r1"])
    assert values["r0"] > values["r2"] < values["r1"]


async def test_of_too_few_judges_in_common_the_answer_that_stands_apart_goes():
    record = a_panel(a=[5, 3, None], b=[5, 1, 1], c=[None, None, 1])

    found = scores(await verdicts(Jury(of=("a", "b", "c"), quorum=2), record))

    assert found == {"r0": 1.0, "r1": 0.25, "r2": None}


async def test_disagreement_is_a_score_of_its_own_and_no_part_of_the_mean():
    record = a_panel(a=[5, 3, 1], b=[1, 3, 1])

    found = [v.replacing(judge="jury") for v in await verdicts(Jury(of=("a", "b")), record)]
    judged = record.adding(scores=found)

    assert judge_scores(judged, "jury")[0] == {"r0": 0.5, "r1": 0.5, "r2": 0.0}
    assert judge_scores(judged, "jury.disagreement")[0] == {"r0": 0.5, "r1": 0.0, "r2": 0.0}


async def with_panel(record, jury):
    found = await verdicts(jury, record)
    return record.adding(
        scores=[v.replacing(judge="panel") for v in found if isinstance(v, Score)],
        comparisons=[v.replacing(judge="panel") for v in found if isinstance(v, Comparison)],
    )


EVERY_WAY = ["mean", "median", "borda", "majority", "bradley_terry"]
LOST = [("r3", "r0"), ("r3", "r1")]


@pytest.mark.parametrize("by", EVERY_WAY)
@pytest.mark.parametrize(("lost_by_b", "quorum"), [(LOST, None), ([], None), ([], 1)])
@pytest.mark.parametrize("untied", [True, False])
async def test_a_member_has_no_vote_on_a_pair_that_it_never_compared(by, lost_by_b, quorum, untied):
    """The best answer is r3, and what would say so was lost: by both judges, or by one of them."""
    record, qualities = of_qualities(4, 2, 1, 5)
    record = compare_all(record, qualities, judge="a", lost=LOST, untied=untied)
    record = compare_all(record, qualities, judge="b", lost=lost_by_b, untied=untied)

    judged = await with_panel(record, Jury(of=("a", "b"), by=by, quorum=quorum))

    for pairer in (
        HardNegative(score="panel"),
        AllPairs(score="panel"),
        AllPairs(score="panel", ties="keep"),
    ):
        for pair in pairer.pair(judged, Random(0)):
            assert qualities[pair.chosen_id] > qualities[pair.rejected_id]
    if quorum == 1:
        assert sides(HardNegative(score="panel").pair(judged, Random(0))) == [("r3", "r0")]


async def test_a_majority_counts_the_votes_on_each_pair():
    record, qualities = of_qualities(4, 2, 1, 5)
    record = compare_all(record, qualities, judge="a", lost=LOST)
    record = compare_all(record, qualities, judge="b")

    for quorum, pairs in ((2, 4), (1, 6)):
        judged = await with_panel(record, Jury(of=("a", "b"), by="majority", quorum=quorum))
        compared = [c for c in judged.comparisons if c.judge == "panel"]
        assert len(compared) == pairs
        assert all(c.probability == float(qualities[c.first_id] > qualities[c.second_id]) for c in compared)


@pytest.mark.parametrize("by", EVERY_WAY)
@pytest.mark.parametrize("rewards", [(50, 40), (-40, -50), (900, 899), (0.02, 0.01), (40, -40)])
async def test_large_rewards_are_no_ties(by, rewards):
    record = a_record("Q", "better", "worse")
    record = record.adding(
        scores=[
            Score(response_id=f"r{i}", aspect="reward", value=value, scale=UNBOUNDED, judge=judge)
            for judge in ("a", "b")
            for i, value in enumerate(rewards)
        ]
    )

    judged = await with_panel(record, Jury(of=("a", "b"), by=by))

    assert sides(HardNegative(score="panel").pair(judged, Random(0))) == [("r0", "r1")]
