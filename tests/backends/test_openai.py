"""Any server that speaks the OpenAI protocol: OpenAI, vLLM, SGLang, llama.cpp, Ollama, a gateway.
(prefgen/backends/openai.py)
"""

import asyncio
import itertools
import json
import time
from collections import Counter

import pytest
from aiohttp import web

from prefgen.dataset.read_run import read_records
from prefgen.errors import (
    EndpointDown,
    FatalEndpoint,
    RecipeError,
)
from tests.support.recipes import a_recipe, failures_of, run, unused_port
from tests.support.server import by_content


@pytest.mark.parametrize(
    ("status", "words", "most"),
    [(401, "OPENAI_API_KEY", 16), (403, "HTTP 403", 150), (404, "this model", 150)],
)
async def test_a_rejected_key_or_model_stops_at_once(tmp_path, server, status, words, most):
    """403 and 404 may be about one prompt: a few are tried three times before they count as all."""
    server.script = lambda body, attempt: web.json_response(
        {"error": {"message": "Incorrect key sk-verysecret123"}}, status=status
    )

    outcome = await run(a_recipe(url=server.url, prompts=[f"{i}?" for i in range(50)]), tmp_path / "out")

    assert isinstance(outcome.stopped, FatalEndpoint)
    assert outcome.exit_code == 1
    assert words in str(outcome.stopped)
    assert "verysecret" not in str(outcome.stopped)
    assert len(server.bodies) <= most


@pytest.mark.parametrize("status", [403, 404, 451, 500, 503])
@pytest.mark.usefixtures("short_backoff")
async def test_a_prompt_that_is_always_refused_is_given_up_and_the_dataset_finishes(tmp_path, server, status):
    """A provider's moderation, or a bug of the server that one prompt meets."""
    server.script = lambda body, attempt: (
        web.json_response({"error": {"message": "flagged: violence"}}, status=status)
        if body["model"] == "w" and "7?" in str(body)
        else by_content(body, attempt)
    )
    recipe = a_recipe(url=server.url, prompts=[f"Question {i}?" for i in range(12)])

    outcome = await run(recipe, tmp_path / "out")

    assert outcome.complete and outcome.exit_code == 0
    failures = {f["code"]: f["reason"] for f in failures_of(tmp_path / "out")}
    assert list(failures) == [str(status)] and "flagged: violence" in failures[str(status)]
    asked = len(server.bodies)
    again = await run(recipe, tmp_path / "again")
    assert again.complete and len(server.bodies) == asked, "it is final: nobody is asked again"


@pytest.mark.parametrize("status", [403, 500, 503])
@pytest.mark.usefixtures("short_backoff")
async def test_the_last_prompt_that_is_left_is_given_up_too(tmp_path, server, status):
    """Where no other is asked beside it, a word of our own shows that the server answers others."""
    recipe = a_recipe(url=server.url, prompts=[f"Question {i}?" for i in range(3)])

    server.script = by_content
    assert (await run(recipe, tmp_path / "out")).complete
    recipe["stages"][0]["prompts"]["prompts"].append("Question 7?")
    server.script = lambda body, attempt: (
        web.json_response({"error": {"message": "no"}}, status=status)
        if "7?" in str(body)
        else by_content(body, attempt)
    )

    outcome = await run(recipe, tmp_path / "more")

    assert outcome.complete and {f["code"] for f in failures_of(tmp_path / "more")} == {str(status)}


@pytest.mark.usefixtures("short_backoff")
async def test_many_prompts_that_are_always_refused_are_given_up_after_their_tries(tmp_path, server):
    """All are asked at once, so that none is answered after they have failed: a word of our own is."""
    asked = Counter()

    def script(body, attempt):
        text = str(body["messages"][-1]["content"])
        if body["model"] != "w" or not text.endswith("5?"):
            return by_content(body, attempt)
        asked[text] += 1
        return web.json_response({"error": {"message": "no"}}, status=500)

    server.script = script
    recipe = a_recipe(
        url=server.url, n=1, prompts=[f"Question {i}?" for i in range(50)], run={"concurrency": 64}
    )
    recipe["stages"][2:] = []

    outcome = await run(recipe, tmp_path / "out")

    assert outcome.complete and len(failures_of(tmp_path / "out")) == 5
    assert set(asked.values()) == {6}


async def test_a_key_that_is_withdrawn_loses_nothing_although_answers_still_come(tmp_path, server):
    seen = itertools.count()

    async def late(body, attempt):
        await asyncio.sleep(3)
        return web.json_response(by_content(body, attempt))

    def script(body, attempt):
        number = next(seen)
        if number < 4:
            return late(body, attempt)
        return web.json_response({"error": {"message": "key disabled"}}, status=403)

    server.script = script
    recipe = a_recipe(url=server.url, n=1, prompts=[f"{i}?" for i in range(8)])
    recipe["stages"][2:] = []

    stopped = (await run(recipe, tmp_path / "out")).stopped
    server.script = by_content
    again = await run(recipe, tmp_path / "out")

    assert isinstance(stopped, FatalEndpoint) and "key disabled" in str(stopped)
    assert again.complete and not failures_of(tmp_path / "out")


