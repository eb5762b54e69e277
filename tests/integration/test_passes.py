"""Models that take turns: a recipe with several of them runs in passes, and makes the same rows as with all
at once.
"""

import pytest

from tests.support.recipes import run, shard_bytes
from tests.support.served import CHAIN, FOLDER, SLOTS, asked_twice, in_turns, loads, noted


@pytest.fixture
def served(tmp_path, monkeypatch):
    """The folder in which the servers write down what they did; one slot."""
    folder = tmp_path / "served"
    folder.mkdir()
    monkeypatch.setenv(FOLDER, str(folder))
    monkeypatch.setenv(SLOTS, "1")
    return folder


async def all_at_once(recipe, tmp_path, monkeypatch):
    """The same recipe with room for every model, on a journal of its own."""
    folder = tmp_path / "at-once"
    folder.mkdir()
    with monkeypatch.context() as context:
        context.setenv(FOLDER, str(folder))
        context.setenv(SLOTS, "9")
        at_once = {**recipe, "run": {**recipe["run"], "resident": 9}}
        outcome = await run(at_once, folder / "out")
    assert outcome.complete, outcome.stopped
    return outcome


async def test_four_models_and_one_slot(tmp_path, served, monkeypatch):
    recipe = in_turns(CHAIN, "a", "b", "c", "d")
    at_once = await all_at_once(recipe, tmp_path, monkeypatch)

    outcome = await run(recipe, tmp_path / "out")

    assert outcome.complete, outcome.stopped
    assert loads(served) == ["m-a", "m-b", "m-c", "m-d"]
    assert noted(served, "too_many") == []
    assert asked_twice(served) == []
    assert outcome.manifest.row_digest == at_once.manifest.row_digest
    assert shard_bytes(tmp_path / "out") == shard_bytes(at_once.out)
