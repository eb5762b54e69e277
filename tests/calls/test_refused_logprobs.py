"""What a run makes of a server that refuses log-probabilities, gives none, or thinks before it answers: it
says so once, and goes on with fewer alternatives or with votes. (prefgen/calls/queue.py, ask.py)
"""

import pytest
from aiohttp import web

from prefgen.dataset.read_run import read_pairs, read_records
from prefgen.engine.progress import Progress
from tests.support.recipes import run
from tests.support.server import answer

PROMPTS = 40
"""More than the refusals of one code after which a recipe is at fault, in several waves of requests."""


def a_recipe(url: str, tmp_path, **judge) -> dict:
    path = tmp_path / "prompts.jsonl"
    path.write_text("".join(f'{{"prompt": "Question {i} about rivers?"}}\n' for i in range(PROMPTS)))
    names = ("good", "bad", "grader")
    return {
        "name": "labels",
        "models": {name: {"use": "openai", "name": name, "temperature": 0} for name in names},
        "stages": [
            {"prompts": {"use": "file", "path": str(path)}},
            {"sample": {"use": "each", "model": ["good", "bad"], "n": 1}},
            {"judge": {"better": {"use": "pairwise", "model": "grader", "votes": 1, **judge}}},
            {"pair": {"use": "best_vs_worst", "score": "better"}},
        ],
        "run": {"concurrency": 8, "endpoints": {name: {"base_url": url} for name in names}},
    }


def verdict(body: dict) -> str:
    text = body["messages"][-1]["content"]
    return "A" if text.find("GOOD") < text.find("meh") else "B"


def with_logprobs(body: dict) -> dict:
    token = {"token": verdict(body), "logprob": -0.1}
    logprobs = {"content": [{**token, "top_logprobs": [token]}]}
    return answer(token["token"], body, logprobs=logprobs)


def with_logprobs_of_the_other(body: dict) -> dict:
    """Log-probabilities of the label that is not in the text."""
    said = verdict(body)
    other = {"token": "B" if said == "A" else "A", "logprob": -0.1}
    return answer(said, body, logprobs={"content": [{**other, "top_logprobs": [other]}]})


def with_odd_logprobs(body: dict) -> dict:
    said = verdict(body)
    return answer(said, body, logprobs={"content": [{"token": said, "logprob": None}]})


def serve(server, to_logprobs) -> None:
    """Writers answer by their names; the grader votes, and says `to_logprobs(body)` where those are
    wanted.
    """

    def script(body, attempt):
        if body["model"] != "grader":
            return f"{'GOOD' if body['model'] == 'good' else 'meh'} {body['messages'][-1]['content']}"
        return to_logprobs(body) if body.get("logprobs") else verdict(body)

    server.script = script


def refuses(status: int):
    error = {"error": {"message": "logprobs is not supported with this model", "type": "invalid_request"}}
    return lambda body: web.json_response(error, status=status)


def asked_with_logprobs(server) -> list[int]:
    return [body["top_logprobs"] for body in server.bodies if body.get("logprobs")]


def methods_of(folder) -> set[str]:
    return {c.method for record in read_records(folder) for c in record.comparisons}


@pytest.mark.parametrize("status", [400, 403, 422, 501])
async def test_a_server_that_refuses_log_probabilities_is_asked_for_votes(tmp_path, server, status):
    serve(server, refuses(status))

    outcome = await run(a_recipe(server.url, tmp_path), tmp_path / "run")

    assert outcome.complete, outcome.stopped
    assert methods_of(tmp_path / "run") == {"votes"}
    assert {pair["chosen_model"] for pair in read_pairs(tmp_path / "run")} == {"good"}
    assert len(asked_with_logprobs(server)) < PROMPTS  # and not 4 a prompt: who was refused is not asked
    asked = len(server.bodies)
    assert (await run(a_recipe(server.url, tmp_path), tmp_path / "run")).complete
    assert len(server.bodies) == asked
    assert (await run(a_recipe(server.url, tmp_path), tmp_path / "again", live=False)).complete


async def test_a_server_that_leaves_out_log_probabilities_is_soon_not_asked_for_them(tmp_path, server):
    """It answers all the same, and each such answer is paid."""
    serve(server, verdict)

    outcome = await run(a_recipe(server.url, tmp_path), tmp_path / "run")

    assert outcome.complete and methods_of(tmp_path / "run") == {"votes"}
    assert len(asked_with_logprobs(server)) <= 3 + 8  # and those that were under way
    asked = len(server.bodies)
    assert (await run(a_recipe(server.url, tmp_path), tmp_path / "again", live=False)).complete
    assert len(server.bodies) == asked


async def test_a_server_that_allows_fewer_alternatives_gets_its_cap(tmp_path, server):
    serve(server, lambda body: refuses(400)(body) if body["top_logprobs"] > 5 else with_logprobs(body))

    outcome = await run(a_recipe(server.url, tmp_path), tmp_path / "run")

    assert outcome.complete and methods_of(tmp_path / "run") == {"logprobs"}
    wanted = asked_with_logprobs(server)
    assert wanted.count(5) == 2 * PROMPTS and wanted.count(20) < PROMPTS / 2


async def test_a_judge_that_takes_nothing_but_log_probabilities_says_what_to_mend(tmp_path, server):
    serve(server, refuses(400))

    outcome = await run(a_recipe(server.url, tmp_path, read="logprobs"), tmp_path / "run")

    assert not outcome.complete
    assert "refused alike (logprobs_refused)" in str(outcome.stopped)
    assert "logprobs is not supported with this model" in str(outcome.stopped)


@pytest.mark.parametrize(
    ("to_logprobs", "why"),
    [
        (refuses(400), "its server refuses log-probabilities with 5 alternatives a token"),
        (lambda body: answer(verdict(body), body), "its server gives no log-probabilities, so a judge"),
        (with_odd_logprobs, "its server gives no log-probabilities, so a judge"),
        (with_logprobs_of_the_other, "its server gives log-probabilities of other tokens than it writes, so"),
        (lambda body: answer("", body, finish_reason="length"), "it thinks before it answers, so a judge"),
    ],
    ids=["refused", "none", "odd", "others", "thinks"],
)
async def test_why_votes_are_counted_is_said_once(tmp_path, server, to_logprobs, why):
    serve(server, to_logprobs)

    progress = Progress()

    outcome = await run(a_recipe(server.url, tmp_path), tmp_path / "run", progress=progress)

    notices = [notice for notice in progress.stats.notices if why in notice]
    assert outcome.complete and methods_of(tmp_path / "run") == {"votes"}
    assert {pair["chosen_model"] for pair in read_pairs(tmp_path / "run")} == {"good"}
    assert [notice.partition(":")[0] for notice in notices] == ["grader"]
    assert len(asked_with_logprobs(server)) <= 2 * PROMPTS, "none is asked for again"
