"""A run's folder: one live run at a time, small files that outlive every cache, and how finished output takes
its place. (prefgen/engine/run_folder.py)
"""

import asyncio
import json
from pathlib import Path

import pytest
from aiohttp import web

from prefgen.dataset.read_run import read_manifest, read_records
from prefgen.engine import manifest
from prefgen.errors import (
    PrefgenError,
    RecipeError,
)
from tests.support.recipes import a_recipe, run
from tests.support.server import answer, by_content


async def test_the_log_tells_how_each_start_went(tmp_path):
    await run(a_recipe(), tmp_path / "out")
    await run(a_recipe(), tmp_path / "out")

    events = [json.loads(line) for line in (tmp_path / "out" / "log.jsonl").read_text().splitlines()]

    assert [e["event"] for e in events] == ["start", "end", "start", "end"]
    assert events[1]["complete"]
    assert events[1]["models"]["writer"]["requests"] == 3
    assert events[3]["models"]["writer"]["requests"] == 0


async def test_a_folder_holds_one_live_run_and_one_name(tmp_path, server):
    async def slow(body, attempt):
        await asyncio.sleep(0.5)
        return web.json_response(answer("x", body))

    server.script = lambda body, attempt: slow(body, attempt)
    first = asyncio.create_task(run(a_recipe(url=server.url), tmp_path / "out"))
    await asyncio.sleep(0.3)

    with pytest.raises(PrefgenError, match="alive"):
        await run(a_recipe(url=server.url), tmp_path / "out")
    await first
    with pytest.raises(RecipeError, match="'test', not of 'other'"):
        await run(a_recipe(url=server.url, name="other"), tmp_path / "out")


async def test_an_incomplete_run_never_looks_complete(tmp_path, server):
    server.script = by_content
    await run(a_recipe(url=server.url), tmp_path / "out")
    prompts = ("One?", "Two?", "Three?", "Four?")
    recipe = a_recipe(url=server.url, prompts=prompts, run={"budget_tokens": 1})

    outcome = await run(recipe, tmp_path / "out")

    assert not outcome.complete
    assert not read_manifest(tmp_path / "out").complete
    assert not (tmp_path / "out" / "pairs").exists()
    with pytest.raises(RecipeError, match="not complete"):
        list(read_records(Path(tmp_path / "out")))


@pytest.mark.parametrize("how", ["stopped before its shards were put in place", "interrupted"])
async def test_what_an_earlier_run_left_is_never_taken_for_the_present_one(
    tmp_path, server, monkeypatch, how
):
    """Two prompts, then three; the second run ends after its shards are written and before they are renamed
    into place.
    """
    server.script = by_content
    journal = tmp_path / "calls.sqlite"
    await run(a_recipe(url=server.url, prompts=["One?", "Two?"]), tmp_path / "out", journal=journal)

    class Killed(Exception): ...

    def dies(*_):
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(manifest, "put_in_place" if how.startswith("stopped") else "_write_failures", dies)
        with pytest.raises(Killed):
            await run(a_recipe(url=server.url), tmp_path / "out", journal=journal)
    last = await run(a_recipe(url=server.url), tmp_path / "out", journal=journal)
    fresh = await run(a_recipe(url=server.url), tmp_path / "fresh", journal=journal)

    assert last.complete
    assert len(list(read_records(tmp_path / "out"))) == read_manifest(tmp_path / "out").yields.prompts == 3
    assert last.manifest.row_digest == fresh.manifest.row_digest
