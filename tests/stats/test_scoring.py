"""From judgments to one score a response: what pairers, filters and tables rank by.
(prefgen/stats/scoring.py)
"""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefgen.errors import RecipeError
from prefgen.stats.scoring import (
    UNBOUNDED,
    ScoreSpec,
    bradley_terry,
    judge_scores,
    probability_of,
    rates_on_several_scales,
    scores_of,
    unit_values,
)
from prefgen.testing import a_record
from prefgen.types import Comparison, Score


def a_comparison(first, second, probability):
    return Comparison(first_id=first, second_id=second, probability=probability)


def test_both_orders_are_averaged():
    """0.9 for the one shown first, and 0.2 for the same one when it is shown second: 0.55."""
    assert probability_of(
        [a_comparison("a", "b", 0.9), a_comparison("b", "a", 0.8)], "a", "b"
    ) == pytest.approx(0.55)
    assert probability_of([a_comparison("a", "b", 0.9)], "b", "a") == pytest.approx(0.1)
    assert probability_of([], "a", "b") is None


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


@pytest.mark.parametrize("first", ["quality", "verbosity"])
def test_a_judge_on_several_scales_has_no_score_until_one_is_named(first):
    scores = [
        Score(response_id=r, aspect=aspect, value=value, scale=scale, judge="j")
        for r, quality, verbosity in (("r0", 9, 0.1), ("r1", 2, 0.9))
        for aspect, value, scale in (("quality", quality, (0, 10)), ("verbosity", verbosity, (0, 1)))
    ]
    record = a_record("Q", "a", "b").adding(scores=sorted(scores, key=lambda s: s.aspect != first))

    with pytest.raises(RecipeError, match=r"quality \(0 to 10\), verbosity \(0 to 1\)"):
        scores_of(record, ScoreSpec())
    assert scores_of(record, ScoreSpec(mean=("j.quality",))) == {"r0": 9, "r1": 2}
    assert rates_on_several_scales(record, "j") and not rates_on_several_scales(record, "j.quality")


@pytest.mark.parametrize("beside", [("overall", (1, 10)), ("disagreement", (0, 0.5))])
def test_what_a_judge_gives_beside_its_score_is_no_part_of_it(beside):
    aspect, scale = beside
    record = a_record("Q", "a").adding(
        scores=[
            Score(response_id="r0", aspect=aspect, value=scale[1], scale=scale, judge="j"),
            Score(response_id="r0", aspect="x", value=2, scale=(1, 5), judge="j"),
        ]
    )

    assert judge_scores(record, "j") == ({"r0": 2.0}, (1, 5))
    assert judge_scores(record, f"j.{aspect}") == ({"r0": scale[1]}, scale)


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


def test_aspects_of_comparisons_are_told_apart_where_none_is_named():
    from prefgen.stats.scoring import judge_names

    aspects = [
        Comparison(first_id="r0", second_id="r1", probability=0.9, judge="v", aspect=a)
        for a in ("care", "truth")
    ]
    record = a_record("Q", "one", "two", scores={"o": [5, 2]}).adding(comparisons=aspects)

    assert judge_names(record) == ["o", "v.care", "v.truth"]
    assert judge_names(record.replacing(comparisons=(aspects[0],))) == ["o", "v"]


def test_strengths_are_those_that_are_published(shared):
    """59 models by the votes of a crowd (LLMFAO), as evalica fits them; ties count half, no prior."""
    import pyarrow.parquet as pq

    folder = shared / "data" / "audit"
    outcomes = {"left": 1.0, "right": 0.0, "tie": 0.5}
    votes = [
        Comparison(first_id=v["left"], second_id=v["right"], probability=outcomes[v["winner"]])
        for v in pq.read_table(folder / "llmfao_votes.parquet").to_pylist()
        if v["judge"].startswith("crowd") and v["winner"] in outcomes
    ]
    published = {
        row["item"]: row["score"]
        for row in pq.read_table(folder / "llmfao_published.parquet").to_pylist()
        if row["algorithm"] == "bradley_terry"
    }

    odds = {name: p / (1 - p) for name, p in bradley_terry(votes, prior=0.0).items()}

    strengths = {name: value / math.fsum(odds.values()) for name, value in odds.items()}
    assert len(published) == 59
    assert strengths == pytest.approx(published, rel=1e-9)


CHAINS = {
    "all decided": [
        (a, b, 1.0) for i, a in enumerate("abcdefghijklmnop") for b in "abcdefghijklmnop"[i + 1 :]
    ],
    "knockout": [
        (a, b, 1.0) for row in ("abcdefgh", "aceg", "ae") for a, b in zip(row[::2], row[1::2], strict=True)
    ],
    "cycle": [("a", "b", 0.9), ("b", "c", 0.9), ("c", "a", 0.9)],
    "soft": [("a", "b", 0.55), ("b", "a", 0.45)],
}


@pytest.mark.parametrize("compared", CHAINS.values(), ids=CHAINS)
def test_the_fit_is_at_its_maximum(compared):
    """Where every candidate wins as often as the fit expects: nothing else is a maximum of the likelihood."""
    prior = 0.1
    strengths = bradley_terry([Comparison(first_id=a, second_id=b, probability=p) for a, b, p in compared])
    odds = {name: p / (1 - p) for name, p in strengths.items()}

    surplus = {name: prior - 2 * prior * p for name, p in strengths.items()}
    for a, b, probability in compared:
        expected = odds[a] / (odds[a] + odds[b])
        surplus[a] += probability - expected
        surplus[b] -= probability - expected
    assert surplus == pytest.approx(dict.fromkeys(surplus, 0.0), abs=1e-9)


@given(st.lists(st.integers(-5000, 5000), min_size=1, max_size=6))
def test_numbers_without_a_scale_keep_their_order_from_0_to_1(numbers):
    """Where all lie within 6, each is 1 / (1 + exp(-x)); where not, none that differ become equal."""
    values = {f"r{i}": number / 100 * 7 for i, number in enumerate(numbers)}

    units = unit_values(values, UNBOUNDED)

    assert all(0 < unit < 1 for unit in units.values())
    for a in values:
        for b in values:
            assert (values[a] > values[b]) == (units[a] > units[b] + 1e-9)
    if all(abs(value) <= 6 for value in values.values()):
        assert units == pytest.approx({i: 1 / (1 + math.exp(-value)) for i, value in values.items()})


def test_numbers_with_a_scale_are_brought_to_0_to_1_by_it():
    assert unit_values({"a": 1, "b": 4}, (1, 5)) == {"a": 0.0, "b": 0.75}
    assert unit_values({}, UNBOUNDED) == {}
