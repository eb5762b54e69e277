"""From margins to probabilities: the curve, its test on held-out labels, and the pairs that take it."""

import json
import math
import re
from random import Random

import pytest

from prefgen.api import options_of
from prefgen.dataset.read_run import read_pairs, read_records
from prefgen.engine.progress import Progress
from prefgen.engine.run import Runner
from prefgen.errors import RecipeError
from prefgen.recipe.build import build
from prefgen.recipe.load import recipe_from_data
from prefgen.stats.calibration import Calibration, LabelledPair, fit_calibration, quality_of
from tests.support.cli import prefgen
from tests.support.recipes import a_recipe, run


def drawn(slope, count, seed=0):
    """Labelled pairs of people who follow a curve of this slope."""
    rng = Random(seed)
    pairs = []
    for i in range(count):
        margin = rng.uniform(-3, 3)
        pairs.append(
            LabelledPair(
                f"p{i}", margin, 0.5 + margin / 8, float(rng.random() < 1 / (1 + math.exp(-slope * margin)))
            )
        )
    return pairs


@pytest.mark.parametrize("slope", [0.3, 1.0, 2.5])
def test_the_slope_that_made_the_labels_is_found(slope):
    assert fit_calibration(drawn(slope, 4000), "j").slope == pytest.approx(slope, rel=0.12)


def test_margins_that_separate_the_labels_give_a_finite_slope_and_useless_ones_none():
    sure = [LabelledPair(f"p{i}", m, 0.5, float(m > 0)) for i, m in enumerate([-1, 1] * 20)]
    useless = [LabelledPair(f"p{i}", m, 0.5, float(i % 2)) for i, m in enumerate([1, 1, -1, -1] * 10)]

    assert 1 < fit_calibration(sure, "j").slope < 100
    assert fit_calibration(useless, "j").slope == pytest.approx(0, abs=1e-6)
    with pytest.raises(RecipeError, match="3 labelled pairs are too few"):
        fit_calibration(sure[:3], "j")


def test_turning_a_pair_round_turns_its_probability():
    curve = Calibration(score="j", slope=0.7, fitted_on=50)

    assert curve.probability(1.3) == pytest.approx(1 - curve.probability(-1.3))
    assert curve.probability(0) == 0.5
    assert curve.probability(1e9) == 1.0


def test_the_quality_of_probabilities():
    perfect = quality_of([1.0, 0.0, 0.5], [1, 0, 0.5])
    wrong = quality_of([0.9, 0.9], [0, 0])

    assert (perfect.accuracy, perfect.calibration_error, perfect.brier) == (1.0, 0.0, 0.0)
    assert (wrong.accuracy, wrong.calibration_error) == (0.0, pytest.approx(0.9))


def test_fitting_improves_the_calibration_of_a_judge_that_is_too_modest():
    train, test = drawn(2.5, 800), drawn(2.5, 800, seed=1)
    curve = fit_calibration(train, "j")

    before = quality_of([p.before for p in test], [p.label for p in test])
    after = quality_of([curve.probability(p.margin) for p in test], [p.label for p in test])

    assert after.accuracy == before.accuracy
    assert after.calibration_error < before.calibration_error / 2
    assert after.brier < before.brier


async def test_labels_of_a_run_become_probabilities_of_the_next(tmp_path):
    recipe = a_recipe(prompts=[f"Question {i}?" for i in range(120)])
    recipe["models"]["writer"]["rules"][0]["say"] = [
        json.dumps({"text_1": {"rationale": "", "rating": a}, "text_2": {"rationale": "", "rating": b}})
        for a in range(1, 6)
        for b in range(1, 6)
    ]
    recipe["models"]["grader"] = {**recipe["models"]["writer"], "temperature": 1.0}
    recipe["stages"][2]["judge"]["quality"]["temperature"] = 1.0
    await run(recipe, tmp_path / "out")
    rng = Random(3)
    rows = []
    for record in read_records(tmp_path / "out"):
        [one, other] = record.responses
        value = {s.response_id: s.value for s in record.scores}
        better = (
            "first" if rng.random() < 1 / (1 + math.exp(-(value[one.id] - value[other.id]))) else "second"
        )
        rows.append(f"{one.id},{other.id},{better}")
    (tmp_path / "labels.csv").write_text("\n".join(["first_id,second_id,better", *rows]))

    done = prefgen("calibrate", "out", "labels.csv", "--judge", "quality", "--json", cwd=tmp_path)
    unknown = prefgen("calibrate", "out", "labels.csv", "--judge", "qality", cwd=tmp_path)
    recipe["stages"][3]["pair"]["calibration"] = str(tmp_path / "calibration.json")
    await run(recipe, tmp_path / "next")

    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert 0.4 < found["slope"] < 2.5
    assert found["before"]["pairs"] == found["after"]["pairs"] > 30
    assert unknown.returncode == 2
    assert "it has quality" in unknown.stderr
    for row in read_pairs(tmp_path / "next"):
        assert row["chosen_probability"] == pytest.approx(1 / (1 + math.exp(-found["slope"] * row["margin"])))


