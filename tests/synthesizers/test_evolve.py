"""Make prompts harder, step by step, or move sideways from them (Evol-Instruct, Xu et al., arXiv 2304.12244,
section 3). (prefgen/synthesizers/evolve.py)
"""

from prefgen.errors import ReplyError
from tests.support.synthesizers import a_seed, an, asked_of, listed, texts


async def test_evolve_goes_on_from_what_it_wrote_and_keeps_what_came_before_a_lost_step():
    steps = [listed("Harder?"), listed("Harder still?"), listed("Harder still?")]

    written, asked = await asked_of(an("evolve", steps=4, seeds="s"), a_seed("Easy?"), *steps)

    assert texts([p for p in written if not isinstance(p, ReplyError)]) == ["Harder?", "Harder still?"]
    assert [e.code for e in written if isinstance(e, ReplyError)] == ["not_evolved"]
    assert "Easy?" in asked[0]
    assert "Harder?" in asked[1]
    assert [p.lineage["step"] for p in written[:2]] == [1, 2]
    assert written[1].lineage["parent"] == "Harder?"
    last, _ = await asked_of(an("evolve", steps=2, keep="last", seeds="s"), a_seed("Easy?"), *steps)
    assert texts(last) == ["Harder still?"]


async def test_a_chain_that_comes_back_to_where_it_was_ends_there():
    replies = [listed("Harder?"), listed("Easy?"), listed("never asked")]

    written, asked = await asked_of(
        an("evolve", steps=3, operators=["deepen"], seeds="s"), a_seed("Easy?"), *replies
    )

    assert texts([p for p in written if not isinstance(p, ReplyError)]) == ["Harder?"]
    assert len(asked) == 2
