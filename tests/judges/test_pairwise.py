"""Compare answers two at a time, by the probability of a label (RLAIF, arXiv 2309.00267, section 2;
Constitutional AI, arXiv 2212.08073, section 4). (prefgen/judges/pairwise.py)
"""

import json

import pytest
from pydantic import ValidationError

from prefgen.errors import RecipeError
from prefgen.judges.pairwise import Pairwise
from prefgen.stats.scoring import bradley_terry, probability_of
from prefgen.testing import Scripted, a_record
from prefgen.types import Comparison
from tests.support.constitutions import ANSWERS, by_group, plural
from tests.support.judges import judged, odds, scores


async def test_groups_are_asked_for_themselves_and_kept_apart_as_columns(tmp_path, server):
    from prefgen.dataset.read_run import read_pairs, read_records
    from tests.support.recipes import run

    server.script = by_group
    outcome = await run(plural(server.url, "values.liberty"), tmp_path / "liberty")
    await run(plural(server.url, {"mean": ["values.care", "values.truth"]}), tmp_path / "both")

    assert outcome.complete
    assert len(server.bodies) == 2 * 5  # both orders, five groups; the second run asks nothing new
    [record] = read_records(tmp_path / "liberty")
    assert {c.aspect for c in record.comparisons} == {"care", "liberty", "fairness", "tradition", "truth"}
    [pair] = read_pairs(tmp_path / "liberty")
    assert pair["chosen"][0]["content"] == ANSWERS[0]
    assert pair["chosen_probability"] == pytest.approx(0.905, abs=0.01)
    preferred = json.loads(pair["aspects"])["preferred"]
    assert preferred["values.liberty"] == pytest.approx(0.905, abs=0.01)
    assert preferred["values.care"] == pytest.approx(0.095, abs=0.01)
    [pair] = read_pairs(tmp_path / "both")
    assert pair["chosen"][0]["content"] == ANSWERS[1]


@pytest.mark.parametrize(
    ("judge", "message"),
    [
        ({"group": "caring"}, "has no group 'caring'"),
        ({"schedule": "swiss"}, "a tournament needs one ranking"),
        ({"group": "care", "constitution": "harmless"}, "has no group 'care' (its groups: none)"),
        ({"group": "care", "principles": 5}, "has 4 principles of group 'care'"),
    ],
)
def test_a_group_that_there_is_not_is_named(tmp_path, judge, message):
    from prefgen.recipe.build import build
    from prefgen.recipe.load import recipe_from_data

    with pytest.raises(RecipeError) as wrong:
        build(recipe_from_data(plural("http://localhost:1/v1", "values", **judge), tmp_path))
    assert message in str(wrong.value)


def test_reasoning_clamps_and_plain_labels_do_not():
    """Constitutional AI: 0.98 with reasoning counts as 0.6."""
    assert Pairwise(model="m", reasoning=True).clamp_probability(0.98) == 0.6
    assert Pairwise(model="m", reasoning=True).clamp_probability(0.02) == 0.4
    assert Pairwise(model="m").clamp_probability(0.98) == 0.98
    assert Pairwise(model="m", reasoning=True, clamp=None).clamp_probability(0.98) == 0.98


async def test_a_judge_that_only_likes_the_first_one_shown_says_one_half():
    verdicts = await judged(Pairwise(model="m"), Scripted([odds(A=0.9, B=0.1)]), "x", "y")

    assert [v.probability for v in verdicts] == pytest.approx([0.9, 0.9])
    assert {(v.first_id, v.second_id) for v in verdicts} == {("r0", "r1"), ("r1", "r0")}
    assert probability_of(verdicts, "r0", "r1") == pytest.approx(0.5)


async def test_verdicts_are_counted_where_there_are_no_log_probabilities():
    verdicts = await judged(
        Pairwise(model="m", votes=4),
        Scripted(lambda text: "A" if text.index("sun") < text.index("moon") else "B"),
        "sun",
        "moon",
    )

    assert {v.method for v in verdicts} == {"votes"}
    assert probability_of(verdicts, "r0", "r1") == 1.0


async def test_a_comparison_counts_only_where_both_orders_were_read():
    """A judge that only likes what stands first, and says nothing else where one order is lost."""

    def one_order(text):
        return "neither" if text.index("sun") < text.index("moon") else odds(A=0.9, B=0.1)

    dropped = await judged(Pairwise(model="m"), Scripted(one_order), "sun", "moon")
    tied = await judged(Pairwise(model="m", one_order="tie"), Scripted(one_order), "sun", "moon")

    assert sorted(v.code for v in dropped) == ["ambiguous", "one_order"]
    [comparison] = [v for v in tied if isinstance(v, Comparison)]
    assert (comparison.probability, comparison.method) == (0.5, "one_order")


