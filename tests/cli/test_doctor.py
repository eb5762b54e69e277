"""prefgen doctor: servers that misbehave in the ways that real ones do, and runs that use what was found.
(prefgen/calls/server_check.py, prefgen/engine/needs.py, prefgen/engine/server_answers.py)
"""

import asyncio
import json

import pytest

from prefgen.engine.server_answers import _with_hints
from prefgen.recipe.build import build
from prefgen.recipe.load import recipe_from_data
from tests.support.cli import prefgen, prefgen_here
from tests.support.recipes import a_recipe, unused_port
from tests.support.selftested import MODEL, selftested


async def looked_at(folder, *words, **environment):
    return await asyncio.to_thread(prefgen, "doctor", *words, cwd=folder, **environment)


async def found(folder, *faults, **settings) -> tuple[dict, dict]:
    """({feature: state}, the report) of a server with faults."""
    async with selftested(*faults, **settings) as server:
        done = await looked_at(folder, server.url, "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    [report] = json.loads(done.stdout)["servers"]
    return {each["feature"]: each["state"] for each in report["findings"]}, report


def recipe_for(url: str) -> dict:
    recipe = a_recipe(url=url)
    for model in recipe["models"].values():
        model["name"] = MODEL
    return recipe


async def test_a_server_that_does_all_works_throughout_and_little_is_asked_of_it(tmp_path):
    states, report = await found(tmp_path, "many stops")

    assert set(states.values()) == {"works"} and len(states) > 15
    assert report["hints"] == {} and report["requests"] <= 20 and 0 < report["tokens"] < 500
    assert report["models"] == [{"id": MODEL, "root": "/weights/small", "parent": "", "max_model_len": 2048}]
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("fault", "feature", "state", "hints"),
    [
        ("no temperature", "draws", "fails", {}),
        ("no seeds", "seed", "not offered", {}),
        ("one draw", "n", "not offered", {"n": False}),
        ("any name", "foreign", "fails", {}),
        ("no logprobs", "logprobs", "not offered", {"alternatives": 0}),
        ("other tokens", "logprobs", "fails", {}),
        ("no alternatives", "logprobs", "fails", {}),
        ("no schemas", "schema", "not offered", {"schema_as": "text"}),
        ("schema broken", "schema", "fails", {"schema_as": "text"}),
        ("schema 500", "schema", "not offered", {"schema_as": "text"}),
        ("wrong echo", "echo", "fails", {}),
        ("no echo", "echo", "not offered", {}),
        ("chat shape", "echo", "works", {}),
        ("no usage", "usage", "not offered", {}),
        ("reasons", "temperature", "fails", {}),
        ("no list", "models", "not offered", {}),
    ],
)
async def test_each_way_of_misbehaving_is_found_and_no_other(tmp_path, fault, feature, state, hints):
    async with selftested(fault, "many stops") as server:
        done = await looked_at(tmp_path, server.url, "--model", MODEL, "--json")

    [report] = json.loads(done.stdout)["servers"]
    states = {each["feature"]: each["state"] for each in report["findings"]}
    assert (states.pop(feature), report["hints"]) == (state, hints)
    beside = {"no alternatives": {"opened_turn"}, "no logprobs": {"opened_turn"}, "no list": {"context"}}
    odd = {name for name, value in states.items() if value != "works"}
    assert odd <= beside.get(fault, set()) | ({"opened_turn"} if fault == "other tokens" else set())


async def test_long_texts_in_a_schema_are_said_and_so_are_fewer_alternatives_and_stops(tmp_path):
    states, report = await found(tmp_path, "long texts", alternatives=5)

    said = {each["feature"]: each["words"] for each in report["findings"]}
    assert said["schema"] == "JSON schemas are kept, without maxLength"
    assert states["stops"] == "not offered" and "5 alternatives" in said["logprobs"]
    assert report["hints"] == {"alternatives": 5}


@pytest.mark.parametrize(
    ("refused", "hints"),
    [("max_tokens", {"token_field": "max_completion_tokens"}), ("seed", {"send_seed": False})],
)
async def test_fields_that_a_server_refuses_are_learnt_first(tmp_path, refused, hints):
    states, report = await found(tmp_path, refuses=[refused])

    assert report["hints"] | hints == report["hints"]
    assert states["chat"] == states["draws"] == states["schema"] == "works"


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("html", "is not JSON (starts with '<html><body>Sign in"),
        ("half json", "is not JSON"),
        ("nonsense", "is not JSON"),
        ("redirects", "it sends us to 'https://elsewhere.example/login'"),
        ("key", "it refuses the key of MY_KEY"),
        ("breaks", "HTTP 500: Internal Server Error"),
        ("odd shapes", "odd shape"),
        ("hangs", "no answer within 0.5 s"),
    ],
)
async def test_whatever_a_server_answers_is_a_line_and_no_key_is_shown(tmp_path, fault, words):
    async with selftested(fault) as server:
        done = await looked_at(
            tmp_path, server.url, "--key-env", "MY_KEY", "--timeout", "0.5", MY_KEY="sk-secret-123456"
        )

    assert done.returncode == 1 and words in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
    assert "secret" not in done.stdout + done.stderr


