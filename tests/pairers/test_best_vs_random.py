"""The response with the highest score over another one, drawn with a seed (as Zephyr binarised
UltraFeedback). (prefgen/pairers/best_vs_random.py)
"""

from random import Random

from prefgen.pairers.best_vs_random import BestVsRandom
from prefgen.testing import a_record
from tests.support.scoring_and_pairs import sides


def test_the_random_side_is_seeded():
    record = a_record("Q", "a", "b", "c", "d", scores={"j": [5, 3, 2, 1]})

    drawn = {sides(BestVsRandom().pair(record, Random(seed)))[0] for seed in range(40)}

    assert drawn == {("r0", "r1"), ("r0", "r2"), ("r0", "r3")}
    assert BestVsRandom().pair(record, Random(3)) == BestVsRandom().pair(record, Random(3))
