"""The response with the highest score over the one with the lowest. (prefgen/pairers/best_vs_worst.py)"""

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from prefgen.pairers.best_vs_worst import BestVsWorst
from prefgen.testing import a_record
from tests.support.scoring_and_pairs import sides


def test_best_over_worst_with_its_margin():
    [pair] = BestVsWorst().pair(a_record("Q", "a", "b", "c", scores={"j": [3, 5, 1]}), Random(0))

    assert (pair.chosen_id, pair.rejected_id, pair.margin) == ("r1", "r2", 4)


def test_a_parse_failure_is_never_the_rejected_side():
    """methods.md 20, golden 2."""
    record = a_record("Q", "a", "b", "c", "d", scores={"j": [3, 5, 4, 1]})
    unrated = record.replacing(scores=tuple(s for s in record.scores if s.response_id != "r3"))

    [pair] = BestVsWorst().pair(unrated, Random(0))

    assert (pair.chosen_id, pair.rejected_id) == ("r1", "r0")


@given(st.permutations(range(4)), st.lists(st.integers(1, 5), min_size=4, max_size=4))
def test_the_order_of_the_responses_changes_no_pair(order, values):
    record = a_record("Q", *"abcd", scores={"j": values})
    shuffled = record.replacing(responses=tuple(record.responses[i] for i in order))

    assert sides(BestVsWorst().pair(record, Random(1))) == sides(BestVsWorst().pair(shuffled, Random(1)))
