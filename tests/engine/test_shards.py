"""The shards of a run's output: shard k holds fixed positions, and is written once all of them are done.
(prefgen/engine/shards.py)
"""

import json
import shutil

import pytest

from prefgen.engine import shards
from tests.support.durability import MANY
from tests.support.recipes import a_recipe, run, shard_bytes


@pytest.mark.parametrize(
    "damage", ["one shard", "pairs", "records", "record store", "partial left", "half in place"]
)
async def test_whatever_is_deleted_comes_back(tmp_path, monkeypatch, damage):
    monkeypatch.setattr(shards, "RECORDS_A_SHARD", 10)
    recipe = a_recipe(prompts=MANY)
    out = tmp_path / "out"
    await run(recipe, out)
    before = shard_bytes(out)
    assert len(before) == 6
    if damage == "one shard":
        (out / "records" / "00001.parquet").unlink()
    elif damage == "partial left":
        (out / "partial").mkdir()
    elif damage == "half in place":
        (out / "partial").mkdir()
        shutil.move(out / "pairs", out / "partial" / "pairs")
        manifest = json.loads((out / "manifest.json").read_text())
        (out / "manifest.json").write_text(json.dumps({**manifest, "complete": False}))
    elif damage == "record store":
        for path in out.glob("record_store.sqlite*"):
            path.unlink()
    else:
        shutil.rmtree(out / damage)

    outcome = await run(recipe, out)

    assert outcome.complete
    assert shard_bytes(out) == before
    assert not (out / "partial").exists()
