"""Scores and pairs: missing is never low, ties by policy, chosen never below rejected."""

import math
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
from prefgen.stats.scoring import (
    ScoreSpec,
    bradley_terry,
    count_order_flips,
    judge_scores,
    label_noise,
    scores_of,
)
from prefgen.testing import a_record, contract_of_pairer
from prefgen.types import Comparison, Flag, Pair, Score

PAIRERS = [
    BestVsWorst(),
    BestVsRandom(),
    AllPairs(),
    AllPairs(cap=2),
    BestVsWorst(ties="keep"),
    AllPairs(ties="keep"),
]


def sides(pairs):
    return [(p.chosen_id, p.rejected_id) for p in pairs]


def test_best_over_worst_with_its_margin():
    [pair] = BestVsWorst().pair(a_record("Q", "a", "b", "c", scores={"j": [3, 5, 1]}), Random(0))

    assert (pair.chosen_id, pair.rejected_id, pair.margin) == ("r1", "r2", 4)


def test_a_parse_failure_is_never_the_rejected_side():
    """methods.md 20, golden 2."""
    record = a_record("Q", "a", "b", "c", "d", scores={"j": [3, 5, 4, 1]})
    unrated = record.replacing(scores=tuple(s for s in record.scores if s.response_id != "r3"))

    [pair] = BestVsWorst().pair(unrated, Random(0))

    assert (pair.chosen_id, pair.rejected_id) == ("r1", "r0")


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


def test_the_random_side_is_seeded():
    record = a_record("Q", "a", "b", "c", "d", scores={"j": [5, 3, 2, 1]})

    drawn = {sides(BestVsRandom().pair(record, Random(seed)))[0] for seed in range(40)}

    assert drawn == {("r0", "r1"), ("r0", "r2"), ("r0", "r3")}
    assert BestVsRandom().pair(record, Random(3)) == BestVsRandom().pair(record, Random(3))


def test_all_pairs_weigh_one_prompt_as_one():
    """methods.md 20, golden 9: five responses with one tie give nine pairs of weight 1/9 each."""
    pairs = AllPairs().pair(a_record("Q", *"abcde", scores={"j": [5, 4, 3, 2, 2]}), Random(0))

    assert len(pairs) == 9
    assert math.isclose(sum(p.weight for p in pairs), 1)


@given(st.lists(st.integers(1, 5), min_size=0, max_size=6), st.integers(0, 10_000))
def test_every_pairer_keeps_the_invariants(values, seed):
    record = a_record("Q", *(f"answer {i % 4}" for i in range(len(values))), scores={"j": values})

    for pairer in PAIRERS:
        for pair in contract_of_pairer(pairer, record):
            assert pair.chosen_score >= pair.rejected_score
            assert pair.margin == pair.chosen_score - pair.rejected_score
            assert pair.tie == (pair.chosen_score == pair.rejected_score)


@given(st.permutations(range(4)), st.lists(st.integers(1, 5), min_size=4, max_size=4))
def test_the_order_of_the_responses_changes_no_pair(order, values):
    record = a_record("Q", *"abcd", scores={"j": values})
    shuffled = record.replacing(responses=tuple(record.responses[i] for i in order))

    assert sides(BestVsWorst().pair(record, Random(1))) == sides(BestVsWorst().pair(shuffled, Random(1)))


def test_not_applicable_is_left_out_of_the_mean():
    record = a_record("Q", "a")
    scores = [
        Score(response_id="r0", aspect=a, value=v, scale=(1, 5), judge="j")
        for a, v in (("x", 4), ("y", None), ("z", 2))
    ]

    assert judge_scores(record.adding(scores=scores), "j") == ({"r0": 3.0}, (1, 5))


def test_an_aspect_that_was_asked_twice_does_not_count_twice():
    record = a_record("Q", "a")
    scores = [
        Score(response_id="r0", aspect=a, value=v, scale=(1, 5), judge="j")
        for a, v in (("x", 5), ("x", 3), ("y", 2))
    ]

    assert judge_scores(record.adding(scores=scores), "j")[0] == {"r0": 3.0}


def test_weights_vetoes_and_scales():
    record = a_record("Q", "a", "b", scores={"j": [5, 1], "k": [1, 3]})

    assert scores_of(record, ScoreSpec(weights={"j": 3, "k": 1})) == {"r0": 4.0, "r1": 1.5}
    assert scores_of(record, ScoreSpec(mean=("j",), veto={"k": 2})) == {"r1": 1.0}
    wide = record.adding(
        scores=[
            Score(response_id=r, aspect="o", value=v, scale=(0, 10), judge="w")
            for r, v in (("r0", 0), ("r1", 10))
        ]
    )
    assert scores_of(wide, ScoreSpec(mean=("j", "w"))) == {"r0": 0.5, "r1": 0.5}


def test_a_response_that_one_of_the_judges_did_not_rate_has_no_score():
    record = a_record("Q", "a", "b", scores={"j": [5, 1]}).adding(
        scores=[Score(response_id="r0", aspect="o", value=1, scale=(1, 5), judge="k")]
    )

    assert scores_of(record, ScoreSpec(mean=("j", "k"))) == {"r0": 3.0}


