"""How far a run is: plain numbers that a panel, a log line or a notebook can show.
(prefgen/engine/progress.py)
"""

import asyncio

from tests.support.recipes import a_recipe, run


def test_pairs_are_counted_over_all_starts_of_a_run(done):
    from prefgen.engine.progress import Progress

    progress = Progress()
    asyncio.run(
        run(a_recipe(), done / "runs" / "test", journal=done / "runs" / "calls.sqlite", progress=progress)
    )

    assert (progress.finished, progress.pairs) == (3, 3)
