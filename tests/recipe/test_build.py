"""From a loaded recipe to a pipeline: plug-ins found and checked, models resolved, identities computed.
Nothing is asked. (prefgen/recipe/build.py)
"""

import json
from pathlib import Path

import pytest

from prefgen import Plugin, judge
from prefgen.calls.budget import PICO
from prefgen.errors import RecipeError
from prefgen.recipe.build import build
from prefgen.recipe.load import recipe_from_data
from tests.support.cli import prefgen
from tests.support.constitutions import plural
from tests.support.pair_curators import balanced
from tests.support.recipes import a_recipe, run
from tests.support.server import by_content


async def test_a_calibration_that_is_not_there_is_one_line(tmp_path):
    recipe = a_recipe()
    recipe["stages"][3]["pair"]["calibration"] = "nowhere.json"
    (tmp_path / "r.json").write_text(json.dumps(recipe))

    done = prefgen("run", "r.json", cwd=tmp_path)

    assert done.returncode == 2
    assert "the file 'nowhere.json' does not exist" in done.stderr


@pytest.mark.parametrize(
    "score",
    [
        "values",
        {"mean": ["values.cares"]},
        {},
        {"mean": ["values.care"], "veto": {"values": 0.5}},
        {"veto": {"values.care": 0.5}},
    ],
)
def test_they_are_never_merged_without_being_named(tmp_path, score):
    from prefgen.recipe.build import build
    from prefgen.recipe.load import recipe_from_data

    with pytest.raises(
        RecipeError,
        match=(
            r"keeps care, liberty, fairness, tradition, truth apart: name what is meant, such as "
            r"values\.care"
        ),
    ):
        build(recipe_from_data(plural("http://localhost:1/v1", score), tmp_path))


def test_before_a_pair_stage_there_is_nothing_to_balance(tmp_path):
    recipe = balanced(use="length_balance")
    recipe["stages"].pop(1)

    with pytest.raises(RecipeError, match="no `pair` stage before it"):
        build(recipe_from_data(recipe, tmp_path))


def test_a_stage_may_override_a_models_sampling(tmp_path):
    recipe = a_recipe()
    recipe["stages"][1]["sample"]["model"] = {"is": "writer", "temperature": 0.3}

    [plugged] = build(recipe_from_data(recipe, tmp_path)).stages[0].plugins

    assert plugged.plugin.model == "writer"
    assert plugged.overrides == {"writer": {"temperature": 0.3}}


def test_no_plugins_reads_without_running_code(tmp_path):
    (tmp_path / "evil.py").write_text("raise SystemExit('ran')")
    recipe = a_recipe()
    recipe["stages"][2] = {"judge": {"q": {"use": "./evil.py:J"}}}

    with pytest.raises(RecipeError, match="--no-plugins"):
        build(recipe_from_data(recipe, tmp_path), plugins=False)


def test_a_budget_needs_prices(tmp_path):
    with pytest.raises(RecipeError, match=r"no price.*run\.prices"):
        build(recipe_from_data(a_recipe(url="http://127.0.0.1:1/v1", run={"budget_usd": 3}), tmp_path))


def test_a_budget_needs_no_price_of_weights_in_this_process_and_takes_one_that_is_listed(tmp_path):
    recipe = a_recipe(run={"budget_usd": 3})
    recipe["models"]["writer"] = {"use": "transformers", "name": "acme/writer"}
    recipe["models"]["grader"] = {"use": "transformers", "name": "acme/grader"}
    recipe["run"]["prices"] = {"acme/grader": {"input": 2, "output": 4}}

    pipeline = build(recipe_from_data(recipe, tmp_path))

    prices = [pipeline.price(pipeline.models[name]) for name in ("writer", "grader")]
    costs = [price.cost(10**6, 10**6) / PICO for price in prices]
    assert costs == [0, 6]


def test_one_model_has_one_sampling_in_a_plug_in(tmp_path):
    (tmp_path / "s.jsonl").write_text('{"prompt": "Hi"}\n')
    recipe = {
        "name": "r",
        "models": {"m": {"use": "simulated"}},
        "stages": [
            {
                "prompts": {
                    "talk": {
                        "use": "multi_turn",
                        "seeds": "s.jsonl",
                        "model": {"is": "m", "temperature": 0.2},
                        "user_model": {"is": "m", "temperature": 1.2},
                    }
                }
            }
        ],
    }

    with pytest.raises(RecipeError, match="model 'm' is given two samplings in one plug-in"):
        build(recipe_from_data(recipe, tmp_path))


async def test_sampling_of_one_stage_is_given_to_any_model_that_a_field_names(tmp_path, server):
    server.script = lambda body, attempt: (
        '{"criteria": ["It rhymes."]}'
        if "Write 5 criteria" in str(body)
        else '{"item_1": {"reason": "", "met": true}}'
        if "Check the text" in str(body)
        else by_content(body, attempt)
    )
    recipe = a_recipe(url=server.url)
    recipe["stages"][2] = {
        "judge": {
            "quality": {"use": "checklist", "model": "grader", "writer": {"is": "grader", "max_tokens": 77}}
        }
    }

    outcome = await run(recipe, tmp_path / "out")

    assert outcome.complete, outcome.stopped
    assert {b.get("max_tokens") for b in server.bodies if "Write 5 criteria" in str(b)} == {77}


def test_a_class_without_its_roles_method_is_refused_by_check(tmp_path):
    @judge("methodless")
    class Methodless(Plugin):
        words: int = 1

    recipe = a_recipe()
    recipe["stages"][2] = {"judge": {"quality": {"use": "methodless"}}}

    with pytest.raises(RecipeError, match="no method `judge`"):
        build(recipe_from_data(recipe, tmp_path))


def test_the_seed_of_the_recipe_moves_every_draw_that_has_no_seed_of_its_own():
    recipe = a_recipe(seed=7)
    recipe["stages"][2] = {
        "judge": {
            "plain": {"use": "pairwise", "model": "grader"},
            "own": {"use": "pairwise", "model": "grader", "seed": 3},
        }
    }
    recipe["stages"].insert(1, {"curate": [{"use": "dedupe", "method": "minhash"}]})
    recipe["stages"][-1] = {"pair": {"use": "best_vs_worst", "score": "plain"}}

    pipeline = build(recipe_from_data(recipe, Path.cwd()))

    seeds = {p.name: getattr(p.plugin, "seed", None) for stage in pipeline.stages for p in stage.plugins}
    assert (seeds["plain"], seeds["own"]) == (7, 3)
