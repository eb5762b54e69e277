"""The keys of every shipped recipe are frozen: an update that would ask anything again is seen here first."""

import json
from pathlib import Path

import pytest

from prefgen.calls.journal import Journal
from prefgen.kit.templates import shipped
from prefgen.recipe.load import load_recipe
from tests.support.paths import GOLDEN
from tests.support.recipes import run

SHIPPED_KEYS = GOLDEN / "shipped_keys.json"


async def keys_of(path: Path, folder: Path) -> list[str]:
    await run(load_recipe(path).data, folder / "out", folder=path.parent)
    journal = Journal(folder / "out" / "simulated.sqlite")
    found = sorted(key.hex() for (key,) in journal.query("SELECT key FROM replies"))
    journal.close()
    return found


@pytest.mark.parametrize("path", sorted(shipped("pipelines").glob("*.yaml")), ids=lambda p: p.stem)
async def test_a_shipped_recipe_asks_what_it_always_asked(path, tmp_path):
    """When a wording or a default is changed on purpose: say so in the changelog, and write the file anew."""
    assert await keys_of(path, tmp_path) == json.loads(SHIPPED_KEYS.read_text())[path.stem]
