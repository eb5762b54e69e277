"""What judges share: a rating from one reply, the probability of a label or the expected number from
log-probabilities, votes. (prefgen/kit/ratings.py)
"""

import pytest
from pydantic import ValidationError

from prefgen.judges.additive import Additive
from prefgen.judges.aspect import Aspect
from prefgen.judges.pairwise import Pairwise
from prefgen.stats.scoring import probability_of
from prefgen.testing import Scripted
from tests.support.judges import judged, odds, scores


async def test_equal_answers_are_judged_once_and_alike():
    """A policy repeats itself: the same request must not be sent twice, and the same text must not have two
    ratings.
    """
    rated = Scripted(["Rating: 4"])
    compared = Scripted([odds(A=0.8, B=0.2)])

    by_points = await judged(Additive(model="m", samples=2), rated, "same", "same", "other")
    in_pairs = await judged(Pairwise(model="m", swap=False), compared, "same", "same", "other")

    assert len(rated.asked) == 4
    assert scores(by_points) == {"r0": 4.0, "r1": 4.0, "r2": 4.0}
    assert len(compared.asked) == 1
    assert probability_of(in_pairs, "r0", "r1") == 0.5
    assert probability_of(in_pairs, "r0", "r2") == probability_of(in_pairs, "r1", "r2") != 0.5
    assert scores(await judged(Pairwise(model="m"), compared, "x", "x")) == {}


def test_samples_that_could_never_be_enough_are_refused():
    for wrong in ({"samples": 2, "min_valid": 3}, {"samples": 3, "temperature": 0}):
        with pytest.raises(ValidationError):
            Additive(model="m", **wrong)
        with pytest.raises(ValidationError):
            Aspect(model="m", aspect="x", **wrong)
