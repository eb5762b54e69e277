"""Every pair of responses whose scores differ enough (InstructGPT's K-wise expansion, arXiv 2203.02155).
(prefgen/pairers/all_pairs.py)
"""

import math
from random import Random

from prefgen.pairers.all_pairs import AllPairs
from prefgen.testing import a_record


def test_all_pairs_weigh_one_prompt_as_one():
    """methods.md 20, golden 9: five responses with one tie give nine pairs of weight 1/9 each."""
    pairs = AllPairs().pair(a_record("Q", *"abcde", scores={"j": [5, 4, 3, 2, 2]}), Random(0))

    assert len(pairs) == 9
    assert math.isclose(sum(p.weight for p in pairs), 1)
