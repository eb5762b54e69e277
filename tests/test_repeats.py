"""What repeats within a record, or looks as if it did: equal answers, equal requests of several plug-ins, short hashes, stale files."""

import asyncio
import json
import re
from collections import Counter
from collections.abc import Sequence

import pytest
from aiohttp import web

from prefgen import Ask, Plugin, Prompt, Response, Score, judge
from prefgen.calls.pending import differs_in_seeds_alone
from prefgen.dataset.read_run import read_manifest, read_pairs, read_records
from prefgen.engine import manifest
from prefgen.transport.request import ModelRequest
from prefgen.types import user
from tests.support.recipes import RATE, a_recipe, run
from tests.support.server import answer, by_content


def one_answer(body, attempt):
    """A model that always says the same, and rates."""
    text = str(body["messages"][-1]["content"])
    if "The texts that reply" in text:
        return RATE
    if any(
        words in text for words in ("Now improve the reply", "Write only the new reply", "Mend just that")
    ):
        return f"A better answer, by seed {body.get('seed')}."
    return answer("The same answer.", body)


@pytest.mark.parametrize(
    "reviser", [{"use": "improve"}, {"use": "constitution", "rounds": 2}, {"use": "minimal_edit"}]
)
async def test_equal_answers_are_revised_once_and_each_has_its_revision(tmp_path, server, reviser):
    server.script = lambda body, attempt: (
        '{"flaws": ["It is short."]}' if "Name what is wrong" in str(body) else one_answer(body, attempt)
    )
    recipe = a_recipe(url=server.url, prompts=["One?"], n=3)
    recipe["stages"] = [
        *recipe["stages"][:2],
        {"revise": {**reviser, "model": "writer"}},
        {"pair": {"use": "revised_over_original"}},
    ]

    outcome = await run(recipe, tmp_path / "out")

    assert outcome.complete, outcome.stopped
    [record] = read_records(tmp_path / "out")
    ends = [r for r in record.responses if r.id not in {o.parent_id for o in record.responses}]
    assert len(ends) == 3
    assert len({r.text for r in ends}) == 1
    assert len({r.id for r in record.responses}) == len(record.responses)
    assert len(record.pairs) == 3
    assert (
        sum(
            "Now improve" in str(b) or "Write only the new reply" in str(b) or "Mend just that" in str(b)
            for b in server.bodies
        )
        <= 2
    )


async def test_two_samplers_that_ask_the_same_draw_apart(tmp_path, server):
    server.script = by_content
    recipe = a_recipe(url=server.url)
    same = {"use": "each", "model": "writer", "n": 2}
    recipe["stages"][1] = {
        "sample": {
            "one": same,
            "other": same,
            "rungs": {"use": "ladder", "model": "writer", "temperatures": [1.0]},
        }
    }

    outcome = await run(recipe, tmp_path / "out")

    assert outcome.complete, outcome.stopped
    assert outcome.manifest.yields.responses == 15
    assert len({r.text for record in read_records(tmp_path / "out") for r in record.responses}) == 15


async def test_two_judges_that_ask_the_same_share_one_reply(tmp_path, server):
    server.script = lambda body, attempt: (
        '{"rationale": "r", "rating": 4}' if "adding up points" in str(body) else by_content(body, attempt)
    )
    points = {"use": "additive", "model": "grader", "samples": 2}
    recipe = a_recipe(url=server.url)
    recipe["stages"] = [
        *recipe["stages"][:2],
        {"judge": {"a": points, "b": points}},
        {"judge": {"c": points}},
        {"pair": {"use": "all_pairs", "score": "a"}},
    ]

    outcome = await run(recipe, tmp_path / "out")

    assert outcome.complete, outcome.stopped
    sent = Counter(json.dumps(b, sort_keys=True) for b in server.bodies if "adding up points" in str(b))
    assert set(sent.values()) == {1}
    assert {s.judge for record in read_records(tmp_path / "out") for s in record.scores} == {"a", "b", "c"}


async def test_a_request_that_a_later_stage_repeats_is_not_paid_again(tmp_path, server):
    server.script = by_content
    recipe = a_recipe(url=server.url)
    judge_again = {"judge": {"again": recipe["stages"][2]["judge"]["quality"]}}
    recipe["stages"].insert(3, judge_again)

    outcome = await run(recipe, tmp_path / "out")

    assert outcome.complete, outcome.stopped
    assert sum(b["model"] == "g" for b in server.bodies) == 3


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


async def test_a_revision_that_the_token_limit_cut_is_not_paired(tmp_path, server):
    def cut(body, attempt):
        if "Now improve the reply" in str(body["messages"][-1]["content"]):
            return answer("A better ans", body, finish_reason="length")
        return by_content(body, attempt)

    server.script = cut
    recipe = a_recipe(url=server.url, n=1)
    recipe["stages"] = [
        *recipe["stages"][:2],
        {"revise": {"use": "improve", "model": "writer"}},
        {"pair": {"use": "revised_over_original"}},
    ]

    await run(recipe, tmp_path / "out")

    assert list(read_pairs(tmp_path / "out")) == []
    revised = [r for record in read_records(tmp_path / "out") for r in record.responses if r.parent_id]
    assert {(r.finish_reason, r.sampling["temperature"]) for r in revised} == {("length", 0.7)}


