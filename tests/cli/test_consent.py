"""Before a changed recipe pays for anything it is said what, and asked. (prefgen/cli/consent.py)"""

import asyncio
import json
import re

import pytest

from prefgen.api.consent import LOOKED_AT
from tests.support.cli import prefgen
from tests.support.recipes import a_recipe, run
from tests.support.server import by_content
from tests.support.terminal import prefgen_on_a_terminal

PRICES = {"w": {"input": 1, "output": 2}, "g": {"input": 3, "output": 10}}
OTHER_JUDGE = ("--set", "stages.2.judge.quality.aspects=[honesty]")
MISSED = "Another 0?"
"""A prompt that the sample of an estimate does not hold."""
OTHER_MARGIN = ("--set", "stages.3.pair.min_margin=0.5")


@pytest.fixture
async def paid(server, tmp_path, monkeypatch):
    """A folder with a finished run of two models that are paid for, and the server that answered."""
    server.script = by_content
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    recipe = a_recipe(url=server.url, run={"prices": PRICES})
    (tmp_path / "r.json").write_text(json.dumps(recipe))
    outcome = await run(recipe, tmp_path / "runs" / "test", journal=tmp_path / "runs" / "calls.sqlite")
    assert outcome.complete
    server.bodies.clear()
    return tmp_path


@pytest.mark.parametrize("quiet", [(), ("-q",)])
def test_without_a_terminal_a_changed_recipe_that_costs_money_needs_yes(paid, server, quiet):
    before = (paid / "runs/test/manifest.json").read_bytes()

    refused = prefgen("run", "r.json", *OTHER_JUDGE, *quiet, cwd=paid)

    assert (refused.returncode, refused.stdout, server.bodies) == (2, "", [])
    [line] = refused.stderr.splitlines()
    assert re.search(r"about 3 of 9 requests are new, for about \$0\.\d\d; the dataset", line)
    assert "judge: changed; pair: follows a change" in line
    assert "moves to runs/test/previous/" in line and "--yes" in line
    assert (paid / "runs/test/manifest.json").read_bytes() == before
    assert not (paid / "runs/test/previous").exists()


async def test_a_question_says_what_is_new_and_quiet_is_no_answer_to_it(paid, server):
    code, screen = prefgen_on_a_terminal("run", "r.json", "-q", *OTHER_JUDGE, cwd=paid, typed="n\n")

    assert (code, server.bodies) == (1, [])
    assert "judge: changed" in screen
    assert "About 3 of 9 requests are new, for about $0.0" in screen
    assert "moves to runs/test/previous/" in screen
    assert "Go on? [y/N]" in screen


def test_a_change_that_asks_nothing_needs_no_yes_and_is_said(paid, server):
    loud = prefgen("run", "r.json", *OTHER_MARGIN, cwd=paid)
    quiet = prefgen("run", "r.json", "-q", cwd=paid)

    assert (loud.returncode, quiet.returncode, server.bodies) == (0, 0, [])
    assert "pair: changed" in loud.stderr and "No request is new" in loud.stderr
    assert quiet.stderr == ""


async def test_what_the_sample_of_an_estimate_misses_is_not_taken_to_cost_nothing(tmp_path, server):
    server.script = by_content
    prompts = [f"Number {i}?" for i in range(120)]
    recipe = a_recipe(url=server.url, prompts=prompts, run={"prices": PRICES})
    await run(recipe, tmp_path / "runs" / "test", journal=tmp_path / "runs" / "calls.sqlite")
    more = a_recipe(url=server.url, prompts=[*prompts, MISSED], run={"prices": PRICES})
    (tmp_path / "r.json").write_text(json.dumps(more))
    server.bodies.clear()

    refused = prefgen("run", "r.json", cwd=tmp_path, OPENAI_API_KEY="none")

    plan = json.loads(prefgen("plan", "r.json", "-k", LOOKED_AT, "--json", cwd=tmp_path).stdout)
    assert (plan["sampled"], plan["new_requests"]) == (LOOKED_AT, 0), "choose another prompt"
    assert (refused.returncode, server.bodies) == (2, [])
    assert "about 3 of 363 requests are new" in refused.stderr


def test_a_model_without_a_price_may_cost_and_one_of_price_0_does_not(paid, server):
    free = {name: {"input": 0, "output": 0} for name in PRICES}

    unknown = prefgen("run", "r.json", *OTHER_JUDGE, "--set", "run.prices={}", cwd=paid)
    asks_nobody = prefgen("plan", "r.json", *OTHER_JUDGE, "--set", f"run.prices={json.dumps(free)}", cwd=paid)

    assert unknown.returncode == 2
    assert "whatever grader costs (no price is given: run.prices)" in unknown.stderr
    assert "cost: $0.00;" in asks_nobody.stdout


def test_yes_is_an_answer(paid, server):
    done = prefgen_on_a_terminal("run", "r.json", "-q", "--yes", "--set", "run.server_down_after=0",
                                 *OTHER_MARGIN, cwd=paid)  # fmt: skip

    assert done[0] == 0
    assert "Go on?" not in done[1]


async def test_a_preview_of_a_changed_recipe_asks_as_a_run_does(paid, server):
    refused = prefgen("preview", "r.json", *OTHER_JUDGE, "-n", "2", cwd=paid)
    asked = len(server.bodies)
    code, screen = prefgen_on_a_terminal("preview", "r.json", *OTHER_JUDGE, "-n", "2", cwd=paid, typed="n\n")

    assert (refused.returncode, refused.stdout, asked) == (2, "", 0)
    assert re.search(r"about 2 of 6 requests are new, for about \$0\.\d\d\. Say --yes", refused.stderr)
    assert (code, server.bodies) == (1, [])
    assert "Go on? [y/N]" in screen and "previous" not in screen

    shown = await asyncio.to_thread(prefgen, "preview", "r.json", *OTHER_JUDGE, "-n", "2", "--yes", cwd=paid)
    assert (shown.returncode, len(server.bodies)) == (0, 2)


async def test_a_preview_of_a_new_recipe_needs_no_yes(paid, server):
    words = ("preview", "r.json", "--set", "name=other", *OTHER_JUDGE, "-n", "2")
    shown = await asyncio.to_thread(prefgen, *words, cwd=paid)

    assert (shown.returncode, len(server.bodies)) == (0, 2)
