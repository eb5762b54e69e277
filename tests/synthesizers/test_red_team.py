"""Messages that try to make an assistant break a rule, by area, manner and way of attack (after Perez et al.,
arXiv 2202.03286). (prefgen/synthesizers/red_team.py)
"""

from tests.support.synthesizers import a_seed, an, asked_of, listed


async def test_attacks_are_drawn_and_must_be_meant():
    team = an("red_team", seeds="s", accept_harm=True, styles=["plain"], attacks=["asks outright"])

    written, [asked] = await asked_of(
        team, a_seed("It deceives nobody.", category="fraud"), listed("A?", "B?")
    )

    assert {(p.lineage["style"], p.lineage["attack"]) for p in written} == {("plain", "asks outright")}
    assert "in the area of fraud" in asked
    assert "It deceives nobody." in asked
