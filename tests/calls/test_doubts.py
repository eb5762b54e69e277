"""Whose fault a failure is that does not pass: the prompt's, a feature's, or the endpoint's.
(prefgen/calls/doubts.py)
"""

import json

import pytest
from aiohttp import web

from prefgen.calls.doubts import settled
from prefgen.calls.journal import Journal
from prefgen.calls.retries import NextStep
from prefgen.errors import FatalEndpoint, RequestFailed
from tests.support.recipes import RATE, a_recipe, failures_of, run
from tests.support.server import by_content

pytestmark = pytest.mark.usefixtures("short_backoff")

FATAL, FAIL = NextStep("fatal", is_doubtful=True), NextStep("fail", is_doubtful=True)


@pytest.mark.parametrize(
    ("step", "kind", "features", "finding", "action"),
    [
        (FATAL, "rejected", {"chat"}, "up", "refuse"),
        (FATAL, "rejected", {"chat"}, "refused", "fatal"),
        (FATAL, "rejected", {"chat"}, "down", "fail"),
        (FATAL, "denied", {"chat"}, "down", "fatal"),
        (FAIL, "server", {"chat"}, "up", "refuse"),
        (FAIL, "server", {"chat"}, "down", "fail"),
        (FAIL, "server", {"chat", "n", "tools"}, "bare", "single"),
        (FAIL, "server", {"chat", "logprobs"}, "bare", "refuse"),
        (FAIL, "server", {"chat", "tools", "logprobs"}, "bare", "fatal"),
        (FAIL, "server", {"chat", "schema {}"}, "bare", "fatal"),
    ],
)
def test_what_follows(step, kind, features, finding, action):
    after, _ = settled(step, RequestFailed(kind, "no"), frozenset(features), finding)

    assert after.action == action


CREDIT = "Your credit balance is too low to access the Anthropic API."


@pytest.mark.parametrize(
    "error",
    [
        {"error": {"type": "invalid_request_error", "message": CREDIT}},
        {"error": {"type": "budget_exceeded", "message": "Budget has been exceeded! Max budget: 10"}},
        {"error": "The model has crashed without additional information."},
        {"error": {"message": "a reason that nobody knows"}},
    ],
)
async def test_a_server_that_refuses_everything_from_a_moment_on_stops_the_run_and_loses_nothing(
    tmp_path, server, error
):
    answered = iter(range(10))
    server.script = lambda body, attempt: (
        web.json_response(error, status=400) if next(answered, None) is None else by_content(body, attempt)
    )
    recipe = a_recipe(url=server.url, prompts=[f"{i}?" for i in range(20)])

    for start in ("first", "again"):  # the second has never had an answer
        outcome = await run(recipe, tmp_path / start)
        assert isinstance(outcome.stopped, FatalEndpoint) and outcome.exit_code == 1
        said = error["error"] if isinstance(error["error"], str) else error["error"]["message"]
        assert said in str(outcome.stopped)
    journal = Journal(tmp_path / "calls.sqlite")
    assert journal.query("SELECT count(*) FROM replies WHERE status = 1") == [(0,)]
    journal.close()

    server.script = by_content
    assert (await run(recipe, tmp_path / "third")).complete and not failures_of(tmp_path / "third")


async def test_a_refusal_of_one_prompt_that_says_no_reason_is_final(tmp_path, server):
    server.script = lambda body, attempt: (
        web.json_response({"error": {"message": "no"}}, status=400)
        if "7?" in str(body)
        else by_content(body, attempt)
    )
    recipe = a_recipe(url=server.url, prompts=[f"{i}?" for i in range(9)])

    assert (await run(recipe, tmp_path / "out")).complete
    assert [f["code"] for f in failures_of(tmp_path / "out")] == ["400"] * 2
    asked = len(server.bodies)
    assert (await run(recipe, tmp_path / "again")).complete and len(server.bodies) == asked


@pytest.mark.parametrize("name", ["w", "g"], ids=["one model", "two models"])
async def test_a_server_that_knows_no_schemas_stops_the_run_with_the_remedy(tmp_path, server, name):
    server.script = lambda body, attempt: (
        web.json_response({"error": {"message": "grammar"}}, status=500)
        if "response_format" in body
        else (RATE if "The texts that reply" in str(body) else by_content(body, attempt))
    )
    recipe = a_recipe(url=server.url, prompts=[f"{i}?" for i in range(8)])
    recipe["models"]["grader"]["name"] = name
    recipe["stages"][2]["judge"]["quality"]["schema_reply"] = True

    outcome = await run(recipe, tmp_path / "out")

    assert isinstance(outcome.stopped, FatalEndpoint), outcome
    assert "schema_as: text" in str(outcome.stopped) and "grammar" in str(outcome.stopped)
    for endpoint in recipe["run"]["endpoints"].values():
        endpoint["schema_as"] = "text"
    assert (await run(recipe, tmp_path / "mended")).complete and not failures_of(tmp_path / "mended")


async def test_a_server_that_fails_with_several_draws_is_asked_for_each(tmp_path, server):
    server.script = lambda body, attempt: (
        web.json_response({"error": {"message": "oops"}}, status=500)
        if body.get("n", 1) > 1
        else by_content(body, attempt)
    )

    outcome = await run(a_recipe(url=server.url), tmp_path / "out")

    assert outcome.complete and outcome.manifest.yields.pairs == 3


async def test_a_server_that_has_no_tools_stops_the_run(tmp_path, server):
    server.script = lambda body, attempt: (
        web.json_response({"error": {"message": "tools param requires --jinja flag"}}, status=500)
        if body.get("tools")
        else RATE
    )
    tool = {"type": "function", "function": {"name": "f", "parameters": {}}}
    (tmp_path / "prompts.jsonl").write_text(
        "".join(f'{{"prompt": "{i}?", "tools": [{json.dumps(tool)}]}}\n' for i in range(4))
    )
    recipe = a_recipe(url=server.url, n=1)
    recipe["stages"][0] = {"prompts": {"use": "file", "path": str(tmp_path / "prompts.jsonl")}}
    recipe["stages"][2:] = []

    outcome = await run(recipe, tmp_path / "out")

    assert isinstance(outcome.stopped, FatalEndpoint) and "none with tools" in str(outcome.stopped)
