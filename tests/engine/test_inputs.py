"""What goes into each segment of a run: the prompts that are read, the seeds of synthesizers, and what
curators leave of both. (prefgen/engine/inputs.py)
"""

import pytest

from prefgen.dataset.read_run import read_pairs, read_records
from prefgen.errors import (
    NoPromptsLeft,
    RecipeError,
)
from tests.support.durability import MANY
from tests.support.recipes import a_recipe, run
from tests.support.server import by_content
from tests.support.synthesize import POOLS, synthesized, texts
from tests.support.tables import curated


def curated(count, **more):
    recipe = a_recipe(prompts=MANY, **more)
    recipe["stages"].insert(1, {"curate": [{"use": "limit", "count": count}]})
    return recipe


async def test_a_changed_curator_sees_everything_again(tmp_path):
    counts = [(await run(curated(n), tmp_path / "out")).manifest.yields.prompts for n in (5, 12, 3)]

    assert counts == [5, 12, 3]


async def test_changed_rows_are_not_answered_from_the_old_ones(tmp_path, server):
    """A peer answers changed input rows from its cache of the old rows."""
    server.script = by_content
    await run(a_recipe(url=server.url, prompts=("One?", "Two?", "Three?")), tmp_path / "out")

    await run(a_recipe(url=server.url, prompts=("One?", "Deux?", "Three?")), tmp_path / "out")

    pairs = list(read_pairs(tmp_path / "out"))
    assert [p["prompt"][-1]["content"] for p in pairs] == ["One?", "Deux?", "Three?"]
    assert all(f"to {p['prompt'][-1]['content']}" in p["chosen"][0]["content"] for p in pairs)


async def test_an_empty_file_is_no_dataset(tmp_path):
    (tmp_path / "p.jsonl").write_text("\n")
    recipe = a_recipe()
    recipe["stages"][0] = {"prompts": {"use": "file", "path": "p.jsonl"}}

    with pytest.raises(RecipeError, match="prompts are empty"):
        await run(recipe, tmp_path / "out", folder=tmp_path)


async def test_each_round_sees_what_the_curators_left_of_those_before(tmp_path):
    POOLS.clear()

    outcome = await run(synthesized(folder=tmp_path, rounds=3), tmp_path / "out")

    assert outcome.complete
    assert POOLS[0] == ["Given?"]
    assert len(POOLS[1]) == 1 + 1 + 3
    assert len(POOLS[2]) == 1 + 2 + 6
    assert len(texts(tmp_path / "out")) == 1 + 3 + 9
    assert outcome.manifest.prompts["prompts"] == 13
    assert 0 < outcome.manifest.prompts["vendi"] <= 13
    assert texts(tmp_path / "out")[0] == "Given?"


async def test_when_every_seed_fails_the_run_stops_and_says_so_again(tmp_path):
    recipe = synthesized(("refuses",), folder=tmp_path, curate=False)
    recipe["stages"][0]["prompts"].pop("given")

    for _ in range(2):
        outcome = await run(recipe, tmp_path / "out")

        assert isinstance(outcome.stopped, NoPromptsLeft)
        assert "no prompt was written from 1 seeds; 1 failed, for example: cannot be read" in str(
            outcome.stopped
        )
        assert not outcome.manifest.complete
        assert outcome.manifest.yields.failures


async def test_a_fair_sample_takes_the_same_part_of_later_rounds(tmp_path):
    recipe = synthesized([f"thing {i}" for i in range(19)], folder=tmp_path, rounds=2)

    outcome = await run(recipe, tmp_path / "out", limit=5)

    assert outcome.complete
    rounds = [
        r.prompt.lineage.get("round") for r in read_records(tmp_path / "out") if r.prompt.category == "own"
    ]
    assert rounds.count(0) in (4, 5)
    assert rounds.count(1) == 5
