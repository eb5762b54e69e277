"""Drop pairs whose chosen side is much shorter, so that over the whole set neither side is the longer one
(RLAIF-V, arXiv 2405.17220). (prefgen/curators/length_balance.py)
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.pair_curators import curator, pairs


def means(table):
    return [sum(table.column(c)) / table.rows.num_rows for c in ("chosen_words", "rejected_words")]


def test_chosen_sides_that_are_much_shorter_go_until_the_means_meet():
    table = pairs([(100, 100), (90, 100), (100, 90), (20, 100), (50, 100)])

    left = curator("length_balance", side="shorter").curate(table)

    assert left.ids() == ["p0", "p1", "p2"]
    assert means(left) == pytest.approx([96.67, 96.67], abs=0.01)
    assert left.dropped["p3"].reason.startswith("chosen side shorter by more than")


def test_where_the_longer_one_is_preferred_it_works_the_other_way_round():
    table = pairs([(300, 100), (105, 100), (95, 100), (100, 100)])

    assert curator("length_balance").curate(table).ids() == ["p1", "p2", "p3"]
    assert curator("length_balance", side="shorter").curate(table).ids() == ["p0", "p1", "p2", "p3"]


def test_no_more_than_half_of_the_pairs_go_unless_told():
    table = pairs([(300, 100)] * 6 + [(100, 100)] * 2)

    assert curator("length_balance").curate(table).rows.num_rows == 8
    assert curator("length_balance", keep=0.2).curate(table).rows.num_rows == 2


@pytest.mark.parametrize(
    ("lengths", "fields", "said"),
    [
        ([(125, 100)] * 4, {}, "chosen has 125.0 words on average and rejected 100.0"),
        ([(125, 100)] * 4, {"keep": 0.9}, "as long as 90% of the pairs stay"),
        (
            [(300, 100), (105, 100)],
            {"side": "shorter"},
            "chosen side is shorter by more than some ratio",
        ),
        ([(100, 100)] * 3, {}, "chosen has 100.0 words on average and rejected 100.0"),
    ],
)
def test_where_it_takes_nothing_it_says_why(lengths, fields, said):
    left = curator("length_balance", **fields).curate(pairs(lengths))

    assert left.rows.num_rows == len(lengths)
    [notice] = left.notices
    assert notice.startswith("length_balance took nothing: ") and said in notice


def test_where_it_takes_something_its_reasons_say_enough():
    left = curator("length_balance").curate(pairs([(300, 100), (105, 100), (95, 100), (100, 100)]))

    assert left.dropped and not left.notices


@given(st.lists(st.tuples(st.integers(1, 400), st.integers(1, 400)), min_size=1, max_size=40))
def test_balance_is_never_made_worse_and_the_set_never_emptied(lengths):
    table = pairs(lengths)

    left = curator("length_balance").curate(table)

    def off(t):
        chosen, rejected = means(t)
        return abs(chosen - rejected) / rejected

    assert left.rows.num_rows
    assert off(left) <= off(table) + 1e-9