@pytest.mark.parametrize("how", ["stopped before its shards were put in place", "interrupted"])
async def test_what_an_earlier_run_left_is_never_taken_for_the_present_one(
    tmp_path, server, monkeypatch, how
):
    """Two prompts, then three; the second run ends after its shards are written and before they are renamed into place."""
    server.script = by_content
    journal = tmp_path / "calls.sqlite"
    await run(a_recipe(url=server.url, prompts=["One?", "Two?"]), tmp_path / "out", journal=journal)

    class Killed(Exception): ...

    def dies(*_):
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(manifest, "put_in_place" if how.startswith("stopped") else "_write_failures", dies)
        with pytest.raises(Killed):
            await run(a_recipe(url=server.url), tmp_path / "out", journal=journal)
    last = await run(a_recipe(url=server.url), tmp_path / "out", journal=journal)
    fresh = await run(a_recipe(url=server.url), tmp_path / "fresh", journal=journal)

    assert last.complete
    assert len(list(read_records(tmp_path / "out"))) == read_manifest(tmp_path / "out").yields.prompts == 3
    assert last.manifest.row_digest == fresh.manifest.row_digest


@judge("test_task_group")
class InATaskGroup(Plugin):
    """Asks in a TaskGroup, and turns every exception into one of its own when told so."""

    model: str
    wraps: bool = False

    async def judge(self, prompt: Prompt, responses: Sequence[Response], ask: Ask) -> Sequence[Score]:
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(ask(self.model, f"Rate {r.text}")) for r in responses]
        except BaseException as wrong:
            if self.wraps:
                raise ValueError("it went wrong") from wrong
            raise
        return [
            Score(response_id=r.id, aspect="a", value=float(len(t.result().text) % 2), scale=(0, 1))
            for r, t in zip(responses, tasks, strict=True)
        ]


async def test_a_reply_that_is_lost_in_a_task_group_costs_its_judgment_alone(tmp_path):
    recipe = a_recipe()
    recipe["models"]["grader"]["rules"] = [
        {"when": "Rate Answer number [0-9]*[13579],", "refuse": "content_policy"},
        {"when": "", "say": "Good."},
    ]
    recipe["stages"][2] = {"judge": {"quality": {"use": "test_task_group", "model": "grader"}}}

    outcome = await run(recipe, tmp_path / "out")

    assert outcome.complete, outcome.stopped
    texts = [[r.text for r in record.responses] for record in read_records(tmp_path / "out")]
    refused = sum(any(re.search(r"number \d*[13579],", text) for text in answers) for answers in texts)
    assert refused > 0
    assert outcome.manifest.yields.failures == {"judge: content_policy": refused}


async def test_a_plug_in_that_makes_an_error_of_being_parked_is_parked_all_the_same(tmp_path, server):
    server.script = by_content
    recipe = a_recipe(url=server.url)
    await run({**recipe, "stages": recipe["stages"][:2]}, tmp_path / "samples")
    recipe["stages"][2] = {"judge": {"quality": {"use": "test_task_group", "model": "grader", "wraps": True}}}

    parked = await run(recipe, tmp_path / "out", live=False)

    assert (parked.exit_code, parked.waiting) == (3, 3), parked.stopped


async def test_sampling_of_one_stage_is_given_to_any_model_that_a_field_names(tmp_path, server):
    server.script = lambda body, attempt: (
        '{"criteria": ["It rhymes."]}'
        if "Write 5 criteria" in str(body)
        else '{"item_1": {"reason": "", "met": true}}'
        if "Check the text" in str(body)
        else by_content(body, attempt)
    )
    recipe = a_recipe(url=server.url)
    recipe["stages"][2] = {
        "judge": {
            "quality": {"use": "checklist", "model": "grader", "writer": {"is": "grader", "max_tokens": 77}}
        }
    }

    outcome = await run(recipe, tmp_path / "out")

    assert outcome.complete, outcome.stopped
    assert {b.get("max_tokens") for b in server.bodies if "Write 5 criteria" in str(b)} == {77}


async def test_two_sample_stages_may_come_to_the_same_answer(tmp_path):
    recipe = a_recipe()
    recipe["models"]["writer"]["rules"][1]["say"] = ["Yes."]
    recipe["stages"][1:] = [
        {"sample": {"use": "each", "model": "writer", "n": 1}},
        {"sample": {"use": "each", "model": "writer", "n": 1}},
    ]

    outcome = await run(recipe, tmp_path / "out")

    assert outcome.complete
    assert [[r.text for r in record.responses] for record in read_records(tmp_path / "out")] == [["Yes."]] * 3


async def test_a_judge_that_is_lost_whole_leaves_the_judge_beside_it_alone(tmp_path, server):
    server.script = lambda body, _: "words and nothing else"
    recipe = a_recipe(url=server.url, prompts=("One?",))
    recipe["stages"][2]["judge"]["other"] = {"use": "additive", "model": "grader", "samples": 1}

    outcome = await run(recipe, tmp_path / "out")

    assert outcome.complete, outcome.stopped
    assert sum(outcome.manifest.yields.failures.values()) >= 2


async def test_one_new_prompt_that_is_refused_is_not_the_recipes_fault(tmp_path, server):
    def says(body, _):
        if "odd" in json.dumps(body):
            return web.json_response({"error": {"message": "filtered", "code": "content_filter"}}, status=400)
        return "Said."

    server.script = says
    recipe = a_recipe(url=server.url, prompts=("One?", "Two?"))
    recipe["stages"] = recipe["stages"][:2]
    await run(recipe, tmp_path / "out")
    recipe["stages"][0]["prompts"]["prompts"].append("An odd one?")

    outcome = await run(recipe, tmp_path / "out")

    assert outcome.complete, outcome.stopped
    assert set(outcome.manifest.yields.failures) == {"sample: content_filter"}
