"""What every pairer shares: which responses may be paired, their scores, and the policy for ties and margins.
(prefgen/kit/pairing.py)
"""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefgen.dataset.read_run import read_pairs, read_records
from prefgen.pairers.all_pairs import AllPairs
from prefgen.pairers.best_vs_random import BestVsRandom
from prefgen.pairers.best_vs_worst import BestVsWorst
from prefgen.pairers.fixed import Fixed
from prefgen.pairers.hard_negative import HardNegative
from prefgen.pairers.length_tier import LengthTier
from prefgen.stats.calibration import Calibration
from prefgen.testing import a_record, contract_of_pairer
from prefgen.types import Comparison, Flag
from tests.support.recipes import a_recipe, run
from tests.support.scoring_and_pairs import of_lengths, sides
from tests.support.server import answer, by_content


async def test_a_revision_that_the_token_limit_cut_is_not_paired(tmp_path, server):
    def cut(body, attempt):
        if "Now improve the reply" in str(body["messages"][-1]["content"]):
            return answer("A better ans", body, finish_reason="length")
        return by_content(body, attempt)

    server.script = cut
    recipe = a_recipe(url=server.url, n=1)
    recipe["stages"] = [
        *recipe["stages"][:2],
        {"revise": {"use": "improve", "model": "writer"}},
        {"pair": {"use": "revised_over_original"}},
    ]

    await run(recipe, tmp_path / "out")

    assert list(read_pairs(tmp_path / "out")) == []
    revised = [r for record in read_records(tmp_path / "out") for r in record.responses if r.parent_id]
    assert {(r.finish_reason, r.sampling["temperature"]) for r in revised} == {("length", 0.7)}


PAIRERS = [
    BestVsWorst(),
    BestVsRandom(),
    AllPairs(),
    AllPairs(cap=2),
    BestVsWorst(ties="keep"),
    AllPairs(ties="keep"),
]


def test_one_scored_response_makes_no_pair():
    record = a_record("Q", "a", "b", scores={"j": [3, 5]})
    record = record.replacing(scores=record.scores[:1])

    assert BestVsWorst().pair(record, Random(0)) == ()
    assert BestVsWorst().explain(record) == "too_few_scored"


def test_equal_scores_make_no_pair_unless_ties_are_kept_and_then_they_say_so():
    record = a_record("Q", "a", "b", scores={"j": [4, 4]})

    assert BestVsWorst().pair(record, Random(0)) == ()
    assert BestVsWorst().explain(record) == "tie"
    [pair] = BestVsWorst(ties="keep").pair(record, Random(0))
    assert pair.tie
    assert pair.weight == 0.5


def test_equal_texts_make_no_pair_whatever_their_scores():
    record = a_record("Q", "Same  text", "same text", scores={"j": [5, 1]})

    assert BestVsWorst().pair(record, Random(0)) == ()
    assert BestVsWorst().explain(record) == "same_text"


def test_a_flagged_response_is_skipped():
    record = a_record("Q", "a", "b", "c", scores={"j": [5, 3, 1]}).adding(
        flags=[Flag(target_id="r0", rule="guard")]
    )

    assert sides(BestVsWorst().pair(record, Random(0))) == [("r1", "r2")]


def test_an_answer_that_was_cut_off_is_not_paired_unless_allowed():
    record = a_record("Q", "a", "b", "c", scores={"j": [5, 3, 1]})
    cut = record.replacing(
        responses=(record.responses[0].replacing(finish_reason="length"), *record.responses[1:])
    )

    assert sides(BestVsWorst().pair(cut, Random(0))) == [("r1", "r2")]
    assert sides(BestVsWorst(length_cut="keep").pair(cut, Random(0))) == [("r0", "r2")]


@given(st.lists(st.integers(1, 5), min_size=0, max_size=6), st.integers(0, 10_000))
def test_every_pairer_keeps_the_invariants(values, seed):
    record = a_record("Q", *(f"answer {i % 4}" for i in range(len(values))), scores={"j": values})

    for pairer in PAIRERS:
        for pair in contract_of_pairer(pairer, record):
            assert pair.chosen_score >= pair.rejected_score
            assert pair.margin == pair.chosen_score - pair.rejected_score
            assert pair.tie == (pair.chosen_score == pair.rejected_score)


def test_comparisons_give_a_pair_its_probability_unless_labels_are_hard():

    compared = [
        Comparison(first_id="r0", second_id="r1", probability=0.9, judge="p"),
        Comparison(first_id="r1", second_id="r0", probability=0.8, judge="p"),
    ]
    record = a_record("Q", "x", "y").adding(comparisons=compared)

    [soft] = BestVsWorst(score="p").pair(record, Random(0))
    [hard] = BestVsWorst(score="p", labels="hard").pair(record, Random(0))

    assert (soft.chosen_id, soft.chosen_probability) == ("r0", pytest.approx(0.55))
    assert hard.chosen_probability is None


