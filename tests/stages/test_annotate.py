"""Annotate stage: a curator that needs a model asks about each prompt, before it sees the whole set.
(prefgen/stages/annotate.py)
"""

import json

from prefgen import Plugin, curator
from prefgen.errors import PluginError
from tests.support.rated import rate, rated, texts
from tests.support.recipes import a_recipe, run


async def test_a_number_of_before_is_not_taken_for_one_that_was_lost(tmp_path, server):
    server.script = rate
    recipe = rated(
        server.url, ("An odd one?",), before=[{"use": "rated", "model": "writer", "least": 1}], least=4
    )
    recipe["stages"] = recipe["stages"][:2]
    server.script = lambda body, _: (
        json.dumps({"rationale": "r", "rating": 2}) if body["model"] == "w" else "no idea"
    )

    outcome = await run(recipe, tmp_path / "out")

    assert texts(tmp_path / "out") == ["An odd one?"]
    assert outcome.manifest.yields.prompts_by_outcome == {"kept": 1}
    assert outcome.manifest.yields.failures


@curator("test_weighs_nan")
class WeighsNan(Plugin):
    def output_column(self):
        return "weight"

    async def annotate(self, prompt, ask):
        return float("nan")

    def curate(self, rows):
        return rows


async def test_a_weight_that_is_no_number_is_a_bug_that_is_named(tmp_path):
    recipe = a_recipe()
    recipe["stages"].insert(1, {"curate": [{"use": "test_weighs_nan"}]})

    outcome = await run(recipe, tmp_path / "out")

    assert isinstance(outcome.stopped, PluginError)
    assert "annotated a prompt with 'nan'" in str(outcome.stopped)
