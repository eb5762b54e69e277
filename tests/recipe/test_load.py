"""Reading a recipe's YAML, with the place of every value, so that errors can say file:line:column.
(prefgen/recipe/load.py)
"""

import json

import pytest

from prefgen.errors import RecipeError
from prefgen.recipe.build import build
from prefgen.recipe.load import load_recipe
from tests.support.recipes import a_recipe
from tests.support.valid_recipe import GOOD, built


def test_a_missing_file_and_a_folder_are_said(tmp_path):
    with pytest.raises(RecipeError, match="does not exist"):
        load_recipe(tmp_path / "none.yaml")
    with pytest.raises(RecipeError, match="is a folder"):
        load_recipe(tmp_path)
    (tmp_path / "latin.yaml").write_bytes(b"name: caf\xe9\n")
    with pytest.raises(RecipeError, match="UTF-8"):
        load_recipe(tmp_path / "latin.yaml")


def test_yaml_surprises_are_off(tmp_path):
    path = tmp_path / "r.yaml"
    path.write_text("a: no\nb: 1e-6\nc: true\nd: 2026-01-31\ne: &x {k: 1}\nf: {<<: *x, l: 2}\n")

    assert load_recipe(path).data == {
        "a": "no",
        "b": 1e-6,
        "c": True,
        "d": "2026-01-31",
        "e": {"k": 1},
        "f": {"k": 1, "l": 2},
    }


def test_a_recipe_may_be_json(tmp_path):
    path = tmp_path / "r.json"
    path.write_text(json.dumps(a_recipe()))

    assert build(load_recipe(path)).recipe.name == "test"


def test_set_overrides_a_place_deep_inside(tmp_path):
    pipeline = built(GOOD, tmp_path, ["stages.1.sample.n=5", "seed=9", "run.concurrency=3"])

    assert pipeline.stages[0].plugins[0].plugin.n == 5
    assert (pipeline.recipe.seed, pipeline.recipe.run.concurrency) == (9, 3)
    with pytest.raises(RecipeError, match=r"--set stages\.9"):
        built(GOOD, tmp_path, ["stages.9.sample.n=5"])
    with pytest.raises(RecipeError, match="a.b=value"):
        built(GOOD, tmp_path, ["nonsense"])


def test_extends_merges_and_keeps_the_place_of_what_it_says_itself(tmp_path):
    (tmp_path / "base.yaml").write_text(GOOD)
    (tmp_path / "hot.yaml").write_text(
        "extends: base.yaml\nname: hot\nmodels:\n  writer: {use: simulated, temperatur: 1.5}\n"
    )

    with pytest.raises(RecipeError, match=r"hot\.yaml:4:\d+"):
        build(load_recipe(tmp_path / "hot.yaml"))
    (tmp_path / "hot.yaml").write_text(
        "extends: base.yaml\nname: hot\nmodels:\n  writer: {use: simulated, temperature: 1.5}\n"
    )
    pipeline = build(load_recipe(tmp_path / "hot.yaml"))
    assert (
        pipeline.recipe.name,
        pipeline.models["writer"].sampling["temperature"],
        len(pipeline.models),
    ) == ("hot", 1.5, 2)
