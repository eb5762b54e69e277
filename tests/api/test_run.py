"""`prefgen.run(...)`: a run from Python, also inside a notebook's running loop. (prefgen/api/run.py)"""

from tests.support.recipes import a_recipe


def test_run_works_inside_a_running_loop(tmp_path):
    import asyncio

    import prefgen as package

    async def notebook():
        return package.run(a_recipe(), out=tmp_path / "out", journal=tmp_path / "j.sqlite")

    assert len(asyncio.run(notebook()).pairs) == 3
