"""Before a changed recipe pays for anything it is said what, and asked. (prefgen/cli/consent.py)"""

import asyncio
import json
import re
import sqlite3

import pytest

from prefgen.api.consent import LOOKED_AT
from tests.support.cli import prefgen, prefgen_here
from tests.support.killing import start
from tests.support.paths import ROOT
from tests.support.recipes import a_recipe, run, shard_bytes
from tests.support.server import by_content
from tests.support.terminal import prefgen_on_a_terminal

PRICES = {"w": {"input": 1, "output": 2}, "g": {"input": 3, "output": 10}}
OTHER_JUDGE = ("--set", "stages.2.judge.quality.aspects=[honesty]")
MISSED = "Another 0?"
"""A prompt that the sample of an estimate does not hold."""
OTHER_LENGTH = ("--set", "models.writer.max_tokens=100")
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


def _write_prompts(folder, *prompts):
    (folder / "prompts.jsonl").write_text("".join(json.dumps({"prompt": text}) + "\n" for text in prompts))


@pytest.fixture
async def paid_file(server, tmp_path, monkeypatch):
    """The same, of three prompts in a file."""
    server.script = by_content
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    recipe = a_recipe(url=server.url, run={"prices": PRICES})
    recipe["stages"][0] = {"prompts": {"use": "file", "path": "prompts.jsonl"}}
    (tmp_path / "r.json").write_text(json.dumps(recipe))
    _write_prompts(tmp_path, "One?", "Two?", "Three?")
    done = await asyncio.to_thread(prefgen, "run", "r.json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    server.bodies.clear()
    return tmp_path


@pytest.mark.parametrize(
    ("prompts", "new"),
    [(("Four?", "Five?"), "6 of 6"), (("One?", "Two?", "Three?", "Four?"), "3 of 12")],
)
async def test_other_prompts_in_a_file_are_asked_about_as_a_changed_recipe_is(
    paid_file, server, prompts, new
):
    before = (paid_file / "runs/test/manifest.json").read_bytes()
    _write_prompts(paid_file, *prompts)

    refused = await asyncio.to_thread(prefgen, "run", "r.json", cwd=paid_file)
    shown = await asyncio.to_thread(prefgen, "preview", "r.json", "-n", "9", cwd=paid_file)
    code, screen = prefgen_on_a_terminal("run", "r.json", cwd=paid_file, typed="n\n")

    assert (refused.returncode, shown.returncode, code, server.bodies) == (2, 2, 1, [])
    what = "what the recipe reads changed since the last run in runs/test (prompts.jsonl: other contents)"
    [line] = refused.stderr.splitlines()
    assert what in line and f"about {new} requests are new" in line
    assert "the dataset that is in runs/test moves to runs/test/previous/. Say --yes" in line
    assert "What the recipe reads changed since" in screen and "prompts.jsonl: other contents" in screen
    assert f"About {new} requests are new" in screen and "Go on? [y/N]" in screen
    assert (paid_file / "runs/test/manifest.json").read_bytes() == before
    agreed = await asyncio.to_thread(prefgen, "run", "r.json", "--yes", cwd=paid_file)
    assert (agreed.returncode, len(server.bodies)) == (0, int(new.split()[0]) * 2 // 3)


async def test_other_prompts_that_cost_nothing_need_no_yes(paid_file, server):
    _write_prompts(paid_file, "Three?", "One?")

    fewer = await asyncio.to_thread(prefgen, "run", "r.json", cwd=paid_file)
    same = await asyncio.to_thread(prefgen, "run", "r.json", cwd=paid_file)

    assert (fewer.returncode, same.returncode, server.bodies) == (0, 0, [])
    assert "prompts.jsonl: other contents" in fewer.stderr and "No request is new" in fewer.stderr
    assert "changed since" not in same.stderr


async def test_other_prompts_that_were_agreed_to_are_asked_about_once_and_keep_the_finished_ones(
    paid_file, server
):
    _write_prompts(paid_file, "One?", "Two?", "Three?", "Four?")
    few = ("--set", "run.budget_tokens=1")

    stopped = await asyncio.to_thread(prefgen, "run", "r.json", "--yes", *few, cwd=paid_file)
    kept = [path.name for path in (paid_file / "runs/test/previous").glob("*/*")]
    again = await asyncio.to_thread(prefgen, "run", "r.json", cwd=paid_file)

    assert (stopped.returncode, again.returncode) == (5, 0), stopped.stderr + again.stderr
    assert {"manifest.json", "pairs", "records"} <= set(kept)


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


@pytest.mark.parametrize("look", [("--offline",), ("--export-requests", "requests.jsonl")])
@pytest.mark.parametrize("changed", [True, False])
async def test_a_start_that_asks_nobody_and_is_not_whole_leaves_the_finished_dataset(
    paid, server, look, changed
):
    out = paid / "runs" / "test"
    files = ("manifest.json", "recipe.yaml", "failures.parquet")
    before = [shard_bytes(out), *((out / name).read_bytes() for name in files)]
    words = ("run", "r.json", *(OTHER_JUDGE if changed else ("--journal", "empty.sqlite")))
    if not changed:  # the same recipe lacks nothing, unless store and journal are gone
        (out / "record_store.sqlite").unlink()

    looked = await asyncio.to_thread(prefgen, *words, *look, cwd=paid)
    shown = prefgen_here("show", "pairs", "runs/test", "--json", cwd=paid)
    [status] = json.loads(prefgen_here("status", "runs/test", "--json", cwd=paid).stdout)
    refused = await asyncio.to_thread(prefgen, "run", "r.json", *OTHER_JUDGE, cwd=paid)

    assert (looked.returncode, server.bodies) == (3, [])
    assert "the finished dataset in runs/test stays as it is" in looked.stderr
    assert [shard_bytes(out), *((out / name).read_bytes() for name in files)] == before
    assert not (out / "previous").exists()
    assert (shown.returncode, len(shown.stdout.splitlines())) == (0, 3)
    assert (status["state"], status["pairs"]) == ("complete", 3)
    assert refused.returncode == 2 and "judge: changed" in refused.stderr
    again = await asyncio.to_thread(prefgen, "run", "r.json", cwd=paid)
    assert (again.returncode, server.bodies) == (0, [])
    assert shard_bytes(out) == before[0] and not (out / "previous").exists()


async def test_a_preview_of_a_new_recipe_needs_no_yes(paid, server):
    words = ("preview", "r.json", "--set", "name=other", *OTHER_JUDGE, "-n", "2")
    shown = await asyncio.to_thread(prefgen, *words, cwd=paid)

    assert (shown.returncode, len(server.bodies)) == (0, 2)


async def _kill_a_first_run(folder, server, *, answers):
    """A first run, killed after so many answers: it has no manifest."""

    is_killed = asyncio.Event()

    async def then_silent(body, attempt):
        if len(server.bodies) > answers:
            await is_killed.wait()
        return by_content(body, attempt)

    (folder / "r.json").write_text(
        json.dumps(a_recipe(url=server.url, run={"prices": PRICES, "timeout": 60}))
    )
    server.script = then_silent
    process = start(folder / "r.json", folder / "runs" / "test", "env", "-C", str(folder))
    while len(server.bodies) <= answers:
        await asyncio.sleep(0.02)
    at_work = await asyncio.to_thread(prefgen, "status", "--json", cwd=folder)
    process.kill()
    process.communicate()
    killed = await asyncio.to_thread(prefgen, "status", "--json", cwd=folder)
    is_killed.set()
    for said, state in ((at_work, "at work"), (killed, "never stopped cleanly")):
        [row] = json.loads(said.stdout)
        assert (row["state"], row["models"], row["failures"]) == (state, ["grader", "writer"], 0)
        with sqlite3.connect(folder / "runs" / "calls.sqlite") as db:
            [(picodollars,)] = db.execute("SELECT sum(cost) FROM replies")
        assert row["paid_usd"] == picodollars / 10**12 > 0
    assert not (folder / "runs/test/manifest.json").exists()
    server.script = by_content
    server.bodies.clear()


@pytest.mark.parametrize("look", [None, "--offline"])
async def test_another_recipe_in_the_folder_of_a_killed_first_run_is_asked_about(
    tmp_path, server, monkeypatch, look
):
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    await _kill_a_first_run(tmp_path, server, answers=2)
    if look:  # nobody was asked, and nobody agreed to anything
        await asyncio.to_thread(prefgen, "run", "r.json", *OTHER_LENGTH, look, cwd=tmp_path)

    refused = await asyncio.to_thread(prefgen, "run", "r.json", *OTHER_LENGTH, cwd=tmp_path)
    shown = await asyncio.to_thread(prefgen, "preview", "r.json", *OTHER_LENGTH, "-n", "1", cwd=tmp_path)

    assert (refused.returncode, shown.returncode, server.bodies) == (2, 2, [])
    assert "the recipe changed since the last run in runs/test (sample: changed; " in refused.stderr
    assert "9 of 9 requests are new" in refused.stderr and "previous" not in refused.stderr
    resumed = await asyncio.to_thread(prefgen, "run", "r.json", cwd=tmp_path)
    assert (resumed.returncode, 0 < len(server.bodies) < 9) == (0, True), resumed.stderr


async def test_a_change_that_was_agreed_to_is_asked_about_once(tmp_path, server, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    await _kill_a_first_run(tmp_path, server, answers=2)

    stopped = await asyncio.to_thread(
        prefgen, "run", "r.json", *OTHER_LENGTH, "--yes", "--set", "run.budget_tokens=1", cwd=tmp_path
    )
    again = await asyncio.to_thread(prefgen, "run", "r.json", *OTHER_LENGTH, cwd=tmp_path)

    assert (stopped.returncode, again.returncode) == (5, 0), stopped.stderr + again.stderr


async def test_a_start_that_was_refused_before_it_asked_anybody_is_no_run(tmp_path, server, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    (tmp_path / "r.json").write_text(json.dumps(a_recipe(url=server.url, run={"prices": PRICES})))
    server.script = by_content

    key = ("--set", "run.endpoints.grader.api_key_env=NO_SUCH_KEY")
    keyless = await asyncio.to_thread(prefgen, "run", "r.json", *key, cwd=tmp_path)
    [refused] = json.loads(prefgen("status", "--json", cwd=tmp_path).stdout)
    changed = await asyncio.to_thread(prefgen, "run", "r.json", *OTHER_LENGTH, cwd=tmp_path)
    await asyncio.to_thread(prefgen, "run", "r.json", *key, "--yes", cwd=tmp_path)
    [finished] = json.loads(prefgen("status", "--json", cwd=tmp_path).stdout)

    assert (refused["state"], finished["state"], finished["pairs"]) == ("refused", "complete", 3)
    for row in (refused, finished):
        assert row["stopped"].startswith("the last start was refused: the environment variable NO_SUCH_KEY")
    assert (keyless.returncode, changed.returncode) == (2, 0), keyless.stderr + changed.stderr