async def test_one_lost_order_leaves_other_pairs_and_groups_alone():
    def lost_for_sun_first(text):
        first, second = (
            text.index(f"\n{word}\n") if f"\n{word}\n" in text else -1 for word in ("sun", "sea")
        )
        return "neither" if -1 < first < second else odds(A=0.9, B=0.1)

    judge = Pairwise(model="m", constitution="plural")
    verdicts = await judged(judge, Scripted(lost_for_sun_first), "sun", "moon", "sea")

    comparisons = [v for v in verdicts if isinstance(v, Comparison)]
    groups = len(judge.separate_aspects())
    assert len(comparisons) == 4 * groups
    assert not [c for c in comparisons if {c.first_id, c.second_id} == {"r0", "r2"}]


async def test_reasoning_is_asked_first_and_kept():
    ask = Scripted(
        lambda text: odds(B=0.8, A=0.2) if "So which text is better" in text else "B is more exact."
    )

    verdicts = await judged(Pairwise(model="m", reasoning=True), ask, "x", "y")

    assert {v.rationale for v in verdicts} == {"B is more exact."}
    assert [v.probability for v in verdicts] == [0.4, 0.4]
    assert [turns[2].text for _, turns in ask.asked if len(turns) == 4] == ["B is more exact."] * 2


async def test_one_answer_has_nothing_to_compare_with():
    assert scores(await judged(Pairwise(model="m"), Scripted(["A"]), "x")) == {"r0": None}


@pytest.mark.parametrize(("schedule", "most"), [("all", 28), ("swiss", 12), ("knockout", 7)])
async def test_a_tournament_asks_less_and_finds_the_best(schedule, most):
    texts = [f"answer of {'great ' * i}worth" for i in range(8)]

    def better(text):
        shown = [text.split(f"<text {label}>\n")[1].split("\n</text")[0] for label in "AB"]
        return odds(A=0.9, B=0.1) if len(shown[0]) > len(shown[1]) else odds(B=0.9, A=0.1)

    ask = Scripted(better)
    verdicts = await judged(Pairwise(model="m", schedule=schedule, swap=False), ask, *texts)

    assert len(ask.asked) == most
    assert {i for v in verdicts for i in (v.first_id, v.second_id)} == {f"r{i}" for i in range(8)}
    strengths = bradley_terry(verdicts)
    assert max(strengths, key=strengths.__getitem__) == "r7"


async def test_principles_are_drawn_for_each_comparison_and_are_the_same_in_both_orders():
    ask = Scripted([odds(A=0.6, B=0.4)])

    verdicts = await judged(Pairwise(model="m", constitution="harmless", principles=2), ask, "x", "y")

    assert verdicts[0].principle_id == verdicts[1].principle_id
    assert len(verdicts[0].principle_id.split(",")) == 2
    seen = set()
    for i in range(30):
        record = a_record(f"Question {i}", "x", "y")
        seen |= {
            v.principle_id
            for v in await Pairwise(model="m", constitution="harmless").judge(
                record.prompt, record.responses, ask
            )
        }
    assert len(seen) > 8


def test_wrong_settings_are_refused():
    for wrong in ({"labels": ("A", "a")}, {"clamp": (0.7, 0.3)}, {"exemplars": ({"request": "x"},)}):
        with pytest.raises(ValidationError):
            Pairwise(model="m", **wrong)


async def test_copies_of_two_answers_are_compared_like_the_two():
    """Else they would have fewer comparisons than the first of their text, and other strengths."""

    def better(text):
        return odds(A=0.9, B=0.1) if text.index("sun") < text.index("moon") else odds(A=0.1, B=0.9)

    verdicts = await judged(Pairwise(model="m"), Scripted(better), "sun", "sun", "sun", "moon", "moon")

    for first in ("r0", "r1", "r2"):
        for second in ("r3", "r4"):
            assert probability_of(verdicts, first, second) == pytest.approx(0.9)
    strengths = bradley_terry(verdicts)
    assert strengths["r0"] == pytest.approx(strengths["r1"]) == pytest.approx(strengths["r2"])
    assert probability_of(verdicts, "r1", "r2") == 0.5
