"""Name the plug-in that blocks the event loop: while it computes, no reply of any record is taken in.
(prefgen/engine/watchdog.py)
"""

import sys
import time
from collections.abc import Sequence

from prefgen import Ask, Plugin, Prompt, Response, Score, judge
from prefgen.api.run import options_of
from prefgen.engine.run import Runner
from prefgen.engine.watchdog import _plugin_at_work
from prefgen.recipe.build import build
from prefgen.recipe.load import recipe_from_data
from tests.support.recipes import a_recipe


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


class Ours(Computes):
    """As if it were one of the package's own."""

    __module__ = "prefgen.judges.ours"

    def frame(self):
        return sys._getframe()


def test_one_of_our_own_is_not_named():
    ours, theirs = Ours(), Computes()
    assert _plugin_at_work(ours.frame()) is None
    assert _plugin_at_work(Ours.frame(theirs)) is not None  # pyright: ignore[reportArgumentType]


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
