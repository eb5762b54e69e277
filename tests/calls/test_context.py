"""What all asks of a run share, and how an ask is answered: from the journal, or by a model, or not now.
(prefgen/calls/context.py)
"""

import json
from collections import Counter
from collections.abc import Sequence

from prefgen import Ask, Plugin, Prompt, Response, gather, sampler
from prefgen.dataset.read_run import read_records
from prefgen.errors import (
    PluginError,
    UnexpectedRequest,
    UnexpectedServer,
)
from tests.support.recipes import a_recipe, run
from tests.support.server import by_content


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


DRIFT = """
from prefgen import Plugin, Score, judge

@judge("drift")
class Drift(Plugin):
    model: str
    async def judge(self, prompt, responses, ask):
        out = []
        for r in responses:
            reply = await ask(self.model, "{words} " + r.text)
            value = float(len(reply.text) % 5 + 1)
            out.append(Score(response_id=r.id, aspect="a", value=value, scale=(1, 5)))
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
    server.script = lambda body, seen: "Fine." if body["model"] == "w" else '{"rationale": "r", "rating": 4}'
    recipe = a_recipe(url=server.url, n=1)
    alone = {
        "use": "aspect",
        "model": "grader",
        "aspect": "quality",
    }  # whatever shows several draws their order
    recipe["stages"][2:] = [{"judge": {"quality": alone}}, {"judge": {"again": alone}}]

    outcome = await run(recipe, tmp_path / "out")

    assert outcome.complete, outcome.stopped
    assert sum(b["model"] == "g" for b in server.bodies) == 3