@pytest.mark.parametrize("concurrency", [1, 8])
async def test_a_server_that_goes_down_takes_no_prompt_with_it(tmp_path, server, concurrency):
    answered = iter(range(6))
    down = web.json_response
    server.script = lambda body, attempt: (
        by_content(body, attempt)
        if next(answered, None) is not None
        else down({"error": {"message": "no healthy upstream"}}, status=503)
    )
    recipe = a_recipe(
        url=server.url,
        prompts=[f"{i}?" for i in range(12)],
        run={"concurrency": concurrency, "server_down_after": 1},
    )

    for start in ("first", "second"):
        outcome = await run(recipe, tmp_path / start)
        assert isinstance(outcome.stopped, EndpointDown)

    server.script = by_content
    assert (await run(recipe, tmp_path / "third")).complete and not failures_of(tmp_path / "third")


async def test_a_key_that_is_withdrawn_on_the_way_stops_the_run(tmp_path, server):
    answered = iter(range(6))
    server.script = lambda body, attempt: (
        by_content(body, attempt)
        if next(answered, None) is not None
        else web.json_response({"error": {"message": "key revoked"}}, status=403)
    )
    recipe = a_recipe(url=server.url, prompts=[f"{i}?" for i in range(30)], run={"concurrency": 1})

    outcome = await run(recipe, tmp_path / "out")

    assert isinstance(outcome.stopped, FatalEndpoint) and "key revoked" in str(outcome.stopped)


@pytest.mark.parametrize(
    ("status", "message", "remedy"),
    [
        (400, "Unsupported value: 'temperature' does not support 0", "temperature: null"),
        (400, "response_format is not supported", "schema_as: text"),
        (422, "seed: extra fields not permitted", "send_seed: false"),
        (401, "no", "OPENAI_API_KEY"),
        (404, "Not Found", "have this model"),
        (
            400,
            "'max_tokens' is not supported, use 'max_completion_tokens'",
            "token_field: max_completion_tokens",
        ),
        (400, "Only n = 1 is supported", "n: false"),
        (402, "Insufficient credits", "credit left"),
    ],
)
async def test_an_error_names_what_may_help(tmp_path, server, status, message, remedy):
    server.script = lambda body, _: web.json_response({"error": {"message": message}}, status=status)

    outcome = await run(a_recipe(url=server.url, prompts=[f"{i}?" for i in range(30)]), tmp_path / "out")

    assert remedy in str(outcome.stopped) and message in str(outcome.stopped)


async def test_a_port_where_nobody_listens_is_said_within_seconds(tmp_path):
    port = unused_port()
    url = f"http://127.0.0.1:{port}/v1"

    started = time.monotonic()
    outcome = await run(a_recipe(url=url), tmp_path / "out")

    assert time.monotonic() - started < 30 and outcome.exit_code == 3
    assert str(port) in str(outcome.stopped)


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


@pytest.mark.parametrize("status", [200, 400])
@pytest.mark.parametrize(
    "said",
    [
        {"error": {"message": "bad key sk-do-not-keep-me-0123456789", "code": 400}},
        {"error": "bad key sk-do-not-keep-me-0123456789"},
        {"choices": [{"error": {"message": "x" * 280 + "do-not-keep-me-in-a-header"}}]},
        "<html>Bearer sk-do-not-keep-me-0123456789</html>",
    ],
)  # fmt: skip
@pytest.mark.usefixtures("short_backoff")
async def test_a_key_that_the_server_repeats_is_in_no_file(tmp_path, server, monkeypatch, said, status):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-do-not-keep-me-0123456789")
    body = said if isinstance(said, str) else json.dumps(said)
    server.script = lambda asked, attempt: (
        web.Response(text=body, status=status) if "Two?" in str(asked) else by_content(asked, attempt)
    )
    recipe = a_recipe(url=server.url, prompts=["One?", "Two?", "Three?"])
    for endpoint in recipe["run"]["endpoints"].values():
        endpoint["headers"] = {"api-key": "do-not-keep-me-in-a-header"}

    await run(recipe, tmp_path / "out")

    for path in tmp_path.rglob("*"):
        assert not path.is_file() or b"do-not-keep-me" not in path.read_bytes(), path


async def test_nothing_goes_where_a_server_sends_us(tmp_path, server):
    server.script = lambda body, attempt: web.Response(
        status=307, headers={"Location": "http://127.0.0.1:9/v1"}
    )

    outcome = await run(a_recipe(url=server.url), tmp_path / "out")

    assert isinstance(outcome.stopped, FatalEndpoint) and "127.0.0.1:9" in str(outcome.stopped)


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
