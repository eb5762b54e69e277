"""Further processes are started, told and ended, and where there can be none the run replays alone.
(prefgen/engine/worker_pool.py)
"""

import os
from pathlib import Path

import pytest

from prefgen import Score, judge
from prefgen.errors import RecipeError
from prefgen.recipe.build import build
from prefgen.recipe.load import recipe_from_data
from tests.support.divided import divided, parallel, processes_seen, worker_processes
from tests.support.recipes import a_recipe, run, shard_bytes


@judge("test_only_here")
def only_here(responses):
    """A judge that no other process knows."""
    return [Score(response_id=r.id, aspect="length", value=len(r.text), scale=(0, 1000)) for r in responses]


async def test_a_recipe_that_another_process_cannot_build_is_replayed_alone(tmp_path):
    recipe = parallel(tmp_path)
    recipe["stages"][3]["judge"]["quality"] = {"use": "test_only_here"}
    await run(recipe, tmp_path / "first")

    again = await run(recipe, tmp_path / "second", live=False)

    assert again.complete and [log["merged"] for log in divided(tmp_path / "second")] == [0]
    assert shard_bytes(tmp_path / "second") == shard_bytes(tmp_path / "first")


async def test_processes_that_started_ahead_replay_or_are_ended(tmp_path):
    await run(parallel(tmp_path), tmp_path / "first")
    with processes_seen() as seen:
        again = await run(parallel(tmp_path), tmp_path / "second", live=False)
    assert again.complete and len(seen) == 2 and divided(tmp_path / "second")[0]["merged"] >= 20

    with processes_seen() as seen:
        unknown = a_recipe(prompts=["Of this nothing is known."], run={"processes": 3})
        other = await run(unknown, tmp_path / "third")
    assert other.complete and not divided(tmp_path / "third")
    assert not list(worker_processes())

    with processes_seen() as seen:
        done = await run(parallel(tmp_path), tmp_path / "second", live=False)
    assert done.complete and not seen, "a folder that holds records already is no new run"


WEIGHTY = """
from prefgen import backend
from prefgen.backends.scripted import ScriptedBackend


@backend("weighty")
class Weighty(ScriptedBackend):
    loads_weights = True
"""


async def test_weights_are_not_read_by_further_processes(tmp_path):
    (tmp_path / "weighty.py").write_text(WEIGHTY)
    recipe = parallel(tmp_path)
    recipe["models"]["grader"]["use"] = "./weighty.py:Weighty"
    await run(recipe, tmp_path / "first")

    with processes_seen() as seen:
        again = await run(recipe, tmp_path / "second", live=False)

    assert again.complete and not seen and not divided(tmp_path / "second")


async def test_where_no_process_can_be_had_the_run_replays_alone(tmp_path):
    """One value of the environment is longer than the system hands to a process."""
    await run(parallel(tmp_path), tmp_path / "first")
    os.environ["TOO_LONG_TO_HAND_ON"] = "x" * 2**20
    try:
        again = await run(parallel(tmp_path), tmp_path / "second", live=False)
    finally:
        del os.environ["TOO_LONG_TO_HAND_ON"]

    assert again.complete and not divided(tmp_path / "second")
    assert shard_bytes(tmp_path / "second") == shard_bytes(tmp_path / "first")


async def test_one_process_is_enough_where_the_recipe_says_so(tmp_path):
    await run(parallel(tmp_path), tmp_path / "first")

    assert (await run(parallel(tmp_path, run={"processes": 1}), tmp_path / "second", live=False)).complete
    assert not divided(tmp_path / "second")


def test_processes_are_a_number_or_auto():
    with pytest.raises(RecipeError, match="processes"):
        build(recipe_from_data(a_recipe(run={"processes": 0}), Path()))


def test_no_process_is_left_behind():
    """After all of the above: they end with the runs that started them."""
    assert not list(worker_processes())
