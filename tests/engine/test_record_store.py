"""Where a run keeps its records while it works: a cache that may be deleted, since the journal can replay
everything. (prefgen/engine/record_store.py)
"""

import shutil

import pytest

from prefgen import Prompt
from prefgen.engine.record_store import RecordStore
from prefgen.types import Record
from tests.support.durability import MANY
from tests.support.recipes import a_recipe, run, shard_bytes
from tests.support.server import by_content


def test_input_is_stored_whole_or_not_at_all(tmp_path):
    store = RecordStore(tmp_path / "record_store.sqlite")

    def breaks():
        for i in range(500):
            yield Record(prompt=Prompt.of(f"Prompt {i}"))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store.store_inputs(0, breaks(), lambda: ("prompts", "x"))

    assert store.input_ids(0) == []
    assert store.meta("prompts") is None
    store.close()


async def test_a_record_store_that_is_damaged_inside_is_made_anew(tmp_path):
    recipe = a_recipe(prompts=MANY)
    await run(recipe, tmp_path / "out")
    before, path = shard_bytes(tmp_path / "out"), tmp_path / "out" / "record_store.sqlite"
    for offset in (5_000, 20_000):
        whole = bytearray(path.read_bytes())
        whole[offset : offset + 3_000] = b"\xa5" * 3_000
        path.write_bytes(bytes(whole))
        shutil.rmtree(tmp_path / "out" / "records")

        outcome = await run(recipe, tmp_path / "out")

        assert outcome.complete
        assert shard_bytes(tmp_path / "out") == before


async def test_a_damaged_record_store_is_made_anew(tmp_path, server):
    server.script = by_content
    await run(a_recipe(url=server.url), tmp_path / "out")
    before, asked = shard_bytes(tmp_path / "out"), len(server.bodies)
    for path in (tmp_path / "out").glob("record_store.sqlite*"):
        path.write_bytes(b"not a database")

    outcome = await run(a_recipe(url=server.url), tmp_path / "out")

    assert outcome.complete
    assert (shard_bytes(tmp_path / "out"), len(server.bodies)) == (before, asked)
