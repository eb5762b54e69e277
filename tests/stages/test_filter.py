"""Filter stage: flag responses that pairers are to skip. There is no barrier: each record is filtered on its
own. (prefgen/stages/filter.py)
"""

from prefgen import Flag, filter
from prefgen.errors import PluginError
from tests.support.recipes import a_recipe, run


@filter("test_fn_flags_nobody")
def flags_nobody(record):
    return [Flag(target_id="nobody", rule="x")]


async def test_a_filter_flags_only_what_is_there(tmp_path):
    recipe = a_recipe()
    recipe["stages"].insert(2, {"filter": {"use": "test_fn_flags_nobody"}})

    outcome = await run(recipe, tmp_path / "out")

    assert isinstance(outcome.stopped, PluginError)
    assert "'nobody'" in str(outcome.stopped)
