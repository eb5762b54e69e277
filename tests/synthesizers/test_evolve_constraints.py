"""Add demands that an answer must meet, so that it can be told whether it did (SPaR, Cheng et al., arXiv
2412.11605, section 3.1). (prefgen/synthesizers/evolve_constraints.py)
"""

import pytest
from pydantic import ValidationError

from tests.support.synthesizers import a_seed, an, asked_of, listed


async def test_demands_are_one_of_fourteen_families_and_one_to_three_more():
    from prefgen.synthesizers.evolve_constraints import FAMILIES

    [prompt], [asked] = await asked_of(
        an("evolve_constraints", seeds="s"), a_seed("Easy?"), listed("In a table: easy?")
    )

    assert len(FAMILIES) == 14
    drawn = prompt.lineage["constraints"]
    assert 2 <= len(drawn) == len(set(drawn)) <= 4
    assert f"{FAMILIES[drawn[0]]} (this one above all)" in asked
    assert all(FAMILIES[name] in asked for name in drawn)


@pytest.mark.parametrize("more", [(1, 14), (3, 1), (-1, 2)])
def test_more_demands_than_there_are_are_refused(more):
    with pytest.raises(ValidationError, match="more must be two numbers"):
        an("evolve_constraints", more=more)
