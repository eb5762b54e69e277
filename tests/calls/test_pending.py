"""Requests that are under way, and how the draws of one request become one. (prefgen/calls/pending.py)"""

import asyncio
from collections import Counter
from collections.abc import Sequence

from aiohttp import web

from prefgen import Ask, Plugin, Prompt, Response, Score, judge
from prefgen.calls.pending import differs_in_seeds_alone
from prefgen.dataset.read_run import read_records
from prefgen.transport.request import ModelRequest
from prefgen.types import user
from tests.support.durability import MANY
from tests.support.recipes import RATE, a_recipe, failures_of, run
from tests.support.server import answer, by_content


async def test_a_server_that_does_not_know_n_by_400_is_asked_without(tmp_path, server):
    def script(body, attempt):
        if body.get("n"):
            return web.json_response(
                {"error": {"message": "n is not supported", "code": "unsupported_parameter"}}, status=400
            )
        return by_content(body, attempt)

    server.script = script
    outcome = await run(a_recipe(url=server.url, prompts=MANY), tmp_path / "out")

    assert outcome.complete
    assert outcome.manifest.yields.pairs == 25
    refused = Counter(str(body["messages"]) for body in server.bodies if body.get("n"))
    assert set(refused.values()) == {1}


async def test_prompts_that_are_refused_do_not_end_asking_for_several_draws(tmp_path, server):
    """Of 40 prompts 3 are too long: each costs its request and a single one, and the others one request."""
    prompts = [f"Question {i}?" for i in range(40)]
    too_long = {prompts[i] for i in (0, 7, 30)}

    def script(body, attempt):
        if body["messages"][-1]["content"] in too_long:
            return web.json_response({"error": {"message": "the context is too long"}}, status=400)
        return by_content(body, attempt)

    server.script = script
    outcome = await run(a_recipe(url=server.url, prompts=prompts, n=4), tmp_path / "out")

    asked = Counter(body.get("n", 1) for body in server.bodies if body["model"] == "w")
    assert outcome.complete and asked == {4: 40, 1: 3}
    lost = [row["record_id"] for row in failures_of(tmp_path / "out") if "too long" in row["reason"]]
    assert sorted(Counter(lost).values()) == [4, 4, 4]


async def test_draws_of_one_request_are_asked_together(tmp_path, server):
    server.script = by_content

    await run(a_recipe(url=server.url, prompts=["One?"], n=4), tmp_path / "out")

    assert [b.get("n") for b in server.bodies if b["model"] == "w"] == [4]


async def test_a_server_without_n_is_asked_for_each_draw(tmp_path, server):
    server.script = lambda body, attempt: (
        RATE if "The texts that" in str(body) else answer(f"draw {body['seed']}", {**body, "n": 1})
    )

    outcome = await run(a_recipe(url=server.url, n=2), tmp_path / "out")

    assert outcome.complete
    record = next(read_records(tmp_path / "out"))
    assert len({r.text for r in record.responses}) == 2


def test_requests_are_one_only_if_all_of_them_is_the_same():
    one, other = (
        ModelRequest("chat", "m", (user(text),), sampling={"temperature": 1.0})
        for text in ("Question 7168", "Question 134027")
    )

    assert differs_in_seeds_alone(
        one, ModelRequest("chat", "m", (user("Question 7168"),), sampling={"temperature": 1.0}, seeds=(7,))
    )
    assert not differs_in_seeds_alone(one, other)


@judge("test_two_questions")
class TwoQuestions(Plugin):
    """Asks two questions at once whose short hashes are equal."""

    model: str

    async def judge(self, prompt: Prompt, responses: Sequence[Response], ask: Ask) -> Sequence[Score]:
        first, second = await asyncio.gather(
            ask(self.model, "Question 7168"), ask(self.model, "Question 134027")
        )
        same = first.text == second.text
        return [
            Score(response_id=r.id, aspect="apart", value=float(not same), scale=(0, 1)) for r in responses
        ]


async def test_questions_with_equal_short_hashes_get_their_own_answers(tmp_path, server):
    server.script = lambda body, attempt: answer(f"About {body['messages'][-1]['content']}", body)
    recipe = a_recipe(url=server.url)
    recipe["models"]["grader"]["temperature"] = 1.0
    recipe["stages"][2] = {"judge": {"quality": {"use": "test_two_questions", "model": "grader"}}}

    await run(recipe, tmp_path / "out")

    assert {s.value for record in read_records(tmp_path / "out") for s in record.scores} == {1.0}
