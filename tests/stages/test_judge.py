"""Judge stage: ask every judge about the responses of a prompt. (prefgen/stages/judge.py)"""

from collections.abc import Sequence

import pytest

from prefgen import Ask, Plugin, Prompt, Response, Score, judge
from prefgen.errors import (
    PluginError,
)
from tests.support.recipes import a_recipe, run
from tests.support.server import by_content


async def test_an_unreadable_judgment_makes_no_pair(tmp_path, server):
    server.script = lambda body, attempt: (
        "I would rather not." if body["model"] == "g" else by_content(body, attempt)
    )

    outcome = await run(a_recipe(url=server.url), tmp_path / "out")

    assert outcome.manifest.yields.pairs == 0
    assert outcome.manifest.yields.failures == {"judge: no_rating": 3}
    # each asked once more with its error shown
    assert len([b for b in server.bodies if b["model"] == "g"]) == 6


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
