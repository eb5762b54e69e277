"""prefgen check RECIPE --connect: servers that nobody answers at. (prefgen/engine/connect.py)"""

import asyncio
import json

import pytest

import prefgen as package
from prefgen.errors import RecipeError
from tests.support.cli import prefgen
from tests.support.recipes import a_recipe, unused_port
from tests.support.served import CHAIN, in_turns


async def checked(folder, recipe, *words, **environment):
    (folder / "r.json").write_text(json.dumps(recipe))
    environment = {"OPENAI_API_KEY": "none", **environment}
    return await asyncio.to_thread(prefgen, "check", "r.json", *words, cwd=folder, **environment)


async def test_a_server_that_answers_is_asked_for_nothing(server, tmp_path):
    done = await checked(tmp_path, a_recipe(url=server.url), "--connect")

    assert (done.returncode, server.bodies) == (0, []), done.stderr
    assert package.check(a_recipe(), connect=True).passed  # simulated: nobody is there to answer


async def test_servers_that_nobody_answers_at_are_said_at_once_each_with_its_model(server, tmp_path):
    recipe = a_recipe(url=f"http://127.0.0.1:{unused_port()}/v1")

    unseen = await checked(tmp_path, recipe)
    found = await checked(tmp_path, recipe, "--connect", "--json")

    assert unseen.returncode == 0
    assert found.returncode == 2
    said = json.loads(found.stdout)
    assert said["passed"] is False and len(said["errors"]) == 2
    for name, line in zip(("writer", "grader"), said["errors"], strict=True):
        assert line.startswith("r.json:1:")
        assert f"model {name!r}: no server answers at http://127.0.0.1:" in line


async def test_a_key_that_is_missing_is_said(server, tmp_path):
    recipe = a_recipe(url=server.url)
    recipe["run"]["endpoints"]["grader"]["api_key_env"] = "NO_SUCH_KEY"

    done = await checked(tmp_path, recipe, "--connect")

    assert done.returncode == 2 and server.bodies == []
    assert "model 'grader': the environment variable NO_SUCH_KEY is not set" in done.stderr


async def test_a_variable_that_is_named_for_a_key_and_not_set_is_a_warning_without_a_look(server, tmp_path):
    recipe = a_recipe(url=server.url)
    for name in ("writer", "grader"):
        recipe["run"]["endpoints"][name]["api_key_env"] = "NO_SUCH_KEY"

    done = await checked(tmp_path, recipe, "--json")
    known = await checked(tmp_path, recipe, "--json", NO_SUCH_KEY="none")

    assert (done.returncode, known.returncode, server.bodies) == (0, 0, [])
    [warning] = [said for said in json.loads(done.stdout)["warnings"] if "NO_SUCH_KEY" in said]
    assert "NO_SUCH_KEY is not set" in warning and "for models 'writer', 'grader'" in warning
    assert "NO_SUCH_KEY" not in known.stdout


@pytest.mark.parametrize("who", ["grader", "default"])
@pytest.mark.parametrize("address", ["localhost:8811/v1", "http:///v1", "http://x/v1?key=a"])
@pytest.mark.parametrize("command", ["check", "plan"])
async def test_an_address_that_is_none_is_said_with_its_place(tmp_path, who, address, command):
    recipe = a_recipe(url="http://127.0.0.1:1/v1")
    if who == "default":
        recipe["run"]["endpoints"] = {}
    lines = [f"{key}: {json.dumps(value)}" for key, value in recipe.items() if key != "run"]
    lines += ["run:", "  endpoints:", f"    {who}:", "      timeout: 9", f"      base_url: {address}"]
    (tmp_path / "r.yaml").write_text("\n".join(lines) + "\n")

    done = await asyncio.to_thread(prefgen, command, "r.yaml", cwd=tmp_path, OPENAI_API_KEY="none")

    assert done.returncode == 2
    [said] = done.stderr.splitlines()
    assert said.startswith(f"prefgen: r.yaml:{len(lines)}:") and "base_url" in said


@pytest.mark.parametrize("words", [("--connect",), ("--set", "name=x")])
async def test_what_is_no_recipe_has_no_servers(tmp_path, words):
    (tmp_path / "pairs.jsonl").write_text('{"prompt": "a?", "chosen": "b", "rejected": "c"}\n')

    done = await asyncio.to_thread(prefgen, "check", "pairs.jsonl", *words, cwd=tmp_path)

    assert done.returncode == 2 and "a recipe, and pairs.jsonl is none" in " ".join(done.stderr.split())


def test_a_model_that_wants_more_gpus_than_there_are_is_a_warning(tmp_path, monkeypatch):
    sizes = {"a": {"devices": 2}, "b": {"devices": 4}, "c": {}}
    recipe = in_turns(CHAIN[:2], *sizes, resident="auto", **sizes)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")

    found = package.check(recipe)

    assert found.passed
    [warning] = [said for said in found.warnings if "GPU" in said]
    assert warning.startswith("run: resident: model 'b' wants 4 GPUs, and 2 are visible here")


@pytest.mark.parametrize("resident", [0, -1, "all", 1.5])
def test_what_no_room_is_has_its_place(tmp_path, resident):
    with pytest.raises(RecipeError, match="run.resident|resident"):
        package.check(in_turns(CHAIN[:1], "a", resident=resident))
