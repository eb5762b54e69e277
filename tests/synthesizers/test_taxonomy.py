"""Divide topics into narrower ones, and write prompts at the leaves, so that a field is covered and not only
its best-known corner. (prefgen/synthesizers/taxonomy.py)
"""

import re

from prefgen.errors import ReplyError
from prefgen.testing import Scripted, a_pool
from tests.support.synthesizers import a_seed, an, listed, texts


async def test_topics_are_divided_and_each_leaf_gets_its_own_prompts():
    def says(text):
        topic = re.search(r"<text 1>\n(.*?)\n", text)[1].replace(" > ", "/")
        return (
            listed(f"{topic[-3:]}a", f"{topic[-3:]}b") if "Name 2 part" in text else listed(f"About {topic}?")
        )

    ask = Scripted(says)
    written = await an("taxonomy", branches=2, depth=2, seeds="s").synthesize(a_seed("Sea"), ask, a_pool())

    assert len(ask.asked) == 1 + 2 + 4
    assert len({p.text for p in written}) == 4
    assert {p.category for p in written} == {"Sea"}
    assert all(len(p.lineage["topic"]) == 3 for p in written)


async def test_a_branch_that_is_lost_costs_its_own_leaves():
    def says(text):
        if "Name 2 part" in text:
            return listed("tides", "ships")
        return "" if "ships" in text else listed("How?")

    written = await an("taxonomy", branches=2, seeds="s").synthesize(a_seed("Sea"), Scripted(says), a_pool())

    assert texts([p for p in written if not isinstance(p, ReplyError)]) == ["How?"]
    assert len([p for p in written if isinstance(p, ReplyError)]) == 1
