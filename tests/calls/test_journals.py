"""Which journal a reply lives in. (prefgen/calls/journals.py)"""

from prefgen.calls.journal import Journal
from prefgen.calls.journals import Journals
from prefgen.calls.models import ModelSpec
from tests.support.queue import ToldModel
from tests.support.recipes import a_recipe, run


def test_simulated_replies_never_reach_the_projects_journal(tmp_path):
    project, simulated = Journal(tmp_path / "p.sqlite"), Journal(tmp_path / "s.sqlite")
    journals = Journals(project, simulated, simulated)

    assert journals.of(ModelSpec("m", {"name": "m"}, {}, ToldModel(str))) is project
    assert journals.of(ModelSpec("m", {"name": "m"}, {}, ToldModel(str), simulated=True)) is simulated
    project.close()
    simulated.close()


async def test_a_run_of_both_kinds_keeps_them_apart(tmp_path):
    recipe = a_recipe()
    recipe["models"]["grader"] = {"use": "simulated"}

    assert (await run(recipe, tmp_path / "out")).complete

    project, simulated = Journal(tmp_path / "calls.sqlite"), Journal(tmp_path / "out" / "simulated.sqlite")
    assert {row.model for row in project.rows()} == {"writer"}
    assert {row.model for row in simulated.rows()} == {"grader"}
    project.close()
    simulated.close()