async def test_a_calibration_that_is_not_there_is_one_line(tmp_path):
    recipe = a_recipe()
    recipe["stages"][3]["pair"]["calibration"] = "nowhere.json"
    (tmp_path / "r.json").write_text(json.dumps(recipe))

    done = prefgen("run", "r.json", cwd=tmp_path)

    assert done.returncode == 2
    assert "the file 'nowhere.json' does not exist" in done.stderr


def labelled_run(tmp_path, count=120):
    """Pairs by a judge whose margin is far too sure: people agree with the better one three times of four."""
    from prefgen.types import Prompt, Response

    rng, rows, labels = Random(1), [], []
    for i in range(count):
        high = rng.choice([3, 4, 5])
        completions = [
            {
                "response": f"Good {i}",
                "model": "a",
                "annotations": {"q": {"Rating": str(high), "Rationale": "r"}},
            },
            {"response": f"Bad {i}", "model": "b", "annotations": {"q": {"Rating": "1", "Rationale": "r"}}},
        ]
        rows.append({"prompt": f"Question {i}?", "completions": completions})
        prompt = Prompt.of(f"Question {i}?")
        ids = [
            Response.of(prompt, c["response"], model=c["model"], sample=n, origin="imported").id
            for n, c in enumerate(completions)
        ]
        if i % 3:
            labels.append(
                {
                    "first_id": ids[0],
                    "second_id": ids[1],
                    "better": "first" if rng.random() < 0.75 else "second",
                }
            )
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "labels.jsonl").write_text("".join(json.dumps(row) + "\n" for row in labels))
    return a_recipe() | {
        "models": {},
        "stages": [
            {"prompts": {"use": "records", "path": "rows.jsonl", "keep": ["responses", "scores"]}},
            {"pair": {"use": "best_vs_worst", "score": "imported"}},
            {"curate": [{"use": "calibrate", "labels": "labels.jsonl"}]},
        ],
    }


async def test_in_a_recipe_the_margins_of_all_pairs_become_probabilities(tmp_path):
    progress = Progress()
    pipeline = build(recipe_from_data(labelled_run(tmp_path), tmp_path))

    outcome = await Runner(
        pipeline, options_of(pipeline, tmp_path / "out", tmp_path / "calls.sqlite"), progress
    ).run()

    assert outcome.complete, outcome.stopped
    pairs = list(read_pairs(tmp_path / "out"))
    assert len(pairs) == 120
    odds = {row["margin"]: row["chosen_probability"] for row in pairs}
    assert 0.5 < odds[2.0] < odds[3.0] < odds[4.0] < 0.95
    [said] = [line for line in progress.stats.notices if line.startswith("calibrate: fitted")]
    before, after = (float(x) for x in re.search(r"is ([\d.]+) \(before: ([\d.]+)\)", said).group(2, 1))
    assert after < 0.5 * before


async def test_labels_that_are_about_other_responses_are_named(tmp_path):
    recipe = labelled_run(tmp_path)
    (tmp_path / "labels.jsonl").write_text('{"first_id": "x", "second_id": "y", "better": "tie"}\n')

    outcome = await run(recipe, tmp_path / "out", folder=tmp_path)

    assert outcome.exit_code == 2
    assert "no label of 'labels.jsonl' is about a pair of this run" in str(outcome.stopped)
