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

from prefgen.backends.openai import OpenAI
from prefgen.dataset.read_run import read_records
from prefgen.errors import (
    EndpointDown,
    FatalEndpoint,
    RecipeError,
    RequestFailed,
)
from prefgen.recipe.build import build
from prefgen.recipe.load import recipe_from_data
from prefgen.transport.request import ModelRequest
from prefgen.types import user
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


MODERATED = "Content violates usage guidelines. Team: x, API key ID: y, Model: grok-4."


@pytest.mark.parametrize(
    ("status", "message", "unsaid"),
    [
        (403, MODERATED, "OPENAI_API_KEY"),
        (403, "Your account's input was flagged by moderation", "OPENAI_API_KEY"),
        (400, f"{MODERATED} API key logged.", "OPENAI_API_KEY"),
        (402, "This request requires more credits.", ".."),
        (404, "The model `foo` does not exist.", ".."),
        (401, "No such user!", "!."),
    ],
)
async def test_what_may_help_is_of_the_matter_and_a_sentence_of_its_own(server, status, message, unsaid):
    server.script = lambda body, attempt: web.json_response({"error": {"message": message}}, status=status)

    failure = await failure_of(server.url)

    assert message.rstrip(".") in failure.message and unsaid not in failure.message


async def test_a_server_that_says_with_200_that_it_has_no_such_route_lacks_its_version(tmp_path, server):
    said = {"error": "Unexpected endpoint or method. (POST /chat/completions)"}
    server.script = lambda body, attempt: said
    recipe = a_recipe(url=server.url, prompts=[f"{i}?" for i in range(6)])

    failure = await failure_of(server.url.replace("/v1", "/openai"))
    outcome = await run(recipe, tmp_path / "out")

    assert (failure.kind, failure.code) == ("denied", "404") and "lack /v1 at its end" in failure.message
    assert isinstance(outcome.stopped, FatalEndpoint) and len(server.bodies) < 40


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


def rewards(data):
    return {"data": [{"index": 0, **data}], "model": "rm", "usage": {"prompt_tokens": 3}}


def rated_by_server(server, route):
    """Two scripted answers that a reward model on `route` rates."""
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
    if route:
        recipe["models"]["grader"]["score_route"] = route
    return recipe


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
    server.script = lambda body, _: rewards(data)

    outcome = await run(rated_by_server(server, route), tmp_path / "out")

    assert outcome.complete
    [record] = read_records(tmp_path / "out")
    assert [s.value for s in record.scores] == [1.5, 1.5]
    assert ("text_2" in server.bodies[0]) == (route == "score")
    assert ("messages" in server.bodies[0]) == (route != "score")
    assert all(body["use_activation"] is False for body in server.bodies)


async def test_another_route_asks_for_the_rewards_anew(tmp_path, server):
    rewarded = {"score": {"score": 1.5}, "classify": {"probs": [-0.5]}}
    for route, data in rewarded.items():
        server.script = lambda body, _, data=data: rewards(data)
        await run(rated_by_server(server, route), tmp_path / route, journal=tmp_path / "calls.sqlite")

    values = [s.value for r in rewarded for record in read_records(tmp_path / r) for s in record.scores]
    assert values == [1.5, 1.5, -0.5, -0.5]


async def test_a_route_where_earlier_recipes_had_it_is_asked_as_it_was(tmp_path, server, capsys):
    server.script = lambda body, _: rewards({"probs": [0.25]})
    recipe = rated_by_server(server, None)
    recipe["run"]["endpoints"]["grader"]["score_route"] = "classify"

    await run(recipe, tmp_path / "out")
    earlier, without = (
        build(recipe_from_data(recipe, tmp_path)),
        build(recipe_from_data(rated_by_server(server, None), tmp_path)),
    )

    [record] = read_records(tmp_path / "out")
    assert [s.value for s in record.scores] == [0.25, 0.25]
    assert not any("use_activation" in body for body in server.bodies)
    assert earlier.models["grader"].identity == without.models["grader"].identity
    assert "is called models: {MODEL: {score_route}} now" in capsys.readouterr().err


async def test_without_a_route_no_reward_is_asked_for(tmp_path, server):
    outcome = await run(rated_by_server(server, None), tmp_path / "out")

    assert "give score_route under models: classify or pooling for a chat model" in str(outcome.stopped)
    assert server.bodies == []


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


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("https://host/v1/chat/completions", "leave '/chat/completions' out"),
        ("https://host/v1/completions/", "leave '/completions' out"),
        ("https://host/v1/embeddings", "leave '/embeddings' out"),
        ("https://x.openai.azure.com/openai/deployments/g?api-version=1&api-key=secret", "openai/v1"),
        ("https://host/v1#secret", "nothing may follow"),
        ("ftp://user:secret@host/v1?key=secret", "must start with http"),
    ],
)
async def test_an_address_that_holds_a_route_or_a_query_is_refused_with_the_remedy(tmp_path, url, words):
    with pytest.raises(RecipeError) as caught:
        await run(a_recipe(url=url), tmp_path / "out")

    assert words in str(caught.value) and "secret" not in str(caught.value)


