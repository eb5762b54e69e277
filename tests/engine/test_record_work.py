"""One record's way through the stages of a segment. (prefgen/engine/record_work.py)"""

import asyncio
import json
import time

from prefgen import (
    Plugin,
    Response,
    Score,
    judge,
    sampler,
)
from prefgen.dataset.read_run import read_records
from prefgen.errors import (
    PluginError,
)
from prefgen.plugins.plugin import Plugin
from tests.support.asking import InATaskGroup  # noqa: F401 - registers a judge
from tests.support.difficulty import arithmetic, policy
from tests.support.recipes import a_recipe, run
from tests.support.server import by_content


async def test_the_draws_that_grade_a_prompt_are_not_those_that_answer_it(tmp_path, server):
    server.script = policy
    recipe = arithmetic(server.url, tmp_path, {"use": "pass_rate", "model": "writer", "n": 8})

    await run(recipe, tmp_path / "out", folder=tmp_path)

    about = [b for b in server.bodies if b["messages"][-1]["content"] == "Fair sum?"]
    assert sum(b.get("n") or 1 for b in about) == 8 + 2
    assert len({b["seed"] for b in about}) == len(about)


@sampler("test_cancels_itself")
class CancelsItself(Plugin):
    async def sample(self, prompt, ask):
        task = asyncio.create_task(asyncio.sleep(9))
        task.cancel()
        await task
        return [Response.of(prompt, "never")]


async def test_a_plug_in_that_cancels_itself_is_a_bug_and_not_a_lost_row(tmp_path):
    recipe = a_recipe()
    recipe["stages"][1] = {"sample": {"use": "test_cancels_itself"}}

    outcome = await run(recipe, tmp_path / "out")

    assert isinstance(outcome.stopped, PluginError)
    assert not outcome.complete


@judge("test_plain_and_slow")
class PlainAndSlow(Plugin):
    """Not a coroutine: runs in a worker thread."""

    seconds: float = 0.0

    def judge(self, prompt, responses, ask):
        time.sleep(self.seconds if "Two?" in prompt.text else 0)
        return [
            Score(response_id=r.id, aspect="a", value=float(i + 1), scale=(1, 5))
            for i, r in enumerate(responses)
        ]


async def test_a_plain_function_is_a_plug_in_too_and_a_hanging_one_costs_its_record(tmp_path):
    recipe = a_recipe(run={"plugin_timeout": 0.5})
    recipe["stages"][2] = {"judge": {"quality": {"use": "test_plain_and_slow", "seconds": 2.0}}}

    outcome = await run(recipe, tmp_path / "out")

    assert outcome.manifest.yields.prompts_by_outcome == {"pair": 2, "failed: plugin_timeout": 1}


async def test_a_prompts_tools_are_offered_to_who_answers_it_and_to_no_judge(tmp_path, server):
    tool = {
        "type": "function",
        "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}},
    }
    (tmp_path / "p.jsonl").write_text(json.dumps({"prompt": "Is it raining?", "tools": [tool]}) + "\n")
    server.script = by_content
    recipe = a_recipe(url=server.url)
    recipe["stages"][0] = {"prompts": {"use": "file", "path": str(tmp_path / "p.jsonl")}}

    outcome = await run(recipe, tmp_path / "out")

    assert outcome.complete, outcome.stopped
    assert [b["tools"] for b in server.bodies if b["model"] == "w"] == [[tool]]
    assert [b.get("tools") for b in server.bodies if b["model"] == "g"] == [None]


async def test_two_samplers_that_ask_the_same_draw_apart(tmp_path, server):
    server.script = by_content
    recipe = a_recipe(url=server.url)
    same = {"use": "each", "model": "writer", "n": 2}
    recipe["stages"][1] = {
        "sample": {
            "one": same,
            "other": same,
            "rungs": {"use": "ladder", "model": "writer", "temperatures": [1.0]},
        }
    }

    outcome = await run(recipe, tmp_path / "out")

    assert outcome.complete, outcome.stopped
    assert outcome.manifest.yields.responses == 15
    assert len({r.text for record in read_records(tmp_path / "out") for r in record.responses}) == 15


async def test_a_plug_in_that_makes_an_error_of_being_parked_is_parked_all_the_same(tmp_path, server):
    server.script = by_content
    recipe = a_recipe(url=server.url)
    await run({**recipe, "stages": recipe["stages"][:2]}, tmp_path / "samples")
    recipe["stages"][2] = {"judge": {"quality": {"use": "test_task_group", "model": "grader", "wraps": True}}}

    parked = await run(recipe, tmp_path / "out", live=False)

    assert (parked.exit_code, parked.waiting) == (3, 3), parked.stopped
