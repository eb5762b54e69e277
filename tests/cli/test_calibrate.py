"""prefgen calibrate (prefgen/cli/calibrate.py)"""

import json
import math
from random import Random

import pytest

from prefgen.dataset.read_run import read_pairs, read_records
from tests.support.cli import prefgen
from tests.support.recipes import a_recipe, run


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
