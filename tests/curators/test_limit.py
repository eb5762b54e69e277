"""Keep the first prompts, or a seeded draw of them. (prefgen/curators/limit.py)"""

from prefgen.curators.limit import Limit
from tests.support.sources import a_table


def test_limit_first_and_drawn():
    table = a_table("a", "b", "c", "d")

    assert Limit(count=2).curate(table).ids() == table.ids()[:2]
    drawn = Limit(count=2, pick="random", seed=3)
    assert drawn.curate(table).ids() == drawn.curate(table).ids()
    assert len({tuple(Limit(count=2, pick="random", seed=s).curate(table).ids()) for s in range(30)}) > 3
