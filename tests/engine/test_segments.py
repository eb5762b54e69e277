"""The segments of a run, one after the other. (prefgen/engine/segments.py)"""

import asyncio
import json

from aiohttp import web

from tests.support.durability import two_segments
from tests.support.recipes import a_recipe, run
from tests.support.server import by_content


async def test_a_later_segment_is_filled_again_when_the_first_is_made_again(tmp_path, server):
    server.script = by_content
    await run(two_segments(url=server.url), tmp_path / "out")
    recipe = two_segments(url=server.url)
    recipe["stages"][2]["judge"]["quality"]["low"] = 1.5

    outcome = await run(recipe, tmp_path / "out")

    assert outcome.manifest.yields.pairs == 20


async def test_one_new_prompt_that_is_refused_is_not_the_recipes_fault(tmp_path, server):
    def says(body, _):
        if "odd" in json.dumps(body):
            return web.json_response({"error": {"message": "filtered", "code": "content_filter"}}, status=400)
        return "Said."

    server.script = says
    recipe = a_recipe(url=server.url, prompts=("One?", "Two?"))
    recipe["stages"] = recipe["stages"][:2]
    await run(recipe, tmp_path / "out")
    recipe["stages"][0]["prompts"]["prompts"].append("An odd one?")

    outcome = await run(recipe, tmp_path / "out")

    assert outcome.complete, outcome.stopped
    assert set(outcome.manifest.yields.failures) == {"sample: content_filter"}


async def test_when_everything_is_refused_alike_the_run_stops(tmp_path, server):
    server.script = lambda body, attempt: web.json_response(
        {"error": {"message": "unknown parameter", "code": "unsupported"}}, status=400
    )

    outcome = await run(a_recipe(url=server.url, prompts=[f"{i}?" for i in range(60)]), tmp_path / "out")

    assert outcome.exit_code == 1
    assert "refused alike" in str(outcome.stopped)


async def test_two_runs_that_are_refused_everything_leave_no_refusal_behind(tmp_path, server):
    async def refuse(body, attempt):
        await asyncio.sleep(0.02)
        return web.json_response({"error": {"message": "no such model", "code": "bad"}}, status=400)

    server.script = refuse
    recipe = a_recipe(url=server.url, prompts=[f"Question {i}?" for i in range(30)], n=1)
    recipe["stages"] = recipe["stages"][:2]
    runs = {"first": recipe, "second": {**recipe, "name": "second"}}

    async def both():
        journal = tmp_path / "calls.sqlite"
        started = (run(data, tmp_path / name, journal=journal) for name, data in runs.items())
        return await asyncio.gather(*started)

    refused = await both()
    server.script = by_content
    mended = await both()

    assert [outcome.exit_code for outcome in refused] == [1, 1]
    assert [outcome.manifest.yields.responses for outcome in mended] == [30, 30]
