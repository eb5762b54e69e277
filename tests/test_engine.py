"""Runs, as a user sees them: complete, resumed, changed, parked, stopped."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest
from aiohttp import web

from prefgen import Ask, Plugin, Prompt, Response, Score, gather, gather_settled, judge, sampler
from prefgen.api import options_of
from prefgen.backends import scripted
from prefgen.calls.batch_files import import_batch
from prefgen.calls.journal import Journal
from prefgen.dataset.read_run import read_manifest, read_pairs, read_records
from prefgen.engine.run import Runner
from prefgen.errors import (
    BudgetReached,
    EndpointDown,
    FatalEndpoint,
    PluginError,
    PrefgenError,
    RecipeError,
    UnexpectedRequest,
    UnexpectedServer,
)
from prefgen.recipe.build import build
from prefgen.recipe.load import recipe_from_data
from tests.support.recipes import RATE, a_recipe, run, shard_bytes
from tests.support.server import answer, by_content


async def test_a_recipe_becomes_a_dataset(tmp_path):
    outcome = await run(a_recipe(), tmp_path / "out")

    assert outcome.exit_code == 0
    pairs = list(read_pairs(tmp_path / "out"))
    assert len(pairs) == 3
    assert {p["prompt"][0]["content"] for p in pairs} == {"One?", "Two?", "Three?"}
    assert all((p["score_chosen"], p["score_rejected"], p["margin"]) == (5, 2, 3) for p in pairs)
    assert outcome.manifest.yields.prompts_by_outcome == {"pair": 3}
    assert [r.prompt.text for r in read_records(tmp_path / "out")] == ["One?", "Two?", "Three?"]


async def test_running_again_asks_nothing_and_changes_no_byte(tmp_path, server):
    server.script = by_content
    await run(a_recipe(url=server.url), tmp_path / "out")
    before, asked = shard_bytes(tmp_path / "out"), len(server.bodies)

    again = await run(a_recipe(url=server.url), tmp_path / "out")
    elsewhere = await run(a_recipe(url=server.url), tmp_path / "other")

    assert len(server.bodies) == asked
    assert shard_bytes(tmp_path / "out") == before == shard_bytes(tmp_path / "other")
    assert again.manifest.row_digest == elsewhere.manifest.row_digest


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


async def test_another_judge_keeps_the_samples(tmp_path, server):
    server.script = by_content
    await run(a_recipe(url=server.url), tmp_path / "out")
    sampled = len([b for b in server.bodies if b["model"] == "w"])
    recipe = a_recipe(url=server.url)
    recipe["stages"][2]["judge"]["quality"]["swap"] = True

    outcome = await run(recipe, tmp_path / "out")

    assert outcome.complete
    assert len([b for b in server.bodies if b["model"] == "w"]) == sampled
    assert len([b for b in server.bodies if b["model"] == "g"]) == 6
    assert (tmp_path / "out" / "previous" / "manifest.json").exists()


async def test_more_prompts_ask_only_for_themselves(tmp_path, server):
    server.script = by_content
    await run(a_recipe(url=server.url), tmp_path / "out")
    asked = len(server.bodies)

    outcome = await run(
        a_recipe(url=server.url, prompts=("One?", "Two?", "Three?", "Four?")), tmp_path / "out"
    )

    assert outcome.manifest.yields.pairs == 4
    assert len(server.bodies) == asked + 2


@pytest.mark.parametrize("window", [1, 2, 50])
async def test_the_window_and_the_order_change_no_byte(tmp_path, server, window):
    server.script = by_content
    prompts = [f"Question {i}?" for i in range(30)]
    await run(a_recipe(url=server.url, prompts=prompts), tmp_path / "a")

    await run(
        a_recipe(
            url=server.url,
            prompts=prompts,
            run={"max_records_in_flight": window, "order": "file", "concurrency": 2},
        ),
        tmp_path / "b",
        journal=tmp_path / "b.sqlite",
    )

    assert shard_bytes(tmp_path / "a") == shard_bytes(tmp_path / "b")


async def test_exported_requests_come_back_as_replies(tmp_path, server):
    """The whole detour: collect, answer elsewhere, import, until complete; the bytes are those of a direct run."""
    server.script = by_content
    direct = await run(a_recipe(url=server.url), tmp_path / "direct", journal=tmp_path / "direct.sqlite")
    rounds = 0
    while True:
        parked = await run(a_recipe(url=server.url), tmp_path / "out", live=False)
        if parked.complete:
            break
        rounds += 1
        assert parked.exit_code == 3
        journal = Journal(tmp_path / "calls.sqlite")
        import zstandard

        lines = [
            zstandard.decompress(journal.query("SELECT request FROM parked WHERE key = ?", (k,))[0][0])
            for k in parked.parked_keys
        ]
        replies = tmp_path / "replies.jsonl"
        with replies.open("w") as file:
            for line in map(json.loads, lines):
                said = by_content(line["body"], 1)
                body = said if isinstance(said, dict) else answer(said, line["body"])
                file.write(
                    json.dumps(
                        {
                            "custom_id": line["custom_id"],
                            "response": {"status_code": 200, "body": body},
                            "error": None,
                        }
                    )
                    + "\n"
                )
        await import_batch(journal, replies)
        journal.close()

    assert rounds == 2  # samples, then judgments
    assert parked.manifest.yields == direct.manifest.yields
    assert [p["prompt_id"] for p in read_pairs(tmp_path / "out")] == [
        p["prompt_id"] for p in read_pairs(tmp_path / "direct")
    ]


@judge("test_many_ways")
class ManyWays(Plugin):
    """Asks in every shape that a plug-in may take; used to see that parking takes each."""

    model: str
    way: str

    async def judge(self, prompt: Prompt, responses: Sequence[Response], ask: Ask) -> Sequence[Score]:
        async def one(response: Response) -> Score:
            reply = await ask(self.model, f"{prompt.text} / {response.text}")
            return Score(response_id=response.id, aspect="a", value=float(reply.text), scale=(1, 5))

        if self.way == "gather":
            return await asyncio.gather(*(one(r) for r in responses))
        if self.way == "taskgroup":
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(one(r)) for r in responses]
            return [t.result() for t in tasks]
        if self.way == "except":
            out = []
            for response in responses:
                try:
                    out.append(await one(response))
                except Exception:
                    out.append(Score(response_id=response.id, aspect="a", value=1, scale=(1, 5)))
            return out
        if self.way == "swallows":
            try:
                return await gather(one(r) for r in responses)
            except asyncio.CancelledError:
                return [Score(response_id=r.id, aspect="a", value=1, scale=(1, 5)) for r in responses]
        return await gather_settled(one(r) for r in responses)


@pytest.mark.parametrize("way", ["gather", "taskgroup", "except", "swallows", "settled"])
async def test_parking_takes_every_shape_of_plug_in(tmp_path, server, way):
    """Half of the asks are in the journal, the other half cannot be answered: no shape may end with a made-up score."""
    server.script = lambda body, attempt: (
        "4" if " / " in str(body["messages"][-1]["content"]) else by_content(body, attempt)
    )
    recipe = a_recipe(url=server.url)
    recipe["stages"][2] = {"judge": {"quality": {"use": "test_many_ways", "model": "grader", "way": way}}}
    recipe["stages"][3]["pair"]["ties"] = "keep"
    await run(recipe, tmp_path / "out")
    journal = Journal(tmp_path / "calls.sqlite")
    db = journal.connection
    half = [k for (k,) in db.execute("SELECT key FROM replies WHERE model = 'g' ORDER BY key")][::2]
    db.executemany("DELETE FROM replies WHERE key = ?", [(k,) for k in half])
    db.execute("DELETE FROM completed")
    journal.close()

    parked = await asyncio.wait_for(run(recipe, tmp_path / "again", live=False), 20)

    assert parked.exit_code == 3
    assert parked.parked_keys
    assert set(parked.parked_keys) <= set(half)
    finished = await run(recipe, tmp_path / "again")
    assert finished.complete
    assert shard_bytes(tmp_path / "again") == shard_bytes(tmp_path / "out")


@pytest.mark.parametrize(
    ("said", "code"),
    [
        (lambda b: answer(None, b), "empty"),
        (lambda b: answer(None, b, message={"content": None, "refusal": "No."}), "refused"),
        (lambda b: answer("", b, finish_reason="length"), "length"),
        (lambda b: answer("x", b, finish_reason="content_filter"), "content_filter"),
        (
            lambda b: web.json_response(
                {"error": {"message": "policy", "code": "content_policy_violation"}}, status=400
            ),
            "content_policy_violation",
        ),
        (
            lambda b: web.json_response(
                {"error": {"message": "too long", "code": "context_length_exceeded"}}, status=400
            ),
            "context_length_exceeded",
        ),
        (lambda b: {"choices": [], "model": "w"}, "no_choices"),
    ],
)
async def test_a_bad_reply_costs_its_own_record_alone_and_is_on_the_ledger(tmp_path, server, said, code):
    server.script = lambda body, attempt: (
        said(body) if body["model"] == "w" and "Two?" in str(body) else by_content(body, attempt)
    )

    outcome = await run(a_recipe(url=server.url), tmp_path / "out")
    asked = len(server.bodies)
    again = await run(a_recipe(url=server.url), tmp_path / "again")

    assert outcome.exit_code == 0
    assert outcome.manifest.yields.prompts_by_outcome == {"pair": 2, f"failed: {code}": 1}
    assert len(server.bodies) == asked, "what failed for good is not asked again"
    assert again.manifest.row_digest == outcome.manifest.row_digest


async def test_retrying_failures_asks_just_them_again(tmp_path, server):
    from typer.testing import CliRunner

    from prefgen.cli import app

    server.script = lambda body, attempt: (
        answer("", body, finish_reason="length")
        if body["model"] == "w" and "Two?" in str(body)
        else by_content(body, attempt)
    )
    recipe = a_recipe(url=server.url)
    await run(recipe, tmp_path / "out")
    asked = len(server.bodies)
    server.script = by_content

    marked = CliRunner().invoke(app, ["retry", str(tmp_path / "out"), "--failed"])
    outcome = await run(recipe, tmp_path / "out")

    assert marked.exit_code == 0
    assert outcome.manifest.yields.pairs == 3
    assert len(server.bodies) == asked + 2  # both draws in one request, and the judgment
    assert sum(outcome.manifest.attempts.values()) == 2


async def test_an_unreadable_judgment_makes_no_pair(tmp_path, server):
    server.script = lambda body, attempt: (
        "I would rather not." if body["model"] == "g" else by_content(body, attempt)
    )

    outcome = await run(a_recipe(url=server.url), tmp_path / "out")

    assert outcome.manifest.yields.pairs == 0
    assert outcome.manifest.yields.failures == {"judge: no_rating": 3}
    assert (
        len([b for b in server.bodies if b["model"] == "g"]) == 6
    )  # each asked once more with its error shown


@pytest.mark.parametrize(
    "said",
    [
        lambda b: web.json_response({"error": "slow down"}, status=429, headers={"Retry-After": "0.05"}),
        lambda b: web.json_response({"error": "oops"}, status=500),
        lambda b: web.Response(body=b'{"choices": [{"mess', content_type="application/json"),
        lambda b: web.Response(text="<html>Bad gateway</html>", content_type="text/html"),
    ],
)
async def test_a_passing_fault_is_tried_again_and_leaves_no_trace(tmp_path, server, said):
    server.script = lambda body, attempt: said(body) if attempt == 1 else by_content(body, attempt)
    faulty = await run(a_recipe(url=server.url), tmp_path / "faulty", journal=tmp_path / "a.sqlite")
    server.script = by_content
    clean = await run(a_recipe(url=server.url), tmp_path / "clean", journal=tmp_path / "b.sqlite")

    assert faulty.complete
    assert faulty.manifest.row_digest == clean.manifest.row_digest


async def test_a_server_that_is_down_leaves_a_run_that_goes_on_later(tmp_path, server):
    down = await run(a_recipe(url="http://127.0.0.1:9/v1", run={"server_down_after": 0.5}), tmp_path / "out")
    server.script = by_content
    up = await run(a_recipe(url=server.url), tmp_path / "out")

    assert (down.exit_code, type(down.stopped)) == (3, EndpointDown)
    assert up.complete


async def test_a_server_that_dies_in_the_middle_loses_nothing(tmp_path, server):
    server.script = lambda body, attempt: (
        by_content(body, attempt) if len(server.bodies) < 12 else web.json_response({}, status=503)
    )
    prompts = [f"Question {i}?" for i in range(20)]
    recipe = a_recipe(url=server.url, prompts=prompts, run={"server_down_after": 0.5, "concurrency": 2})
    stopped = await asyncio.wait_for(run(recipe, tmp_path / "out"), 60)
    assert (stopped.exit_code, type(stopped.stopped)) == (3, EndpointDown)
    assert not (tmp_path / "out" / "pairs").exists() and not stopped.manifest.complete
    answered = {json.dumps(b, sort_keys=True) for b in server.bodies[:11]}
    assert len(answered) == 11
    server.bodies.clear()
    server.script = by_content

    finished = await run(recipe, tmp_path / "out")

    assert finished.complete and finished.manifest.yields.pairs == 20
    assert not answered & {json.dumps(b, sort_keys=True) for b in server.bodies}


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


async def test_when_everything_is_refused_alike_the_run_stops(tmp_path, server):
    server.script = lambda body, attempt: web.json_response(
        {"error": {"message": "unknown parameter", "code": "unsupported"}}, status=400
    )

    outcome = await run(a_recipe(url=server.url, prompts=[f"{i}?" for i in range(60)]), tmp_path / "out")

    assert outcome.exit_code == 1
    assert "refused alike" in str(outcome.stopped)


async def test_a_budget_is_never_exceeded_and_can_be_raised(tmp_path, server):
    server.script = by_content
    prompts = [f"Question {i}?" for i in range(40)]
    prices = {"w": {"input": 100, "output": 1000}, "g": {"input": 100, "output": 1000}}
    recipe = a_recipe(
        url=server.url, prompts=prompts, run={"prices": prices, "budget_usd": 1.0, "concurrency": 4}
    )
    for model in recipe["models"].values():
        model["max_tokens"] = 50

    stopped = await run(recipe, tmp_path / "out")
    paid = stopped.manifest.cost.paid_usd
    again = await run(recipe, tmp_path / "out")
    recipe["run"]["budget_usd"] = 100
    finished = await run(recipe, tmp_path / "out")

    assert isinstance(stopped.stopped, BudgetReached)
    assert stopped.exit_code == 5
    assert 0.5 < paid <= 1.0
    assert again.manifest.cost.paid_usd <= 1.0
    assert finished.complete
    assert finished.manifest.cost.paid_usd == pytest.approx(finished.manifest.cost.full_usd)


async def test_a_budget_in_tokens_is_kept(tmp_path, server):
    server.script = by_content
    recipe = a_recipe(
        url=server.url,
        prompts=[f"Question {i}?" for i in range(40)],
        run={"budget_tokens": 2000, "concurrency": 4},
    )
    for model in recipe["models"].values():
        model["max_tokens"] = 30

    outcome = await run(recipe, tmp_path / "out")

    assert outcome.exit_code == 5
    journal = Journal(tmp_path / "calls.sqlite")
    assert journal.query("SELECT sum(prompt_tokens + completion_tokens) FROM replies")[0][0] <= 2000
    journal.close()


async def test_a_reply_of_another_server_is_not_taken_for_the_recipes(tmp_path, server):
    server.script = by_content
    await run(a_recipe(url=server.url), tmp_path / "out")
    recipe = a_recipe(url="https://llm.example.com/v1")

    refused = await run(recipe, tmp_path / "other", live=False)
    recipe["run"]["accept_served_by"] = ["local"]
    taken = await run(recipe, tmp_path / "other", live=False)

    assert isinstance(refused.stopped, UnexpectedServer)
    assert "accept_served_by: [local]" in str(refused.stopped)
    assert taken.complete


async def test_simulated_replies_never_reach_the_projects_journal(tmp_path):
    recipe = a_recipe()
    recipe["models"] = {
        "writer": {"use": "simulated", "temperature": 1.0},
        "grader": {"use": "simulated", "temperature": 0},
    }

    outcome = await run(recipe, tmp_path / "out")

    assert outcome.manifest.simulated
    assert not (tmp_path / "calls.sqlite").exists()
    assert all(p["chosen_model"] == "simulated/writer" for p in read_pairs(tmp_path / "out"))


DRIFT = """
from prefgen import Plugin, Score, judge

