"""What a stage is made of: its plug-ins by name, what each is limited to, and the identity that says what it
is. (prefgen/stages/stage.py)
"""

import asyncio
import re
from collections.abc import Sequence

import pytest

from prefgen import Plugin, filter, judge
from prefgen.dataset.read_run import read_records
from prefgen.errors import PluginError
from tests.support.asking import InATaskGroup  # noqa: F401 - registers a judge
from tests.support.recipes import a_recipe, run


async def test_a_reply_that_is_lost_in_a_task_group_costs_its_judgment_alone(tmp_path):
    recipe = a_recipe()
    recipe["models"]["grader"]["rules"] = [
        {"when": "Rate Answer number [0-9]*[13579],", "refuse": "content_policy"},
        {"when": "", "say": "Good."},
    ]
    recipe["stages"][2] = {"judge": {"quality": {"use": "test_task_group", "model": "grader"}}}

    outcome = await run(recipe, tmp_path / "out")

    assert outcome.complete, outcome.stopped
    texts = [[r.text for r in record.responses] for record in read_records(tmp_path / "out")]
    refused = sum(any(re.search(r"number \d*[13579],", text) for text in answers) for answers in texts)
    assert refused > 0
    assert outcome.manifest.yields.failures == {"judge: content_policy": refused}


async def test_two_sample_stages_may_come_to_the_same_answer(tmp_path):
    recipe = a_recipe()
    recipe["models"]["writer"]["rules"][1]["say"] = ["Yes."]
    recipe["stages"][1:] = [
        {"sample": {"use": "each", "model": "writer", "n": 1}},
        {"sample": {"use": "each", "model": "writer", "n": 1}},
    ]

    outcome = await run(recipe, tmp_path / "out")

    assert outcome.complete
    assert [[r.text for r in record.responses] for record in read_records(tmp_path / "out")] == [["Yes."]] * 3


async def test_a_judge_that_is_lost_whole_leaves_the_judge_beside_it_alone(tmp_path, server):
    server.script = lambda body, _: "words and nothing else"
    recipe = a_recipe(url=server.url, prompts=("One?",))
    recipe["stages"][2]["judge"]["other"] = {"use": "additive", "model": "grader", "samples": 1}

    outcome = await run(recipe, tmp_path / "out")

    assert outcome.complete, outcome.stopped
    assert sum(outcome.manifest.yields.failures.values()) >= 2


def returning(kind):
    @judge(f"returns_{kind}")
    class Returns(Plugin):
        if kind == "generator":

            async def judge(self, prompt, responses, ask):
                yield 1

        elif kind == "exits":

            async def judge(self, prompt, responses, ask):
                raise SystemExit(7)

        else:

            async def judge(self, prompt, responses, ask) -> Sequence[object]:
                return {"none": None, "text": ["5"], "number": 5}[kind]

    return Returns


@pytest.mark.parametrize("kind", ["none", "text", "number", "generator", "exits"])
async def test_whatever_a_judge_returns_the_run_names_it(tmp_path, kind):
    returning(kind)
    recipe = a_recipe()
    recipe["stages"][2] = {"judge": {"quality": {"use": f"returns_{kind}"}}}

    outcome = await asyncio.wait_for(run(recipe, tmp_path / "out"), 30)

    assert isinstance(outcome.stopped, PluginError)
    assert "'quality'" in str(outcome.stopped)
    assert "\n" not in str(outcome.stopped)


@filter("test_filter_with_a_bug")
class FilterWithABug(Plugin):
    def flag(self, record):
        raise KeyError("boom")


async def test_a_filter_with_a_bug_stops_the_run_and_is_named_like_any_plug_in(tmp_path):
    recipe = a_recipe()
    recipe["stages"].insert(3, {"filter": {"use": "test_filter_with_a_bug"}})

    outcome = await run(recipe, tmp_path / "out")

    assert isinstance(outcome.stopped, PluginError)
    assert "'test_filter_with_a_bug'" in str(outcome.stopped)
