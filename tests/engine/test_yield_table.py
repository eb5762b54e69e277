"""What became of every prompt of a run: counted by record as it finishes, then overall and by group.
(prefgen/engine/yield_table.py)
"""

from tests.support.durability import two_segments
from tests.support.recipes import run
from tests.support.server import by_content


async def test_failures_of_every_segment_are_on_the_ledger(tmp_path, server):
    server.script = lambda body, attempt: (
        "no"
        if body["model"] == "g" and any(f"number {i} " in str(body) for i in range(3))
        else by_content(body, attempt)
    )

    outcome = await run(two_segments(25, url=server.url), tmp_path / "out")

    assert outcome.manifest.yields.failures == {"judge: no_rating": 3}
    assert outcome.manifest.yields.prompts_by_outcome["failed: no_rating"] == 3
