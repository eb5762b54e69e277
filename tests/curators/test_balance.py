"""Keep groups of prompts in proportion: at most so many of each, or the numbers that are asked for.
(prefgen/curators/balance.py)
"""

from tests.support.tables import curated, prompts


def test_groups_are_kept_in_proportion_and_what_falls_short_is_said():
    table = prompts(*(f"Prompt {i}" for i in range(10)), categories=["a"] * 6 + ["b"] * 3 + [None])

    left = curated("balance", table, most=2, quotas={"b": 5, "c": 1})

    assert [left.column("category").count(c) for c in ("a", "b", None)] == [2, 3, 1]
    assert left.notices == (
        "balance: category 'b' has 3 of the 5 rows that are wanted",
        "balance: there is no category 'c'. Known: a, b, none",
    )
    assert "over 2 of category a" in {g.reason for g in left.dropped.values()}
    more = prompts(*(f"Prompt {i}" for i in range(11)), categories=["a"] * 6 + ["b"] * 3 + [None, "b"])
    assert [
        i for i in curated("balance", more, most=2).ids() if i in ("p0", "p1", "p2", "p3", "p4", "p5")
    ] == [i for i in left.ids() if i < "p6"]
