"""Runs whose models are asked by batches are killed at each step: no request is bought twice."""

import asyncio
import json
import sqlite3
from contextlib import closing

import pytest

from prefgen.dataset.read_run import read_manifest
from tests.support.killing import start
from tests.support.recipes import a_recipe, run

PROMPTS = [f"Question number {i}?" for i in range(25)]


def a_batched_recipe(server, **endpoint):
    recipe = a_recipe(url=server.url, prompts=PROMPTS)
    for fields in recipe["run"]["endpoints"].values():
        fields.update(endpoint)
    return recipe


@pytest.fixture
async def live_digest(tmp_path, provider):
    live = await run(a_batched_recipe(provider, n=False), tmp_path / "live", journal=tmp_path / "live.sqlite")
    provider.live.clear()
    return live.manifest.row_digest


class Starts:
    """Starts of one run as processes, of which some are killed."""

    def __init__(self, folder, recipe) -> None:
        self.path, self.out = folder / "r.json", folder / "out"
        self.path.write_text(json.dumps(recipe))
        self.journal = folder / "calls.sqlite"
        self.process = None

    async def once(self, kill_after: float | None = None) -> int:
        """The exit code; -9 where it was killed."""
        self.process = start(self.path, self.out, journal=self.journal)
        if kill_after is not None:
            await asyncio.sleep(kill_after)
            self.process.kill()
        await asyncio.to_thread(self.process.communicate, timeout=120)
        return self.process.returncode

    def let_an_hour_pass(self) -> None:
        """A batch of which nobody knows whether it was created is waited for, as long as it is young."""
        with closing(sqlite3.connect(self.journal)) as journal, journal:
            journal.execute("UPDATE batches SET submitted = submitted - 3600")

    async def to_the_end(self) -> None:
        for _ in range(6):
            code = await self.once()
            assert code in (0, 3)
            if code == 0:
                return
            self.let_an_hour_pass()
        raise AssertionError("the run did not come to its end")

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


STEPS = [("on", "upload"), ("before", "create"), ("on", "create"), ("before", "look"), ("on", "download")]


@pytest.mark.parametrize(("when", "step"), STEPS)
async def test_a_run_that_is_killed_at_a_step_buys_nothing_twice(tmp_path, provider, live_digest, when, step):
    """SIGKILL while the server answers: right before and right after a batch is created, among others."""
    starts = Starts(tmp_path, a_batched_recipe(provider, batch=True))

    def kill_once():
        getattr(provider, when).pop(step)
        if (when, step) == ("before", "create"):
            provider.fail["create"] = ["before"]  # it never came to be
        starts.kill()

    getattr(provider, when)[step] = kill_once
    codes = [await starts.once()]
    if codes[0] == 3:  # there is nothing to look at or to download in the first start
        codes.append(await starts.once())
    assert codes[-1] == -9
    await starts.to_the_end()

    assert read_manifest(starts.out).row_digest == live_digest
    assert max(provider.in_batches.values()) == 1
    assert not provider.live
    with_replies = [batch for batch in provider.batches.values() if batch.lines]
    assert [len(batch.lines) for batch in with_replies] == [50, 25]


async def test_sigkill_at_any_moment_buys_nothing_twice(tmp_path, provider, live_digest):
    starts = Starts(tmp_path, a_batched_recipe(provider, batch=True))
    for moment in (0.8, 1.1, 1.3, 1.5, 1.7, 1.9, 1.4, 1.6):
        await starts.once(kill_after=moment)
    await starts.to_the_end()

    assert read_manifest(starts.out).row_digest == live_digest
    assert max(provider.in_batches.values()) == 1
    assert not provider.live
