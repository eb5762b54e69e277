"""Drop pairs whose chosen answer is the same as that of many others: a model learns one canned refusal from a
set that is full of it. (prefgen/curators/repeated_answers.py)
"""

from tests.support.pair_curators import curator, pairs


def test_one_answer_may_be_chosen_so_often_and_no_more():
    texts = ["no"] * 30 + [f"t{i}" for i in range(38)] + ["sorry"] * 4
    margins = [float(i) for i in range(72)]

    left = curator("repeated_answers", share=0.05).curate(pairs([(1, 1)] * 72, None, margins, texts))

    assert left.column("chosen_text").count("no") == 2
    assert left.column("chosen_text").count("sorry") == 2
    assert left.ids()[:2] == ["p28", "p29"]
    assert left.rows.num_rows == 42
    assert (
        curator("repeated_answers", share=1).curate(pairs([(1, 1)] * 72, None, margins, texts)).rows.num_rows
        == 72
    )


def test_of_few_pairs_each_answer_keeps_one():
    assert curator("repeated_answers").curate(pairs([(1, 1)] * 3, None, None, ["a", "a", "b"])).ids() == [
        "p1",
        "p2",
    ]
