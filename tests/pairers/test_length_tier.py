"""The shortest of the good responses over the longest of the bad ones (Meta-Rewarding, arXiv 2407.19594,
section 2.3). (prefgen/pairers/length_tier.py)
"""

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from prefgen.pairers.best_vs_worst import BestVsWorst
from prefgen.pairers.length_tier import LengthTier
from tests.support.scoring_and_pairs import of_lengths, sides


def test_tiers_of_score_are_paired_by_length():
    """Meta-Rewarding's rule: with rho 0.32 the shortest of those at 4.04 and above over the longest of those
    at 2.96 and below.
    """
    record = of_lengths(900, 300, 200, 100, scores=[5, 4.8, 4.6, 2])

    assert sides(LengthTier(rho=0.32).pair(record, Random(0))) == [("r2", "r3")]
    assert sides(LengthTier(rho=0).pair(record, Random(0))) == [("r0", "r3")]
    assert LengthTier(rho=0, max_chosen_chars=500).pair(record, Random(0)) == ()


@given(
    st.lists(
        st.tuples(st.integers(1, 60), st.floats(1, 5)),
        min_size=2,
        max_size=6,
        unique_by=(lambda t: t[0], lambda t: round(t[1], 3)),
    )
)
def test_length_tier_without_a_tier_is_best_vs_worst(given_responses):
    record = of_lengths(*(n for n, _ in given_responses), scores=[s for _, s in given_responses])

    assert sides(LengthTier(rho=0).pair(record, Random(0))) == sides(BestVsWorst().pair(record, Random(0)))
