"""What replies take, learnt from those that the journal holds. (prefgen/engine/expectations.py)"""

import json

import pytest

from prefgen.api.run import options_of
from prefgen.engine.expectations import (
    ASSUMED_ANSWER,
    ASSUMED_VERDICT,
    ExpectedRequest,
    Taken,
)
from prefgen.engine.plan import make_plan
from prefgen.engine.run import Runner
from prefgen.kit.templates import shipped
from prefgen.recipe.build import build
from prefgen.recipe.load import load_recipe, recipe_from_data
from prefgen.types import user
from tests.support.recipes import RATE, a_recipe, run
from tests.support.server import answer

LONG = "A word or two more. " * 100
"""An answer of 2,000 characters."""


def lengths(body, attempt):
    """Answers of 2,000 characters and 500 tokens, verdicts of 77; a token for every 5 characters of a
    prompt.
    """
    asked = sum(len(message["content"]) for message in body["messages"])
    is_judge = body["model"] == "g"
    reply = answer(RATE if is_judge else LONG, body)
    for choice in reply["choices"][1:]:
        choice["message"]["content"] = f"{choice['index']}. {LONG}"
    tokens = 77 if is_judge else 500 * len(reply["choices"])
    return {**reply, "usage": {"prompt_tokens": asked // 5, "completion_tokens": tokens}}


def of_stage(plan, stage):
    [line] = [line for line in plan.lines if line.stage == stage]
    return line


async def test_new_requests_are_as_long_as_the_known_ones(tmp_path, server):
    """A judge is shown answers as long as those that were paid for: an estimate from short ones was half."""
    server.script = lengths
    prompts = [f"What is number {i}? {'Say why. ' * 40}" for i in range(90)]
    recipe = a_recipe(
        url=server.url,
        prompts=prompts,
        run={"prices": {"w": {"input": 1, "output": 2}, "g": {"input": 3, "output": 4}}},
    )
    pipeline = build(recipe_from_data(recipe, tmp_path))
    options = options_of(pipeline, tmp_path / "out", tmp_path / "calls.sqlite")
    first = await run(recipe, tmp_path / "out", limit=20)

    plan = await make_plan(pipeline, options, sample=30)
    whole = await Runner(pipeline, options).run()

    left = {cost.stage: cost for cost in whole.manifest.cost.by_stage}
    known = {cost.stage: cost for cost in first.manifest.cost.by_stage}
    for stage in ("sample", "judge"):
        line, missing = of_stage(plan, stage), left[stage].requests - known[stage].requests
        per_request = (left[stage].prompt_tokens - known[stage].prompt_tokens) / missing
        assert line.prompt_tokens / line.new_requests == pytest.approx(per_request, rel=0.03)
        assert line.completion_tokens / line.new_requests == pytest.approx(
            {"sample": 500, "judge": 77}[stage]
        )


async def test_another_judge_is_shown_the_answers_that_are_known(tmp_path, server):
    server.script = lengths
    recipe = a_recipe(url=server.url, prompts=[f"Number {i}?" for i in range(40)])
    await run(recipe, tmp_path / "out")
    recipe["stages"][2]["judge"]["quality"]["aspects"] = ["honesty"]
    pipeline = build(recipe_from_data(recipe, tmp_path))

    plan = await make_plan(
        pipeline, options_of(pipeline, tmp_path / "out", tmp_path / "calls.sqlite"), sample=10
    )

    assert of_stage(plan, "sample").new_requests == 0
    judge = of_stage(plan, "judge")
    assert judge.completion_tokens / judge.new_requests == 77  # what the model's replies took so far
    assert judge.prompt_tokens / judge.new_requests > 2 * 2000 / 4


@pytest.mark.parametrize(
    ("request_fields", "mean", "simulated", "tokens"),
    [
        ({"is_text": True}, None, 60, ASSUMED_ANSWER),
        ({"is_text": True, "sampling": {"max_tokens": 100}}, None, 60, 100),
        ({"is_text": True}, 37, 60, 37),
        ({}, None, 20, ASSUMED_VERDICT),
        ({}, None, 250, 250),
        ({"logprobs": 5}, 300, 1, 1),
        ({"taken": Taken(replies=2, completion_tokens=90)}, 37, 60, 45),
    ],
)
def test_what_is_known_best_decides(request_fields, mean, simulated, tokens):
    request = ExpectedRequest("chat", "w", (user("Why?"),), **request_fields)

    assert request.completion_tokens(mean, simulated) == tokens


@pytest.mark.parametrize("name", ["ultrafeedback", "cai_sl", "self_rewarding", "rlaif", "contrast", "plural"])
async def test_long_guesses_are_read_by_every_plugin_as_short_ones_are(name, tmp_path):
    """Else a plan would count what never comes."""
    path = shipped("pipelines") / f"{name}.yaml"
    data = json.loads(json.dumps(load_recipe(path).data))
    for entry in data["models"].values():
        entry.pop("skill", None)
    simulated = build(recipe_from_data(data, path.parent))
    outcome = await Runner(simulated, options_of(simulated, tmp_path / "out", tmp_path / "j.sqlite")).run()
    for model, entry in data["models"].items():
        entry |= {"use": "openai", "name": entry.get("name", model)}
    data["run"] = {"endpoints": {key: {"base_url": "http://127.0.0.1:9/v1"} for key in data["models"]}}
    pipeline = build(recipe_from_data(data, path.parent))
    options = options_of(pipeline, tmp_path / "other", tmp_path / "k.sqlite")

    plan = await make_plan(pipeline, options, sample=1000)

    asked = {(cost.stage, cost.model): cost.requests for cost in outcome.manifest.cost.by_stage}
    planned = {(line.stage, line.model): line.requests for line in plan.lines}
    assert planned == {of: pytest.approx(requests, rel=0.25) for of, requests in asked.items()}