def test_bradley_terry_orders_by_wins_and_stays_finite():
    found = bradley_terry(
        [Comparison(first_id=a, second_id=b, probability=1) for a, b in (("x", "y"), ("y", "z"), ("x", "z"))]
    )

    assert found["x"] > found["y"] > found["z"]
    assert all(0 < v < 1 for v in found.values())


@pytest.mark.parametrize(
    "fields",
    [
        {"chosen_id": "a", "rejected_id": "a"},
        {"chosen_id": "a", "rejected_id": "b", "chosen_score": 1, "rejected_score": 2},
        {"chosen_id": "a", "rejected_id": "b", "chosen_score": 2, "rejected_score": 2},
        {"chosen_id": "a", "rejected_id": "b", "chosen_score": 2},
        {"chosen_id": "a", "rejected_id": "b", "chosen_score": float("nan"), "rejected_score": 1},
        {"chosen_id": "a", "rejected_id": "b", "chosen_probability": 2},
    ],
)
def test_a_pair_that_claims_something_wrong_cannot_be_made(fields):
    with pytest.raises(ValueError, match=r"."):
        Pair(rule="r", **fields)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 0.9, 5.1])
def test_a_score_outside_its_scale_cannot_be_made(value):
    with pytest.raises(ValueError, match="outside its scale|finite"):
        Score(response_id="r", aspect="a", value=value, scale=(1, 5))


# --- pairers by length, by origin, by comparisons --------------------------------------------------------------------


def of_lengths(*lengths, scores):
    return a_record("Q", *("x" * n for n in lengths), scores={"j": scores})


def test_tiers_of_score_are_paired_by_length():
    """Meta-Rewarding's rule: with rho 0.32 the shortest of those at 4.04 and above over the longest of those at 2.96 and below."""
    record = of_lengths(900, 300, 200, 100, scores=[5, 4.8, 4.6, 2])

    assert sides(LengthTier(rho=0.32).pair(record, Random(0))) == [("r2", "r3")]
    assert sides(LengthTier(rho=0).pair(record, Random(0))) == [("r0", "r3")]
    assert LengthTier(rho=0, max_chosen_chars=500).pair(record, Random(0)) == ()


@given(
    st.lists(
        st.tuples(st.integers(1, 60), st.floats(1, 5)),
        min_size=2,
        max_size=6,
        unique_by=(lambda t: t[0], lambda t: round(t[1], 3)),
    )
)
def test_length_tier_without_a_tier_is_best_vs_worst(given_responses):
    record = of_lengths(*(n for n, _ in given_responses), scores=[s for _, s in given_responses])

    assert sides(LengthTier(rho=0).pair(record, Random(0))) == sides(BestVsWorst().pair(record, Random(0)))


def test_a_hard_negative_is_the_nearest_that_is_clearly_worse():
    record = of_lengths(10, 20, 30, 40, scores=[5, 4.9, 4, 1])

    assert sides(HardNegative(min_margin=0.5).pair(record, Random(0))) == [("r0", "r2")]
    assert sides(HardNegative().pair(record, Random(0))) == [("r0", "r1")]


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


# --- what holds for all of them --------------------------------------------------------------------------------------

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


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3), st.floats(0, 1)), min_size=1, max_size=12))
def test_a_comparison_and_its_mirror_say_the_same(compared):
    """Strengths do not depend on which of two was shown first, where the probability is turned with it."""
    made = [Comparison(first_id=f"r{a}", second_id=f"r{b}", probability=p) for a, b, p in compared if a != b]
    mirrored = [
        Comparison(first_id=c.second_id, second_id=c.first_id, probability=1 - c.probability) for c in made
    ]

    assert bradley_terry(made) == pytest.approx(bradley_terry(mirrored), abs=1e-6)


def test_a_score_that_does_not_apply_hides_no_comparison():
    compared = Comparison(first_id="r0", second_id="r1", probability=0.9, judge="j")
    record = a_record("Q", "a", "b", "c").adding(
        comparisons=[compared],
        scores=[Score(response_id="r2", aspect="a", value=None, scale=(0, 1), judge="j")],
    )

    found, scale = judge_scores(record, "j")

    assert found["r0"] > found["r1"]
    assert "r2" not in found
    assert scale == (0.0, 1.0)


def test_a_veto_without_a_verdict_is_no_pass_and_one_that_does_not_apply_is():
    record = a_record("Q", "a", "b", "c", scores={"j": [5, 4, 3]}).adding(
        scores=[
            Score(response_id="r0", aspect="s", value=1, scale=(0, 1), judge="safe"),
            Score(response_id="r1", aspect="s", value=None, scale=(0, 1), judge="safe"),
        ]
    )

    assert set(scores_of(record, ScoreSpec(mean=("j",), veto={"safe": 1}))) == {"r0", "r1"}


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


def test_aspects_of_comparisons_are_told_apart_where_none_is_named():
    from prefgen.stats.scoring import judge_names

    aspects = [
        Comparison(first_id="r0", second_id="r1", probability=0.9, judge="v", aspect=a)
        for a in ("care", "truth")
    ]
    record = a_record("Q", "one", "two", scores={"o": [5, 2]}).adding(comparisons=aspects)

    assert judge_names(record) == ["o", "v.care", "v.truth"]
    assert judge_names(record.replacing(comparisons=(aspects[0],))) == ["o", "v"]


def judged_twice(*verdicts):
    """One pair of r0 over r1, compared in both orders: (probability that r0 is better where it is shown first, where second)."""
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
