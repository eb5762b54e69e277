"""`prefgen.run(...)`: a run from Python, also inside a notebook's running loop. (prefgen/api/run.py)"""

import asyncio

import prefgen
from tests.support.recipes import a_recipe


def test_run_works_inside_a_running_loop(tmp_path):
    async def notebook():
        return prefgen.run(a_recipe(), out=tmp_path / "out", journal=tmp_path / "j.sqlite")

    assert len(asyncio.run(notebook()).pairs) == 3


def test_overrides_apply_to_a_recipe_that_is_data_and_leave_it_as_it_was(tmp_path):
    recipe, sets = a_recipe(), ["name=other", "stages.1.sample.n=3"]

    result = prefgen.run(recipe, out=tmp_path / "out", journal=tmp_path / "j.sqlite", sets=sets)

    assert result.manifest["name"] == "other"
    assert result.manifest["yield"]["responses"] == 9
    assert recipe == a_recipe()
