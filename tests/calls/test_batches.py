"""The batches of a run, with the real client against a server that speaks Files and Batches.
(prefgen/calls/batches.py)
"""

import pytest

from tests.support import batch_server
from tests.support.batch_server import BatchServer
from tests.support.recipes import a_recipe, run


@pytest.fixture
async def provider():
    server = BatchServer()
    runner = await batch_server.start(server)
    yield server
    await runner.cleanup()


def batched(server, **changes):
    """The recipe whose models are asked by batches."""
    return live_recipe(server, batch=True, **changes)


def live_recipe(server, *, batch=False, **changes):
    """The recipe that asks for each draw on its own, as batches do: the server answers by seed."""
    recipe = a_recipe(url=server.url, **changes)
    for endpoint in recipe["run"]["endpoints"].values():
        endpoint.update({"batch": True} if batch else {"n": False})
    return recipe


async def test_a_run_sends_batches_and_goes_on_when_it_is_started_again(tmp_path, provider):
    """Samples first, then what judges them; the rows are those of a live run."""
    live = await run(live_recipe(provider), tmp_path / "live", journal=tmp_path / "live.sqlite")
    asked_live = len(provider.live)

    first = await run(batched(provider), tmp_path / "out")
    second = await run(batched(provider), tmp_path / "out")
    third = await run(batched(provider), tmp_path / "out")

    assert (first.exit_code, second.exit_code, third.exit_code) == (3, 3, 0)
    assert first.incomplete_reason().startswith("come back later: 6 requests of w wait in batch batch_0")
    assert [len(batch.lines) for batch in provider.batches.values()] == [6, 3]
    assert third.manifest.row_digest == live.manifest.row_digest
    assert len(provider.live) == asked_live
    assert not provider.bought_twice
