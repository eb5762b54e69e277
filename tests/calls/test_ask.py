"""`ask`, as one plug-in gets it for one record: asks become keys, and rows become replies (see
`prefgen.roles.Ask`). (prefgen/calls/ask.py)
"""

import json
from collections import Counter
from collections.abc import Sequence

import pytest
from aiohttp import web

from prefgen import Ask, Plugin, Prompt, Response, Score, gather, judge, sampler
from prefgen.backends import scripted
from prefgen.dataset.read_run import read_records
from prefgen.types import Prompt, Score
from tests.support.rated import rate, rated
from tests.support.recipes import a_recipe, run
from tests.support.server import answer, by_content


async def test_another_seed_draws_anew_and_is_no_surprise(tmp_path, server):
    server.script = by_content
    await run(a_recipe(url=server.url), tmp_path / "out")
    first, server.bodies = server.bodies, []

    outcome = await run(a_recipe(url=server.url, seed=2), tmp_path / "other")

    seeds = [{body["seed"] for body in bodies if body["model"] == "w"} for bodies in (first, server.bodies)]
    assert outcome.complete
    assert len(seeds[0]) == len(seeds[1]) == 3 and not seeds[0] & seeds[1]


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
@pytest.mark.usefixtures("short_backoff")
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
    recipe["models"]["grader"]["score_route"] = "score"

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


async def test_a_functions_results_are_kept(tmp_path):
    recipe = a_recipe()
    (tmp_path / "p.jsonl").write_text(json.dumps({"prompt": "One?", "metadata": {"wanted": "number 1,"}}))
    recipe["stages"][0] = {"prompts": {"use": "file", "path": str(tmp_path / "p.jsonl")}}
    recipe["stages"][2] = {
        "judge": {"quality": {"use": "verifier", "check": "function", "function": f"{__name__}:counts"}}
    }

    first = await run(recipe, tmp_path / "out")
    ran = len(COUNTED)
    again = await run(recipe, tmp_path / "again")

    assert first.complete, first.stopped
    assert ran == len(COUNTED) == 2
    assert first.manifest.row_digest == again.manifest.row_digest


COUNTED = []


def counts(answer, metadata):
    COUNTED.append(answer)
    return metadata["wanted"] in answer


async def test_two_curators_of_one_kind_are_each_asked_in_their_own_manner(tmp_path, server):
    server.script = rate
    before = [
        {"use": "rated", "model": {"is": "grader", "max_tokens": 11}, "least": 1, "aspect": "complexity"}
    ]
    recipe = rated(server.url, ("A long one?",), before=before, model={"is": "grader", "max_tokens": 99})

    await run(recipe, tmp_path / "out")

    assert {body["max_tokens"] for body in server.bodies if body["model"] == "g"} == {11, 99}


async def test_draws_are_apart_by_stage_plug_in_and_record(tmp_path, server):
    """Two judges of a jury, or one judge in two stages, are not shown answers in the same order."""
    server.script = by_content
    drawn: dict[tuple[str, str], set[float]] = {}

    @judge("test_draws")
    class Draws(Plugin):
        async def judge(self, prompt: Prompt, responses: Sequence[Response], ask: Ask) -> Sequence[Score]:
            drawn.setdefault(ask.name, set()).add(ask.rng("order").random())
            return [Score(response_id=r.id, aspect="a", value=1, scale=(0, 1)) for r in responses]

    recipe = a_recipe(url=server.url)
    recipe["stages"][2:] = [
        {"judge": {"one": {"use": "test_draws"}, "two": {"use": "test_draws"}}},
        {"judge": {"three": {"use": "test_draws"}}},
    ]

    await run(recipe, tmp_path / "out")

    assert sorted(drawn) == ["one", "three", "two"]
    assert len(set.union(*drawn.values())) == 9, "three judges, three prompts"
