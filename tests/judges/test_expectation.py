"""Score each answer by the expected rating over the likelihoods of the numbers 1 to 10, mapped to -1 to 1
(d-RLAIF, arXiv 2309.00267, section 2.3). (prefgen/judges/expectation.py)
"""

import pytest

from prefgen.judges.expectation import Expectation, expected_score
from prefgen.testing import Scripted
from tests.support.judges import judged, odds


def test_a_uniform_rating_of_1_to_10_is_the_middle_of_the_scale():
    """d-RLAIF: 5.5 on 1 to 10 is 0 on -1 to 1."""
    assert expected_score([0.1] * 10) == pytest.approx(0.0)
    assert expected_score([0] * 9 + [1]) == 1.0
    assert expected_score([1] + [0] * 9) == -1.0


async def test_the_expected_rating_is_read_from_probabilities_or_from_votes():
    [certain] = await judged(
        Expectation(model="m"), Scripted([odds(**{"9": 0.5, "8": 0.4999, "1": 0.00005})]), "x"
    )
    [counted] = await judged(Expectation(model="m", votes=4), Scripted(["7", "7", "9", "nine", "5"]), "x")

    assert certain.value == pytest.approx(2 * (8.5 - 1) / 9 - 1, abs=0.01)
    assert (certain.method, counted.method) == ("logprobs", "votes")
    assert counted.value == pytest.approx(2 * (7.5 - 1) / 9 - 1)
