"""Any server that speaks the OpenAI protocol: OpenAI, vLLM, SGLang, llama.cpp, Ollama, a gateway.
(prefgen/backends/openai.py)
"""

import pytest
from aiohttp import web

from prefgen.dataset.read_run import read_records
from prefgen.errors import (
    FatalEndpoint,
    RecipeError,
)
from tests.support.recipes import a_recipe, run
from tests.support.server import by_content


@pytest.mark.parametrize(("status", "words"), [(401, "OPENAI_API_KEY"), (403, "HTTP 403"), (404, "HTTP 404")])
async def test_a_rejected_key_or_model_stops_at_once(tmp_path, server, status, words):
    server.script = lambda body, attempt: web.json_response(
        {"error": {"message": "Incorrect key sk-verysecret123"}}, status=status
    )

    outcome = await run(a_recipe(url=server.url, prompts=[f"{i}?" for i in range(50)]), tmp_path / "out")

    assert isinstance(outcome.stopped, FatalEndpoint)
    assert outcome.exit_code == 1
    assert words in str(outcome.stopped)
    assert "verysecret" not in str(outcome.stopped)
    assert len(server.bodies) <= 16


async def test_the_key_is_in_no_file(tmp_path, server, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-do-not-keep-me-0123456789")
    server.script = lambda body, attempt: (
        web.json_response(
            {"error": {"message": "bad key sk-do-not-keep-me-0123456789", "code": "x"}}, status=400
        )
        if "Two?" in str(body)
        else by_content(body, attempt)
    )

    await run(a_recipe(url=server.url), tmp_path / "out")

    assert server.headers[0]["Authorization"] == "Bearer sk-do-not-keep-me-0123456789"
    for path in tmp_path.rglob("*"):
        assert not path.is_file() or b"do-not-keep-me" not in path.read_bytes(), path


@pytest.mark.parametrize(
    ("route", "data"),
    [
        ("score", {"score": 1.5}),
        ("pooling", {"data": [1.5]}),
        ("pooling", {"data": [[0.1], [1.5]]}),
        ("classify", {"probs": [-0.5, 1.5]}),
    ],
)
async def test_a_reward_model_answers_on_the_route_that_its_server_has(tmp_path, server, route, data):
    server.script = lambda body, _: {
        "data": [{"index": 0, **data}],
        "model": "rm",
        "usage": {"prompt_tokens": 3},
    }
    recipe = a_recipe(url=server.url, prompts=("One?",), n=2)
    recipe["stages"][1:] = [
        {"sample": {"use": "each", "model": "spoken", "n": 2}},
        {"judge": {"rm": {"use": "reward_model", "model": "grader", "raw": True}}},
    ]
    recipe["models"]["spoken"] = {
        "use": "scripted",
        "rules": [{"when": "", "say": ["One.", "Two."]}],
        "temperature": 1.0,
    }
    recipe["run"]["endpoints"]["grader"]["score_route"] = route

    outcome = await run(recipe, tmp_path / "out")

    assert outcome.complete
    [record] = read_records(tmp_path / "out")
    assert [s.value for s in record.scores] == [1.5, 1.5]
    assert ("text_2" in server.bodies[0]) == (route == "score")
    assert ("messages" in server.bodies[0]) == (route != "score")


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
