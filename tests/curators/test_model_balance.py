"""Drop pairs so that no model is almost always the chosen one against another: a set from which only the
author can be learned is no preference. (prefgen/curators/model_balance.py)
"""

from tests.support.pair_curators import curator, pairs


def test_no_model_wins_more_than_its_share_and_the_smallest_margins_go():
    models = [("a", "b")] * 6 + [("b", "a")] * 2 + [("a", "a")]
    table = pairs([(1, 1)] * 9, models, [6.0, 1.0, 5.0, 2.0, 4.0, 3.0, 1.0, 1.0, 1.0])

    left = curator("model_balance", share=0.5).curate(table)

    assert left.ids() == ["p0", "p2", "p6", "p7", "p8"]
    assert curator("model_balance", share=1).curate(table).rows.num_rows == 9
    assert curator("model_balance", share=0.75).curate(table).rows.num_rows == 9
    assert curator("model_balance", share=0.7).curate(table).rows.num_rows == 4 + 2 + 1