BY_SCORE = [BestVsWorst(), AllPairs(), HardNegative(min_margin=0.5), LengthTier(rho=0.2)]


RATINGS = st.lists(st.integers(1, 5), min_size=2, max_size=6)


@given(RATINGS, st.randoms(use_true_random=False))
def test_the_order_of_the_responses_changes_no_pair_of_the_others_either(ratings, rng):
    record = a_record("Q", *(f"answer {'x' * (i + 1)}" for i in range(len(ratings))), scores={"j": ratings})
    shuffled = list(record.responses)
    rng.shuffle(shuffled)
    other = record.replacing(responses=tuple(shuffled))

    for pairer in BY_SCORE:
        assert sorted(sides(pairer.pair(record, Random(0)))) == sorted(sides(pairer.pair(other, Random(0))))


@given(
    RATINGS,
    st.lists(
        st.sampled_from(["Same words.", "same  WORDS.", "Other words.", "", "  "]), min_size=6, max_size=6
    ),
)
def test_no_pairer_makes_a_pair_that_integrity_forbids(ratings, texts):
    """Never two equal texts, an empty side, a flagged one, or a chosen side that scores lower."""
    record = a_record("Q", *texts[: len(ratings)], scores={"j": ratings})
    flagged = record.adding(flags=[Flag(target_id="r0", rule="x")])

    for pairer in (
        *PAIRERS,
        *BY_SCORE,
        Fixed(chosen={"model": ("model-0", "model-1")}, rejected={"model": ("model-1",)}, all=True),
    ):
        for seen in (record, flagged):
            by_id = {r.id: r for r in seen.responses}
            for pair in contract_of_pairer(pairer, seen):
                chosen, rejected = by_id[pair.chosen_id].text, by_id[pair.rejected_id].text
                assert chosen.strip()
                assert rejected.strip()
                assert " ".join(chosen.split()).casefold() != " ".join(rejected.split()).casefold()
                assert pair.chosen_score is None or pair.chosen_score >= pair.rejected_score


def test_scores_that_differ_by_rounding_are_a_tie_everywhere():
    record = of_lengths(10, 20, scores=[3 + 4e-16 * 8, 3])

    for pairer in (LengthTier(rho=0.4, ties="keep"), BestVsWorst(ties="keep"), AllPairs(ties="keep")):
        [pair] = pairer.pair(record, Random(0))
        assert (pair.tie, pair.margin, pair.chosen_score) == (True, 0, pair.rejected_score)


def test_a_veto_decides_who_is_left_and_not_how_likely_the_pair_is():
    record = a_record("Q", "one", "two", scores={"o": [5, 2]})
    record = record.adding(
        comparisons=[Comparison(first_id="r0", second_id="r1", probability=0.4, judge="v", aspect="care")]
    )

    [pair] = BestVsWorst(score={"mean": ["o"], "veto": {"v.care": 0.1}}).pair(record, Random(0))

    assert (pair.chosen_id, pair.chosen_probability) == ("r0", None)


def disputed(scores, *probabilities):
    """Two answers with the scores of `quality`, and comparisons of the first with the second."""
    compared = [
        Comparison(first_id="r0", second_id="r1", probability=p, judge="preference") for p in probabilities
    ]
    return a_record("Q", "a", "b", scores={"quality": scores}).adding(comparisons=compared)


BOTH = {"mean": ["quality", "preference"]}


@pytest.mark.parametrize("pairer", [BestVsWorst, BestVsRandom, AllPairs, HardNegative])
def test_a_pair_that_its_own_label_speaks_against_never_leaves_a_run(pairer):
    record = disputed([5, 2], 0.35, 0.35)

    assert not pairer(score=BOTH).pair(record, Random(0))
    assert pairer(score=BOTH).explain(record) == "disagreement"
    [hard] = pairer(score=BOTH, disagreement="hard").pair(record, Random(0))
    [kept] = pairer(score=BOTH, disagreement="keep").pair(record, Random(0))
    assert (hard.chosen_id, hard.chosen_probability) == ("r0", None)
    assert kept.chosen_probability == 0.35


