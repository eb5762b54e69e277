"""A server that a run keeps, and that hangs (prefgen/serving/vllm_server.py)."""

import pyarrow.parquet as pq

from tests.support.recipes import run
from tests.support.served_recipe import served


async def test_a_hang_is_seen_by_its_tokens_and_ended(tmp_path):
    starts = tmp_path / "starts"
    recipe = served(["One?", "HANG", "Two?"], n=1, starts=str(starts), hang_after=1)

    outcome = await run(recipe, tmp_path / "run")

    assert outcome.complete, outcome.stopped
    assert outcome.manifest.yields.responses == 2
    [failure] = pq.read_table(tmp_path / "run" / "failures.parquet").to_pylist()
    assert failure["code"] == "engine_died"
    assert "made no token for 1 s" in failure["reason"]
