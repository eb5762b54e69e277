"""The models of a recipe: their backends, what keys hold of them, how they are reached, and what their tokens
cost. (prefgen/recipe/models.py)
"""

import json

import pytest

from prefgen.errors import RecipeError
from prefgen.recipe.build import build
from prefgen.recipe.load import recipe_from_data
from tests.support.recipes import a_recipe


def test_the_environment_is_read_inside_run_alone_and_never_stored(tmp_path, monkeypatch):
    monkeypatch.setenv("MY_URL", "http://127.0.0.1:1/v1")
    recipe = a_recipe(url="${env:MY_URL}", name="test", description="${env:MY_URL}")

    pipeline = build(recipe_from_data(recipe, tmp_path))

    assert pipeline.models["writer"].backend.base_url == "http://127.0.0.1:1/v1"
    assert pipeline.recipe.description == "${env:MY_URL}"
    assert "127.0.0.1" not in json.dumps(pipeline.resolved)
    with pytest.raises(RecipeError, match="NOT_THERE is not set"):
        build(recipe_from_data(a_recipe(url="${env:NOT_THERE}"), tmp_path))


def test_where_a_model_is_served_belongs_under_run(tmp_path):
    recipe = a_recipe(url="http://127.0.0.1:1/v1")
    recipe["models"]["writer"]["base_url"] = "http://x/v1"

    with pytest.raises(RecipeError, match="belongs under run"):
        build(recipe_from_data(recipe, tmp_path))


def test_what_is_said_for_all_endpoints_holds_where_a_model_says_nothing_else(tmp_path):
    recipe = a_recipe(url="http://127.0.0.1:1/v1")
    recipe["models"]["toy"] = {"use": "simulated"}
    recipe["run"]["endpoints"] = {
        "default": {"base_url": "http://127.0.0.1:1/v1", "concurrency": 3, "timeout": 9},
        "writer": {"concurrency": 5},
    }

    models = build(recipe_from_data(recipe, tmp_path)).models

    assert models["writer"].backend.base_url == "http://127.0.0.1:1/v1"
    assert (models["writer"].endpoint.concurrency, models["writer"].endpoint.timeout) == (5, 9)
    assert models["toy"].endpoint.concurrency == 3
    recipe["run"]["endpoints"]["default"]["base_urll"] = "x"
    with pytest.raises(RecipeError, match="unknown key 'base_urll'. Did you mean 'base_url'"):
        build(recipe_from_data(recipe, tmp_path))
