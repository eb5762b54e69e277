"""Write tasks from examples of which some are people's and some were written in earlier rounds
(Self-Instruct, Wang et al., arXiv 2212.10560). (prefgen/synthesizers/self_instruct.py)
"""

from prefgen.testing import SHOTS
from tests.support.synthesizers import a_seed, an, asked_of, listed


async def test_self_instruct_mixes_people_and_pool():
    written, [asked] = await asked_of(
        an("self_instruct", per_seed=2, choice_share=1.0), a_seed(shots=list(SHOTS)), listed("A", "B")
    )

    assert len(written) == 2
    assert "What is a spring tide?" in asked
    assert SHOTS[0] in asked
    assert "one of a few labels" in asked
