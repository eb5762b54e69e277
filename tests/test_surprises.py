"""Things that servers, keys, plug-ins and disks were seen to do: each ends in one line and loses nothing."""

import asyncio
import json
from collections.abc import Sequence

import pytest

from prefgen import Plugin, filter, judge
from prefgen.errors import FatalEndpoint, PluginError, RecipeError
from prefgen.recipe.build import build
from prefgen.recipe.load import recipe_from_data
from tests.support.cli import prefgen
from tests.support.recipes import a_recipe, run
from tests.support.server import by_content


@pytest.mark.parametrize("key", ["sk-abc\n", "  sk-abc "])
async def test_white_space_around_a_key_is_taken_off(tmp_path, server, monkeypatch, key):
    monkeypatch.setenv("OPENAI_API_KEY", key)
    server.script = by_content

    outcome = await run(a_recipe(url=server.url), tmp_path / "out")

    assert outcome.complete
    assert server.headers[0]["Authorization"] == "Bearer sk-abc"


@pytest.mark.parametrize("key", ["sk\nabc", "sk abc", "schlüssel"])
async def test_what_is_no_key_is_said_and_not_shown(tmp_path, monkeypatch, key):
    monkeypatch.setenv("OPENAI_API_KEY", key)

    with pytest.raises(RecipeError, match="OPENAI_API_KEY holds no API key") as caught:
        await run(a_recipe(url="http://127.0.0.1:9/v1"), tmp_path / "out")

    assert key not in str(caught.value)


@pytest.mark.parametrize(
    "url", ["ftp://x/v1", "localhost:8000", "http://127.0.0.1:99999/v1", "http://user:secret@host/v1"]
)
async def test_an_address_that_is_none_is_said(tmp_path, url):
    with pytest.raises(RecipeError, match="base_url") as caught:
        await run(a_recipe(url=url), tmp_path / "out")

    assert "secret" not in str(caught.value)


async def test_a_missing_key_stops_before_anything_is_asked(tmp_path):
    with pytest.raises(RecipeError, match="OPENAI_API_KEY is not set"):
        await run(a_recipe(url="https://api.openai.com/v1"), tmp_path / "out")


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


def test_a_class_without_its_roles_method_is_refused_by_check(tmp_path):
    @judge("methodless")
    class Methodless(Plugin):
        words: int = 1

    recipe = a_recipe()
    recipe["stages"][2] = {"judge": {"quality": {"use": "methodless"}}}

    with pytest.raises(RecipeError, match="no method `judge`"):
        build(recipe_from_data(recipe, tmp_path))


async def test_no_choices_from_everything_is_an_outage_and_not_final(tmp_path, server):
    server.script = lambda body, attempt: {"choices": [], "model": body["model"]}
    recipe = a_recipe(url=server.url, run={"server_down_after": 30})
    first = await run(recipe, tmp_path / "out")
    server.script = by_content

    second = await run(recipe, tmp_path / "out")

    assert isinstance(first.stopped, FatalEndpoint)
    assert second.manifest.yields.pairs == 3


def test_a_plan_is_not_held_up_by_a_budget_and_does_not_hide_a_bug(tmp_path):
    prices = {"w": {"input": 1, "output": 10}, "g": {"input": 1, "output": 10}}
    recipe = a_recipe(
        url="http://127.0.0.1:9/v1",
        prompts=[f"{i}?" for i in range(20)],
        run={"prices": prices, "budget_usd": 0.000001},
    )
    (tmp_path / "r.json").write_text(json.dumps(recipe))
    (tmp_path / "mine.py").write_text(
        "from prefgen import Plugin, judge\n\n@judge('bad')\nclass Bad(Plugin):\n    async def judge(self, prompt, responses, ask):\n        raise KeyError('x')\n"
    )
    plan = prefgen("plan", "r.json", "--json", cwd=tmp_path)
    recipe["stages"][2] = {"judge": {"quality": {"use": "./mine.py:Bad"}}}
    (tmp_path / "bad.json").write_text(json.dumps(recipe))
    bad = prefgen("plan", "bad.json", cwd=tmp_path)

    found = json.loads(plan.stdout)
    assert found["new_requests"] == 60
    assert found["cost_usd"] > 0
    assert bad.returncode == 1
    assert "KeyError" in bad.stderr
    assert "Traceback" not in bad.stderr


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["run", "r.json", "--out", "r.json"], 1),
        (["run", "r.json", "--journal", "."], 1),
        (["run", "r.json", "--export-requests", "nowhere/x.jsonl"], 1),
        (["schema", "nowhere/x.json"], 1),
        (["show", "records", "r.json"], 2),
        (["check", "runs/nothing.parquet"], 2),
    ],
)
def test_a_place_that_cannot_be_used_is_one_line(tmp_path, words, code):
    (tmp_path / "r.json").write_text(json.dumps(a_recipe()))

    result = prefgen(*words, cwd=tmp_path)

    assert result.returncode == code, result.stderr
    assert "Traceback" not in result.stderr
    assert result.stderr.strip()


def test_damaged_files_of_a_run_are_one_line_each(tmp_path):
    (tmp_path / "r.json").write_text(json.dumps(a_recipe()))
    prefgen("run", "r.json", cwd=tmp_path)
    (tmp_path / "runs/test/pairs/00000.parquet").write_bytes(b"PAR1 nonsense")
    (tmp_path / "runs/test/attempts.json").write_text("{")

    check = prefgen("check", "runs/test", cwd=tmp_path)
    run_again = prefgen("run", "r.json", cwd=tmp_path)

    assert check.returncode == 2
    assert "00000.parquet" in check.stderr
    assert run_again.returncode == 2
    assert "attempts.json" in run_again.stderr
    assert "Traceback" not in check.stderr + run_again.stderr


def test_status_survives_a_folder_whose_manifest_is_broken(tmp_path):
    (tmp_path / "runs" / "a").mkdir(parents=True)
    (tmp_path / "runs" / "a" / "manifest.json").write_text("{")

    result = prefgen("status", cwd=tmp_path)

    assert result.returncode == 0
    assert "cannot be read" in result.stdout


def test_failures_are_explained_at_the_end(tmp_path):
    recipe = a_recipe()
    recipe["models"]["grader"]["rules"] = [{"when": "", "say": "I would rather not."}]
    (tmp_path / "r.json").write_text(json.dumps(recipe))

    result = prefgen("run", "r.json", cwd=tmp_path)

    assert result.returncode == 0
    assert "for example: " in result.stderr
    assert "prefgen retry runs/test --failed" in result.stderr
    assert "many were lost: 3 of 3 prompts (failed: " in result.stderr


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