@judge("drift")
class Drift(Plugin):
    model: str
    async def judge(self, prompt, responses, ask):
        out = []
        for r in responses:
            reply = await ask(self.model, "{words} " + r.text)
            out.append(Score(response_id=r.id, aspect="a", value=float(len(reply.text) % 5 + 1), scale=(1, 5)))
        return out
"""


async def test_a_finished_record_that_asks_something_new_stops_the_run(tmp_path, server):
    server.script = by_content
    recipe = a_recipe(url=server.url)
    recipe["stages"][2] = {"judge": {"quality": {"use": "./drift.py:Drift", "model": "grader"}}}
    (tmp_path / "drift.py").write_text(DRIFT.replace("{words}", "Rate"))
    await run(recipe, tmp_path / "out", folder=tmp_path)
    import sys

    for name in [n for n in sys.modules if n.startswith("prefgen_file_")]:
        del sys.modules[name]
    (tmp_path / "drift.py").write_text(DRIFT.replace("{words}", "Please rate"))
    asked = len(server.bodies)

    stopped = await run(recipe, tmp_path / "out", folder=tmp_path)
    allowed = await run(recipe, tmp_path / "out", folder=tmp_path, allow_new=True)

    assert isinstance(stopped.stopped, UnexpectedRequest)
    assert "--allow-new" in str(stopped.stopped)
    assert stopped.exit_code == 1
    assert allowed.complete
    assert len(server.bodies) > asked


@sampler("test_forgot_sample")
class ForgotSample(Plugin):
    model: str

    async def sample(self, prompt: Prompt, ask: Ask) -> Sequence[Response]:
        replies = await gather(ask(self.model, prompt.messages) for _ in range(3))
        return [Response.of(prompt, r.message, model="w", sample=i) for i, r in enumerate(replies)]


async def test_a_forgotten_sample_number_does_not_look_like_agreement(tmp_path):
    recipe = a_recipe()
    recipe["stages"][1] = {"sample": {"use": "test_forgot_sample", "model": "writer"}}

    outcome = await run(recipe, tmp_path / "out")

    assert isinstance(outcome.stopped, PluginError)
    assert "sample=0, 1" in str(outcome.stopped)


MANNERS = (
    {"top_p": 1},
    {"top_p": True},
    {"top_p": 0.5},
    {"stop": ["x"]},
    {"stop": ["y"]},
    {"temperature": 0},
    {},
)


@sampler("test_manners")
class Manners(Plugin):
    model: str

    async def sample(self, prompt: Prompt, ask: Ask) -> Sequence[Response]:
        replies = await gather(ask(self.model, prompt.messages, **manner) for manner in MANNERS)
        return [Response.of(prompt, r.message, model=r.key, sample=i) for i, r in enumerate(replies)]


async def test_every_manner_of_asking_is_sent_and_keyed_as_it_is(tmp_path, server):
    server.script = by_content
    recipe = a_recipe(url=server.url)
    recipe["stages"][1] = {"sample": {"use": "test_manners", "model": "writer"}}

    assert (await run(recipe, tmp_path / "out")).complete

    def spelled(body):
        return json.dumps({name: body[name] for name in ("top_p", "stop", "temperature") if name in body})

    sent = Counter(spelled(body) for body in server.bodies if body["model"] == "w")
    assert sent == Counter({spelled({"temperature": 1.0, **manner}): 3 for manner in MANNERS})
    for record in read_records(tmp_path / "out"):
        assert len({response.model for response in record.responses}) == len(MANNERS)


def scores_like(kind):
    @judge(f"test_{kind}")
    class Odd(Plugin):
        async def judge(self, prompt: Prompt, responses: Sequence[Response], ask: Ask) -> Sequence[Score]:
            if kind == "raises":
                raise KeyError("boom")
            values = {"nan": float("nan"), "outside": 9.0}.get(kind, 3.0)
            return [
                Score(response_id=r.id, aspect="a", value=values, scale=(1, 5))
                for r in responses[: -1 if kind == "few" else None]
            ]

    return Odd


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("raises", "KeyError"),
        ("few", "no verdict on 1 of 2"),
        ("nan", "outside its scale"),
        ("outside", "outside its scale"),
    ],
)
async def test_a_judge_with_a_bug_stops_the_run_and_is_named(tmp_path, kind, words):
    scores_like(kind)
    recipe = a_recipe()
    recipe["stages"][2] = {"judge": {"quality": {"use": f"test_{kind}"}}}

    outcome = await run(recipe, tmp_path / "out")

    assert isinstance(outcome.stopped, PluginError)
    assert outcome.exit_code == 1
    assert "'quality'" in str(outcome.stopped)
    assert words in str(outcome.stopped)


@judge("test_plain_and_slow")
class PlainAndSlow(Plugin):
    """Not a coroutine: runs in a worker thread."""

    seconds: float = 0.0

    def judge(self, prompt, responses, ask):
        time.sleep(self.seconds if "Two?" in prompt.text else 0)
        return [
            Score(response_id=r.id, aspect="a", value=float(i + 1), scale=(1, 5))
            for i, r in enumerate(responses)
        ]


async def test_a_plain_function_is_a_plug_in_too_and_a_hanging_one_costs_its_record(tmp_path):
    recipe = a_recipe(run={"plugin_timeout": 0.5})
    recipe["stages"][2] = {"judge": {"quality": {"use": "test_plain_and_slow", "seconds": 2.0}}}

    outcome = await run(recipe, tmp_path / "out")

    assert outcome.manifest.yields.prompts_by_outcome == {"pair": 2, "failed: plugin_timeout": 1}


@judge("test_computes")
class Computes(Plugin):
    """A coroutine that never waits."""

    async def judge(self, prompt: Prompt, responses: Sequence[Response], ask: Ask) -> Sequence[Score]:
        end = time.monotonic() + (0.5 if "Two?" in prompt.text else 0.01)
        while time.monotonic() < end:
            pass
        return [
            Score(response_id=r.id, aspect="a", value=float(i + 1), scale=(1, 5))
            for i, r in enumerate(responses)
        ]


async def test_a_plug_in_that_blocks_the_loop_is_named_once(tmp_path):
    recipe = a_recipe(prompts=["One?", "Two?", "Two? again", "Three?"])
    recipe["stages"][2] = {"judge": {"quality": {"use": "test_computes"}}}
    quiet = a_recipe(name="quiet")

    said = []
    for made, out in ((recipe, "out"), (quiet, "quiet")):
        pipeline = build(recipe_from_data(made, tmp_path))
        runner = Runner(pipeline, options_of(pipeline, tmp_path / out, tmp_path / "calls.sqlite"))
        await runner.run()
        said.append([line for line in runner.progress.stats.notices if "holds up every other record" in line])

    assert len(said[0]) == 1
    assert "Computes.judge (" in said[0][0]
    assert said[1] == []


@judge("test_forms_of_ask")
class FormsOfAsk(Plugin):
    """Rates by what each form of `ask` gave."""

    model: str

    async def judge(self, prompt: Prompt, responses: Sequence[Response], ask: Ask) -> Sequence[Score]:
        scores = []
        for r in responses:
            continued = await ask.complete(
                self.model, r.text, max_tokens=1, logprobs=2, echo=True, temperature=0
            )
            reward = await ask.score(self.model, prompt, r)
            [first, second] = await ask.embed(self.model, [prompt.text, r.text])
            likely = [t.logprob for t in continued.logprobs]
            values = {"likely": likely[0], "reward": reward, "near": first[0] * second[0]}
            scores += [
                Score(response_id=r.id, aspect=name, value=value, scale=(-10, 10))
                for name, value in values.items()
            ]
        return scores


async def test_completions_scores_and_embeddings_come_from_a_server_and_are_kept(tmp_path, server):
    def other_forms(body, attempt):
        if "prompt" in body:
            logprobs = {
                "tokens": ["a", "b"],
                "token_logprobs": [None, -0.5],
                "top_logprobs": [None, {"b": -0.5, "c": -2.0}],
            }
            return {
                "choices": [{"text": "ab", "finish_reason": "length", "logprobs": logprobs}],
                "model": "g",
            }
        if "text_1" in body:
            return {"data": [{"score": 3.25 if body["text_1"].startswith("One") else -1.0}], "model": "g"}
        if "input" in body:
            return {
                "data": [
                    {"index": i, "embedding": [0.5 * len(text), 1.0]} for i, text in enumerate(["x", "yy"])
                ],
                "model": "g",
            }
        return by_content(body, attempt)

    server.script = other_forms
    recipe = a_recipe(url=server.url)
    recipe["stages"][2] = {"judge": {"quality": {"use": "test_forms_of_ask", "model": "grader"}}}

    first = await run(recipe, tmp_path / "out")
    asked = len(server.bodies)
    again = await run(recipe, tmp_path / "again")

    assert first.complete, first.stopped
    assert len(server.bodies) == asked
    assert first.manifest.row_digest == again.manifest.row_digest
    scores = [s for record in read_records(tmp_path / "out") for s in record.scores]
    assert {s.value for s in scores if s.aspect == "likely"} == {-0.5}
    assert {s.value for s in scores if s.aspect == "near"} == {0.5}
    assert sorted(s.value for s in scores if s.aspect == "reward") == [-1.0] * 4 + [3.25] * 2
    bodies = [b for b in server.bodies if "prompt" in b]
    assert bodies[0]["echo"] is True
    assert bodies[0]["logprobs"] == 2


async def test_a_prompts_tools_are_offered_to_who_answers_it_and_to_no_judge(tmp_path, server):
    tool = {
        "type": "function",
        "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}},
    }
    (tmp_path / "p.jsonl").write_text(json.dumps({"prompt": "Is it raining?", "tools": [tool]}) + "\n")
    server.script = by_content
    recipe = a_recipe(url=server.url)
    recipe["stages"][0] = {"prompts": {"use": "file", "path": str(tmp_path / "p.jsonl")}}

    outcome = await run(recipe, tmp_path / "out")

    assert outcome.complete, outcome.stopped
    assert [b["tools"] for b in server.bodies if b["model"] == "w"] == [[tool]]
    assert [b.get("tools") for b in server.bodies if b["model"] == "g"] == [None]


async def test_a_folder_holds_one_live_run_and_one_name(tmp_path, server):
    async def slow(body, attempt):
        await asyncio.sleep(0.5)
        return web.json_response(answer("x", body))

    server.script = lambda body, attempt: slow(body, attempt)
    first = asyncio.create_task(run(a_recipe(url=server.url), tmp_path / "out"))
    await asyncio.sleep(0.3)

    with pytest.raises(PrefgenError, match="alive"):
        await run(a_recipe(url=server.url), tmp_path / "out")
    await first
    with pytest.raises(RecipeError, match="'test', not of 'other'"):
        await run(a_recipe(url=server.url, name="other"), tmp_path / "out")


async def test_curators_thin_between_stages_and_say_why(tmp_path):
    recipe = a_recipe(prompts=("One?", "one? ", "Two?", "Three?"))
    recipe["stages"].insert(1, {"curate": [{"use": "dedupe"}, {"use": "limit", "count": 2}]})

    outcome = await run(recipe, tmp_path / "out")

    assert outcome.manifest.yields.dropped_by_curators == {
        "prompts: dedupe: duplicate": 1,
        "prompts: limit: over the limit of 2": 1,
    }
    assert outcome.manifest.yields.pairs == 2


async def test_duplicate_prompts_have_ids_of_their_own(tmp_path):
    outcome = await run(a_recipe(prompts=("Same?", "Same?", "Same?")), tmp_path / "out")

    pairs = list(read_pairs(tmp_path / "out"))
    assert outcome.complete
    assert len({p["prompt_id"] for p in pairs}) == 3


async def test_a_damaged_record_store_is_made_anew(tmp_path, server):
    server.script = by_content
    await run(a_recipe(url=server.url), tmp_path / "out")
    before, asked = shard_bytes(tmp_path / "out"), len(server.bodies)
    for path in (tmp_path / "out").glob("record_store.sqlite*"):
        path.write_bytes(b"not a database")

    outcome = await run(a_recipe(url=server.url), tmp_path / "out")

    assert outcome.complete
    assert (shard_bytes(tmp_path / "out"), len(server.bodies)) == (before, asked)


async def test_an_incomplete_run_never_looks_complete(tmp_path, server):
    server.script = by_content
    await run(a_recipe(url=server.url), tmp_path / "out")
    recipe = a_recipe(url=server.url, prompts=("One?", "Two?", "Three?", "Four?"))

    outcome = await run(recipe, tmp_path / "out", live=False)

    assert not outcome.complete
    assert not read_manifest(tmp_path / "out").complete
    assert not (tmp_path / "out" / "pairs").exists()
    with pytest.raises(RecipeError, match="not complete"):
        list(read_records(Path(tmp_path / "out")))


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


async def test_a_route_that_gives_several_numbers_is_no_reward(tmp_path, server):
    server.script = lambda body, _: {
        "data": [{"index": 0, "probs": [0.2, 0.3, 0.5]}],
        "model": "rm",
        "usage": {},
    }
    recipe = a_recipe(url=server.url, prompts=("One?",))
    recipe["models"]["writer"] = {
        "use": "scripted",
        "rules": [{"when": "", "say": ["One.", "Two."]}],
        "temperature": 1.0,
    }
    del recipe["run"]["endpoints"]["writer"]
    recipe["stages"][2:] = [{"judge": {"rm": {"use": "reward_model", "model": "grader"}}}]
    recipe["run"]["endpoints"]["grader"]["score_route"] = "classify"

    outcome = await run(recipe, tmp_path / "out")

    assert isinstance(outcome.stopped, FatalEndpoint)
    assert "malformed_reply" in str(outcome.stopped)


class OfMyOwn(Response):
    """A response with a method more."""

    def shout(self) -> str:
        return self.text.upper()


@sampler("test_own_values")
class OwnValues(Plugin):
    model: str

    async def sample(self, prompt: Prompt, ask: Ask) -> Sequence[Response]:
        replies = await gather(ask(self.model, prompt.messages, sample=i) for i in range(2))
        return [OfMyOwn.of(prompt, r.message, model=ask.name, sample=i) for i, r in enumerate(replies)]


async def test_a_sampler_may_return_values_of_a_class_of_its_own(tmp_path):
    recipe = a_recipe()
    recipe["stages"][1] = {"sample": {"mine": {"use": "test_own_values", "model": "writer"}}}

    assert (await run(recipe, tmp_path / "out")).complete
    assert {r.model for record in read_records(tmp_path / "out") for r in record.responses} == {"mine"}


async def test_what_a_backend_does_with_a_call_stays_with_that_call(tmp_path, monkeypatch):
    seen = []

    async def send(self, call):
        seen.append(call.sampling.pop("top_p", None))
        return await real(self, call)

    real = scripted.ScriptedModel.send
    monkeypatch.setattr(scripted.ScriptedModel, "send", send)
    recipe = a_recipe()
    recipe["models"]["writer"]["top_p"] = 0.5

    assert (await run(recipe, tmp_path / "out")).complete
    assert seen.count(0.5) == 3, "each of three prompts has a call of its own"


async def test_what_a_dataset_cost_does_not_hang_on_who_answered_first(tmp_path, server):
    costs = []
    for slow in ("a", "b"):

        async def answered(body, slow=slow):
            await asyncio.sleep(0.3 * (body["model"] == slow))
            return by_content(body, 1)

        server.script = lambda body, attempt, answered=answered: answered(body)
        recipe = a_recipe(url=server.url)
        for name in ("a", "b"):
            recipe["models"][name] = {"use": "openai", "name": name, "temperature": 0}
            recipe["run"]["endpoints"][name] = {"base_url": server.url}
        judges = {
            name: {"use": "ultrafeedback", "model": name, "aspects": ["helpfulness"]} for name in ("a", "b")
        }
        recipe["stages"][2] = {
            "judge": {
                "a": {**judges["a"], "only": {"category": ["x"]}},
                "b": {**judges["b"], "only": {"category": ["y"]}},
            }
        }
        recipe["stages"][0] = {
            "prompts": {
                "use": "inline",
                "prompts": [{"prompt": "One?", "category": "x"}, {"prompt": "Two?", "category": "y"}],
            }
        }
        recipe["stages"] = recipe["stages"][:3]
        outcome = await run(recipe, tmp_path / slow, journal=tmp_path / f"{slow}.sqlite")
        costs.append([cost.model for cost in outcome.manifest.cost.by_stage])

    assert costs[0] == costs[1] and len(costs[0]) == 3