async def test_what_is_no_target_is_a_usage_error(tmp_path):
    nobody = await looked_at(tmp_path, f"http://127.0.0.1:{unused_port()}/v1")
    no_file = await looked_at(tmp_path, "missing.yaml")
    no_key = await looked_at(tmp_path, "http://127.0.0.1:9/v1", "--key-env", "NO_SUCH_KEY")

    assert nobody.returncode == 1 and "no server answers" in nobody.stdout
    assert no_file.returncode == 2 and "is no recipe, and no address" in no_file.stderr
    assert no_key.returncode == 2 and "NO_SUCH_KEY is not set" in no_key.stderr


async def test_of_a_recipe_only_what_its_stages_ask_for_counts(tmp_path):
    async with selftested("wrong echo", "any name", without=["embeddings"]) as server:
        (tmp_path / "r.json").write_text(json.dumps(recipe_for(server.url)))
        done = await looked_at(tmp_path, "r.json")

    assert done.returncode == 0, done.stdout
    assert "writer: ok" in done.stdout and "grader: ok" in done.stdout


async def test_draws_that_are_equal_fail_a_recipe_by_the_stage_that_draws(tmp_path):
    async with selftested("no temperature") as server:
        (tmp_path / "r.json").write_text(json.dumps(recipe_for(server.url)))
        done = await looked_at(tmp_path, "r.json", "--json")

    said = {each["name"]: each["unmet"] for each in json.loads(done.stdout)["models"]}
    assert done.returncode == 1 and said["grader"] == []
    assert said["writer"] == ["stage 'sample' needs draws that differ"]


async def test_a_run_asks_as_was_found_until_the_server_is_another(tmp_path):
    async with selftested("one draw", "no schemas") as server:
        (tmp_path / "r.json").write_text(json.dumps(recipe_for(server.url)))
        await looked_at(tmp_path, "r.json", OPENAI_API_KEY="a-key-of-mine")
        kept = (tmp_path / "runs" / "servers.json").read_text()
        server.bodies.clear()
        run = await asyncio.to_thread(prefgen, "run", "r.json", cwd=tmp_path)
        bodies = list(server.bodies)
        server.settings["version"] = "9.9.9"
        server.bodies.clear()
        words = ("--out", "second", "--journal", "runs/second.sqlite")
        again = await asyncio.to_thread(prefgen, "run", "r.json", *words, cwd=tmp_path)

    assert "a-key-of-mine" not in kept and json.loads(kept)["servers"][0]["model"] == MODEL
    assert 'asked as `prefgen doctor` found it answers (n: false, schema_as: "text")' in run.stderr
    assert bodies and not any("n" in body or "response_format" in body for body in bodies)
    assert "its server is not the one that `prefgen doctor` looked at" in again.stderr
    assert any("n" in body for body in server.bodies)


async def test_a_setting_of_the_recipe_goes_before_what_was_found(tmp_path):
    async with selftested("one draw") as server:
        recipe = recipe_for(server.url)
        recipe["run"]["endpoints"]["writer"]["n"] = True
        (tmp_path / "r.json").write_text(json.dumps(recipe))
        await looked_at(tmp_path, "r.json")
        server.bodies.clear()
        run = await asyncio.to_thread(prefgen, "run", "r.json", cwd=tmp_path)

    assert "grader: asked as" in run.stderr and "writer: asked as" not in run.stderr
    assert any("n" in body for body in server.bodies)


async def test_a_damaged_file_of_answers_helps_nobody_and_harms_nobody(tmp_path):
    async with selftested() as server:
        (tmp_path / "r.json").write_text(json.dumps(recipe_for(server.url)))
        (tmp_path / "runs").mkdir()
        (tmp_path / "runs" / "servers.json").write_text('{"servers": [{"address": 3}, ')
        done = await looked_at(tmp_path, "r.json")

    assert done.returncode == 0, done.stderr
    assert len(json.loads((tmp_path / "runs" / "servers.json").read_text())["servers"]) == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["http://[::1/v1"], "Invalid IPv6 URL"),
        (["http://127.0.0.1:1/v1", "--timeout", "inf"], "--timeout"),
    ],
)
def test_an_odd_address_or_time_is_one_line(tmp_path, words, said):
    done = prefgen_here("doctor", *words, cwd=tmp_path)

    assert done.returncode in (1, 2)
    assert said in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "hints",
    [
        {"schema_as": "nonsense"},
        {"token_field": ""},
        {"alternatives": -5},
        {"alternatives": 10**30},
        {"n": "no"},
    ],
)
def test_hints_that_no_recipe_could_say_are_not_taken(tmp_path, hints):
    pipeline = build(recipe_from_data(a_recipe(url="http://localhost:1/v1"), tmp_path))
    built = pipeline.models["writer"]

    asked_as = _with_hints(built, hints)

    assert asked_as.built.backend == built.backend
    assert asked_as.alternatives is None