LOGIN = "<!DOCTYPE html><html><title>Login</title></html>"


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (lambda: web.json_response({"error": {"message": "Invalid API key provided"}}), "OPENAI_API_KEY"),
        (
            lambda: web.json_response({"error": {"code": "invalid_api_key", "message": "no"}}),
            "OPENAI_API_KEY",
        ),
        (lambda: web.Response(text=LOGIN, content_type="text/html"), "login page or proxy"),
        (lambda: web.Response(text=""), "login page or proxy"),
        (lambda: web.Response(text='data: {"choices": []}\n\ndata: [DONE]'), "Turn streaming off"),
        (lambda: web.Response(body=b'{"choices": [{"mess'), "cut replies short"),
        (lambda: web.Response(text="{}", headers={"Content-Encoding": "br"}), "uncompressed"),
        (lambda: web.Response(text="{}", headers={"Content-Encoding": "gzip"}), "uncompressed"),
        (lambda: web.json_response({"error": None, "message": "CUDA out of memory"}, status=500), "CUDA out"),
    ],
)
async def test_whatever_fails_names_the_server_and_what_may_help(server, said, words):
    server.script = lambda body, attempt: said()

    failure = await failure_of(server.url)

    assert words in failure.message and server.url in failure.message


@pytest.mark.parametrize(
    ("path", "words"), [("/v1beta/openai", "have this model"), ("/openai", "lack /v1 at its end")]
)
async def test_a_version_in_the_address_needs_no_other(server, path, words):
    assert words in (await failure_of(server.url.replace("/v1", path))).message


async def failure_of(url: str) -> RequestFailed:
    """How one request fails."""
    async with OpenAI(base_url=url).connect() as model:
        with pytest.raises(RequestFailed) as caught:
            await model.send(ModelRequest("chat", "m", (user("Hi"),)))
    return caught.value


async def test_a_connection_that_closes_after_the_request_may_have_been_billed(server):
    class Cut(web.Response):
        async def prepare(self, request):
            request.transport.close()
            raise ConnectionResetError

    server.script = lambda body, attempt: Cut()
    cut = await failure_of(server.url)
    unsent = await failure_of(f"http://127.0.0.1:{unused_port()}/v1")

    assert (cut.kind, cut.billed, unsent.kind, unsent.billed) == ("connection", True, "connection", False)
    assert "closed before a reply came" in cut.message and "cannot reach" in unsent.message


@pytest.mark.parametrize(
    ("status", "billed"), [(502, True), (504, True), (524, True), (500, False), (503, False), (429, False)]
)
async def test_what_a_gateway_had_sent_on_may_have_been_billed(server, status, billed):
    server.script = lambda body, attempt: web.json_response({}, status=status)
    assert (await failure_of(server.url)).billed == billed


@pytest.mark.parametrize(
    "said", [LOGIN, "", 'data: {"choices": []}\n\ndata: [DONE]'], ids=["page", "nothing", "stream"]
)
@pytest.mark.usefixtures("short_backoff")
async def test_a_server_that_always_answers_something_else_is_asked_three_times_a_prompt(
    tmp_path, server, said
):
    server.script = lambda body, attempt: web.Response(text=said, content_type="text/html")
    recipe = a_recipe(url=server.url, prompts=[f"{i}?" for i in range(6)])

    outcome = await run(recipe, tmp_path / "out")

    assert isinstance(outcome.stopped, FatalEndpoint) and len(server.bodies) <= 18
    assert server.url in str(outcome.stopped)
    server.script = by_content
    assert (await run(recipe, tmp_path / "out")).manifest.yields.pairs == 6


async def test_a_missing_key_stops_before_anything_is_asked(tmp_path):
    with pytest.raises(RecipeError, match="OPENAI_API_KEY is not set"):
        await run(a_recipe(url="https://api.openai.com/v1"), tmp_path / "out")


async def test_a_server_that_is_not_known_to_go_on_with_a_turn_is_not_asked_to(tmp_path, server):
    recipe = a_recipe(url=server.url)
    recipe["stages"][2] = {
        "judge": {"quality": {"use": "expectation", "model": "grader", "opening": "Rating: "}}
    }

    outcome = await run(recipe, tmp_path / "run")

    assert "leave `opening` out" in str(outcome.stopped)
    assert not any("continue_final_message" in request for request in server.bodies)
