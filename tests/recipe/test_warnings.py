"""The command line as a user types it: exit codes, what goes to stdout and to stderr."""

import json
from pathlib import Path

import pytest

from prefgen.recipe.build import build
from prefgen.recipe.load import recipe_from_data
from tests.support.cli import prefgen
from tests.support.recipes import a_recipe


def test_sampling_that_a_judge_does_not_use_is_said(tmp_path):
    recipe = a_recipe()
    recipe["models"]["grader"]["temperature"] = 0.9
    (tmp_path / "r.json").write_text(json.dumps(recipe))

    assert (
        "judge 'quality' asks 'grader' with a temperature of 0 of its own, not with the 0.9"
        in prefgen("run", "r.json", cwd=tmp_path).stderr
    )
    recipe["stages"][2]["judge"]["quality"]["temperature"] = None
    (tmp_path / "r.json").write_text(json.dumps(recipe))
    assert "of its own" not in prefgen("run", "r.json", "-y", cwd=tmp_path).stderr
    recipe["stages"][2]["judge"]["quality"] |= {
        "model": {"is": "grader", "temperature": None},
        "temperature": 0,
    }
    (tmp_path / "r.json").write_text(json.dumps(recipe))
    unset = prefgen("run", "r.json", "-y", cwd=tmp_path)
    assert (unset.returncode, "of its own" in unset.stderr) == (0, False), unset.stderr


def test_a_judge_of_its_own_family_is_warned_about(tmp_path):
    recipe = a_recipe(url="http://127.0.0.1:1/v1")
    recipe["models"]["writer"]["name"], recipe["models"]["grader"]["name"] = "gpt-5.2-mini", "openai/gpt-5.2"

    [warning] = build(recipe_from_data(recipe, tmp_path)).warnings

    assert "own family" in warning


def test_several_answers_at_temperature_zero_are_said_to_be_one():
    recipe = a_recipe(n=4)
    recipe["models"]["writer"]["temperature"] = 0

    warnings = build(recipe_from_data(recipe, Path.cwd())).warnings

    assert any("4 answers at temperature 0 are one" in line for line in warnings)
    assert not any("are one" in line for line in build(recipe_from_data(a_recipe(n=4), Path.cwd())).warnings)


def test_pairs_are_wanted_and_none_can_come_out(tmp_path):
    recipe = a_recipe()
    recipe["train"] = {"base": "a-model"}
    assert not build(recipe_from_data(recipe, tmp_path)).warnings
    recipe["stages"] = [stage for stage in recipe["stages"] if "pair" not in stage]

    [warning] = build(recipe_from_data(recipe, tmp_path)).warnings

    assert warning == "`train:` wants pairs, and the recipe has no `pair` stage: none will come out"


@pytest.mark.parametrize(
    ("sampler", "is_warned"),
    [
        ({"use": "each", "model": "writer", "n": 1}, True),
        ({"use": "each", "model": "writer", "n": 2}, False),
        ({"use": "each", "model": ["writer", "grader"], "n": 1}, False),
        ({"use": "ladder", "model": "writer", "temperatures": [0.1, 0.9]}, False),
    ],
)
def test_where_no_prompt_gets_two_answers_no_pair_will_come_out(sampler, is_warned, tmp_path):
    recipe = a_recipe()
    recipe["stages"][1]["sample"] = sampler

    warnings = build(recipe_from_data(recipe, tmp_path)).warnings

    assert (
        any(line.startswith("no pair will come out: each prompt gets one") for line in warnings) == is_warned
    )


def test_a_revision_is_the_other_answer_of_a_pair(tmp_path):
    recipe = a_recipe()
    recipe["stages"][1]["sample"]["n"] = 1
    recipe["stages"].insert(2, {"revise": {"use": "improve", "model": "writer"}})

    assert not any("no pair will" in line for line in build(recipe_from_data(recipe, tmp_path)).warnings)


def test_a_reward_model_without_a_route_is_named_before_a_run():
    recipe = a_recipe(url="http://localhost:1/v1")
    recipe["stages"][2] = {"judge": {"quality": {"use": "reward_model", "model": "grader"}}}

    warned = [line for line in build(recipe_from_data(recipe, Path.cwd())).warnings if "score_route" in line]
    recipe["models"]["grader"]["score_route"] = "classify"

    assert len(warned) == 1
    assert warned[0].startswith("'quality' asks grader for rewards")
    assert not [w for w in build(recipe_from_data(recipe, Path.cwd())).warnings if "score_route" in w]
