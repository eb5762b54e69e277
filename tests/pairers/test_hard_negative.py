"""The best response over the best of those that are clearly worse: a rejected side that is hard to tell from
the chosen one. (prefgen/pairers/hard_negative.py)
"""

from random import Random

from prefgen.pairers.hard_negative import HardNegative
from tests.support.scoring_and_pairs import of_lengths, sides


def test_a_hard_negative_is_the_nearest_that_is_clearly_worse():
    record = of_lengths(10, 20, 30, 40, scores=[5, 4.9, 4, 1])

    assert sides(HardNegative(min_margin=0.5).pair(record, Random(0))) == [("r0", "r2")]
    assert sides(HardNegative().pair(record, Random(0))) == [("r0", "r1")]
