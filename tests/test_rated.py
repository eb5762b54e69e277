"""A curator that asks a model about each prompt before it sees the whole set."""

import json

import pytest

from prefgen import Plugin, curator
from prefgen.api import options_of
from prefgen.dataset.read_run import read_records
from prefgen.engine.plan import make_plan
from prefgen.errors import PluginError
from prefgen.recipe.build import build
from prefgen.recipe.load import recipe_from_data
from tests.support.recipes import a_recipe, run


def rate(body, _):
    """3 for short prompts, 5 for long ones, nothing readable about what is odd."""
    asked = body["messages"][0]["content"]
    if "Rate how" not in asked:
        return f"Said {asked[:20]}"
    return (
        "no idea" if "odd" in asked else json.dumps({"rationale": "r", "rating": 5 if "long" in asked else 2})
    )


def rated(url, prompts=("A long one?", "A short one?", "An odd one?"), *, before=(), **fields):
    recipe = a_recipe(url=url, prompts=prompts)
    recipe["stages"].insert(
        1, {"curate": [*before, {"use": "rated", "model": "grader", "least": 3, **fields}]}
    )
    recipe["stages"] = recipe["stages"][:3]
    return recipe


def texts(out):
    return [r.prompt.text for r in read_records(out)]


async def test_what_is_rated_low_goes_and_what_could_not_be_read_does_not(tmp_path, server):
    server.script = rate

    outcome = await run(rated(server.url), tmp_path / "out")

    assert outcome.complete
    assert texts(tmp_path / "out") == ["A long one?", "An odd one?"]
    assert outcome.manifest.yields.dropped_by_curators == {"prompts: rated: quality": 1}
    assert outcome.manifest.yields.failures
    [first, *_] = read_records(tmp_path / "out")
    assert first.prompt.metadata["rated_quality"] == 5
    assert {cost.stage for cost in outcome.manifest.cost.by_stage} == {"curate", "sample"}


async def test_a_number_of_before_is_not_taken_for_one_that_was_lost(tmp_path, server):
    server.script = rate
    recipe = rated(
        server.url, ("An odd one?",), before=[{"use": "rated", "model": "writer", "least": 1}], least=4
    )
    recipe["stages"] = recipe["stages"][:2]
    server.script = lambda body, _: (
        json.dumps({"rationale": "r", "rating": 2}) if body["model"] == "w" else "no idea"
    )

    outcome = await run(recipe, tmp_path / "out")

    assert texts(tmp_path / "out") == ["An odd one?"]
    assert outcome.manifest.yields.prompts_by_outcome == {"kept": 1}
    assert outcome.manifest.yields.failures


async def test_without_a_rating_it_may_go_too(tmp_path, server):
    server.script = rate

    await run(rated(server.url, missing="drop"), tmp_path / "out")

    assert texts(tmp_path / "out") == ["A long one?"]


async def test_only_what_curators_before_it_left_is_asked_about(tmp_path, server):
    server.script = rate
    recipe = rated(server.url, ("A long one?", "A long one?", "a LONG one?"), before=[{"use": "dedupe"}])

    await run(recipe, tmp_path / "out")

    assert sum("Rate how" in body["messages"][0]["content"] for body in server.bodies) == 1


async def test_two_of_them_follow_each_other_and_the_same_again_asks_nothing(tmp_path, server):
    server.script = rate
    recipe = rated(
        server.url, before=[{"use": "rated", "model": "grader", "aspect": "difficulty", "most": 4}]
    )

    await run(recipe, tmp_path / "out")
    asked = len(server.bodies)
    again = await run(recipe, tmp_path / "again", live=False)

    assert texts(tmp_path / "out") == ["An odd one?"]
    assert again.complete
    assert len(server.bodies) == asked


async def test_it_stands_between_the_rounds_of_a_synthesizer(tmp_path):
    (tmp_path / "seeds.jsonl").write_text(
        "".join(json.dumps({"prompt": f"Thing {i}"}) + "\n" for i in range(4))
    )
    recipe = {
        "name": "between",
        "models": {"m": {"use": "simulated", "temperature": 1.0}},
        "stages": [
            {
                "prompts": {
                    "made": {
                        "use": "few_shot",
                        "model": "m",
                        "seeds": "seeds.jsonl",
                        "rounds": 2,
                        "target": 7,
                    }
                }
            },
            {
                "curate": [
                    {"use": "dedupe"},
                    {"use": "rated", "model": "m", "least": 1},
                    {"use": "limit", "count": 50},
                ]
            },
            {"sample": {"use": "each", "model": "m", "n": 1}},
        ],
    }

    outcome = await run(recipe, tmp_path / "out", folder=tmp_path)

    assert outcome.complete
    assert len(texts(tmp_path / "out")) == 7
    assert all(r.prompt.metadata["rated_quality"] for r in read_records(tmp_path / "out"))


async def test_a_plan_counts_it(tmp_path):
    pipeline = build(recipe_from_data(rated("http://localhost:1/v1"), tmp_path))

    plan = await make_plan(
        pipeline, options_of(pipeline, tmp_path / "out", tmp_path / "calls.sqlite"), sample=9
    )

    assert {(line.stage, line.requests) for line in plan.lines} >= {("curate", 3)}


@curator("test_weighs_nan")
class WeighsNan(Plugin):
    def output_column(self):
        return "weight"

    async def annotate(self, prompt, ask):
        return float("nan")

    def curate(self, rows):
        return rows


async def test_a_weight_that_is_no_number_is_a_bug_that_is_named(tmp_path):
    recipe = a_recipe()
    recipe["stages"].insert(1, {"curate": [{"use": "test_weighs_nan"}]})

    outcome = await run(recipe, tmp_path / "out")

    assert isinstance(outcome.stopped, PluginError)
    assert "annotated a prompt with 'nan'" in str(outcome.stopped)


@pytest.mark.parametrize("fields", [{}, {"least": 4, "most": 2}])
def test_bounds_must_make_sense(fields):
    from pydantic import ValidationError

    from prefgen.curators.rated import Rated

    with pytest.raises(ValidationError):
        Rated(model="m", **fields)


async def test_two_curators_of_one_kind_are_each_asked_in_their_own_manner(tmp_path, server):
    server.script = rate
    before = [
        {"use": "rated", "model": {"is": "grader", "max_tokens": 11}, "least": 1, "aspect": "complexity"}
    ]
    recipe = rated(server.url, ("A long one?",), before=before, model={"is": "grader", "max_tokens": 99})

    await run(recipe, tmp_path / "out")

    assert {body["max_tokens"] for body in server.bodies if body["model"] == "g"} == {11, 99}
