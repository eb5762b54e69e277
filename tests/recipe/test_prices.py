"""What tokens cost: the user's prices, and public list prices. (prefgen/recipe/prices.py)"""

import json
import re

import pytest

from prefgen.calls.budget import PICO
from prefgen.errors import RecipeError
from prefgen.recipe.build import build
from prefgen.recipe.load import load_recipe, recipe_from_data
from prefgen.recipe.prices import LIST_PRICES, list_prices
from tests.support.cli import prefgen
from tests.support.recipes import a_recipe

FAR = "https://llm.example.com/v1"


def built(tmp_path, *, name="gpt-5.2", url=FAR, **run):
    recipe = a_recipe(url=url, run=run)
    recipe["models"]["writer"]["name"] = name
    return build(recipe_from_data(recipe, tmp_path))


def usd(pipeline, prompt, completion, cached=0):
    price = pipeline.price(pipeline.models["writer"])
    return None if price is None else price.cost(prompt, completion, cached) / PICO


def test_the_table_has_its_source_its_day_and_whole_prices():
    table = list_prices()

    assert "LiteLLM" in table["source"] and re.fullmatch(r"\d{4}-\d\d-\d\d", table["date"])
    assert len(table["prices"]) > 200
    for name, price in table["prices"].items():
        assert {"input", "output"} <= set(price) <= {"input", "output", "cached_input"}, name
        assert 0 < price["input"] < 1000 and 0 <= price["output"] < 1000, name
        assert price.get("cached_input", 0) <= price["input"], name
    assert LIST_PRICES.stat().st_size < 40_000


def test_a_well_known_model_has_a_price_and_ones_own_wins(tmp_path):
    own = {"gpt-5.2": {"input": 2, "output": 3}}

    assert usd(built(tmp_path), 10**6, 10**6, 0) == 1.75 + 14  # as the provider lists them
    assert usd(built(tmp_path), 10**6, 0, 10**6) == 0.175
    assert usd(built(tmp_path, prices=own), 10**6, 10**6) == 5
    assert usd(built(tmp_path, name="made-up"), 1, 1) is None
    (tmp_path / "mine.yaml").write_text("gpt-5.2: {input: 0, output: 0}\n")
    assert usd(built(tmp_path, prices="mine.yaml"), 10**6, 10**6) == 0


@pytest.mark.parametrize("url", ["http://localhost:8000/v1", "http://127.0.0.1:8000/v1", "http://[::1]:1/v1"])
def test_a_server_of_this_machine_has_no_list_price(tmp_path, url):
    assert usd(built(tmp_path, url=url), 1, 1) is None


def test_a_budget_takes_a_list_price(tmp_path):
    recipe = a_recipe(url=FAR, run={"budget_usd": 1})
    recipe["models"]["writer"]["name"] = "gpt-5.2"
    recipe["models"]["grader"]["name"] = "claude-opus-4-6"

    assert build(recipe_from_data(recipe, tmp_path)).recipe.run.budget_usd == 1


def test_what_is_listed_and_what_nobody_knows_is_said_once(tmp_path):
    listed, unknown = built(tmp_path).price_notes

    assert listed.startswith(f"prices of writer: public list prices of {list_prices()['date']}")
    assert unknown.startswith("no price is known of grader: what they cost is not counted")
    prices = {"gpt-5.2": {"input": 1, "output": 1}, "g": {"input": 0, "output": 0}}
    assert built(tmp_path, prices=prices).price_notes == []
    assert build(recipe_from_data(a_recipe(), tmp_path)).price_notes == []  # scripted: nobody is asked


async def test_a_run_says_it_once(tmp_path, server):
    recipe = a_recipe(url="http://127.0.0.1:9/v1", run={"server_down_after": 0})
    (tmp_path / "r.json").write_text(json.dumps(recipe))

    done = prefgen("run", "r.json", cwd=tmp_path, OPENAI_API_KEY="none")

    assert done.stderr.count("no price is known of writer, grader") == 1


@pytest.mark.parametrize(
    ("price", "missing"),
    [({"input": 1}, "output is missing, found input 1"), ({"output": 2}, "input is missing, found output 2")],
)
@pytest.mark.parametrize("in_file", [False, True])
def test_half_a_price_is_one_line_with_its_place(tmp_path, price, missing, in_file):
    recipe = a_recipe(url=FAR, run={"prices": {"w": price}})
    if in_file:
        (tmp_path / "prices.yaml").write_text(json.dumps({"w": price}))
        recipe["run"]["prices"] = "prices.yaml"
    (tmp_path / "r.json").write_text(json.dumps(recipe, indent=1))

    with pytest.raises(RecipeError, match=f"price of 'w': {missing}; give both") as refused:
        build(load_recipe(tmp_path / "r.json"))

    assert refused.value.exit_code == 2
    assert re.match(r".*prices\.yaml: " if in_file else r".*r\.json:\d+:\d+: ", str(refused.value))
    assert "\n" not in str(refused.value)