def test_the_same_holds_of_pairs_by_origin_and_in_a_cycle():
    fixed = {"chosen": {"model": ("model-0",)}, "rejected": {"model": ("model-1",)}}
    cycle = a_record("Q", "a", "b", "c").adding(
        comparisons=[
            Comparison(first_id=a, second_id=b, probability=p, judge="j")
            for a, b, p in (("r0", "r1", 0.99), ("r1", "r2", 0.9), ("r2", "r0", 0.6))
        ]
    )

    assert not Fixed(**fixed).pair(disputed([1, 1], 0.2), Random(0))
    [agreed] = Fixed(**fixed).pair(disputed([1, 1], 0.8), Random(0))
    assert (agreed.chosen_probability, agreed.weight) == (0.8, 1.0)
    assert not BestVsWorst(score="j").pair(cycle, Random(0))
    assert {(p.chosen_id, p.rejected_id) for p in AllPairs(score="j").pair(cycle, Random(0))} == {
        ("r0", "r1"),
        ("r1", "r2"),
    }


@given(
    st.lists(st.integers(1, 5), min_size=2, max_size=2),
    st.lists(st.floats(0, 1), min_size=1, max_size=4),
    st.sampled_from([BestVsWorst, BestVsRandom, AllPairs, HardNegative]),
    st.sampled_from(["drop", "hard"]),
)
def test_no_label_is_below_one_half(scores, probabilities, pairer, policy):
    record = disputed(scores, *probabilities)

    for pair in pairer(score=BOTH, disagreement=policy).pair(record, Random(0)):
        assert pair.chosen_probability is None or pair.chosen_probability >= 0.5


@pytest.mark.parametrize(("disagreement", "probabilities"), [("drop", []), ("hard", [None]), ("keep", [0.2])])
def test_a_curve_of_margins_hides_no_comparison_that_speaks_against_a_pair(
    tmp_path, monkeypatch, disagreement, probabilities
):
    monkeypatch.chdir(tmp_path)
    curve = Calibration(score="quality", slope=1.0, fitted_on=40)
    (tmp_path / "curve.json").write_text(curve.model_dump_json())
    fields = {"score": BOTH, "calibration": "curve.json"}

    disputed_pairs = BestVsWorst(**fields, disagreement=disagreement).pair(disputed([5, 2], 0.2), Random(0))
    [agreed] = BestVsWorst(**fields, disagreement=disagreement).pair(disputed([5, 2], 0.8), Random(0))

    assert [pair.chosen_probability for pair in disputed_pairs] == probabilities
    assert agreed.chosen_probability == curve.probability(agreed.margin)


def of_judges(**rows):
    """Two answers; of each judge the probability that the first is better, once for each order asked."""
    compared = [
        Comparison(first_id=a, second_id=b, probability=p if a == "r0" else 1 - p, judge=judge, sample=order)
        for judge, probabilities in rows.items()
        for order, p in enumerate(probabilities)
        for a, b in [(("r0", "r1"), ("r1", "r0"))[order % 2]]
    ]
    return a_record("Q", "a", "b").adding(comparisons=compared)


@pytest.mark.parametrize(
    ("score", "rows", "chosen", "probability"),
    [
        ({"weights": {"j1": 9, "j2": 1}}, {"j1": [0.6, 0.6], "j2": [0.0001]}, "r0", (9 * 0.6 + 0.0001) / 10),
        ({"weights": {"j1": 9, "j2": 1}}, {"j1": [0.7, 0.7], "j2": [0.2, 0.2]}, "r0", 0.65),
        ({"mean": ["j1", "j2"]}, {"j1": [0.6, 0.6], "j2": [0.35]}, "r1", 0.525),
        ({"mean": ["j1", "j2"]}, {"j1": [0.8, 0.6], "j2": [0.9]}, "r0", 0.8),
        ({"mean": ["j2"]}, {"j1": [0.6, 0.6], "j2": [0.35]}, "r1", 0.65),
        ({}, {"j1": [0.8, 0.6], "j2": [0.9], "j3": [0.7]}, "r0", (0.7 + 0.9 + 0.7) / 3),
    ],
)
def test_a_probability_is_combined_by_the_rule_of_the_score(score, rows, chosen, probability):
    """The weighted mean over judges of each one's mean, whatever number of orders it was asked in."""
    [pair] = BestVsWorst(score=score).pair(of_judges(**rows), Random(0))

    assert (pair.chosen_id, pair.chosen_probability) == (chosen, pytest.approx(probability))


def test_a_judge_of_a_score_that_compared_nothing_changes_no_probability():
    record = of_judges(j1=[0.7, 0.7])
    rated = record.adding(scores=a_record("Q", "a", "b", scores={"j2": [5, 1]}).scores)

    [pair] = BestVsWorst(score={"weights": {"j1": 1, "j2": 9}}).pair(rated, Random(0))

    assert pair.chosen_probability == pytest.approx(0.7)
