"""Curators that see all pairs: lengths and models in balance over the whole set."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefgen.dataset.read_run import read_pairs, read_records
from prefgen.errors import RecipeError
from prefgen.plugins.registry import find
from prefgen.recipe.build import build
from prefgen.recipe.load import recipe_from_data
from prefgen.tables import Table
from tests.support.recipes import a_recipe, run


def pairs(lengths, models=None, margins=None, texts=None):
    """A table of pairs with these (chosen, rejected) lengths in words."""
    n = len(lengths)
    return Table(
        pa.table(
            {
                "id": [f"p{i}" for i in range(n)],
                "chosen_words": [a for a, _ in lengths],
                "rejected_words": [b for _, b in lengths],
                "chosen_model": [a for a, _ in models or [("a", "b")] * n],
                "rejected_model": [b for _, b in models or [("a", "b")] * n],
                "chosen_text": texts or [f"t{i}" for i in range(n)],
                "margin": pa.array(margins or [1.0] * n, pa.float64()),
            }
        )
    )


def curator(name, **fields):
    return find("curator", name, Path())(**fields)


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


@given(st.lists(st.tuples(st.integers(1, 400), st.integers(1, 400)), min_size=1, max_size=40))
def test_balance_is_never_made_worse_and_the_set_never_emptied(lengths):
    table = pairs(lengths)

    left = curator("length_balance").curate(table)

    def off(t):
        chosen, rejected = means(t)
        return abs(chosen - rejected) / rejected

    assert left.rows.num_rows
    assert off(left) <= off(table) + 1e-9


def test_no_model_wins_more_than_its_share_and_the_smallest_margins_go():
    models = [("a", "b")] * 6 + [("b", "a")] * 2 + [("a", "a")]
    table = pairs([(1, 1)] * 9, models, [6.0, 1.0, 5.0, 2.0, 4.0, 3.0, 1.0, 1.0, 1.0])

    left = curator("model_balance", share=0.5).curate(table)

    assert left.ids() == ["p0", "p2", "p6", "p7", "p8"]
    assert curator("model_balance", share=1).curate(table).rows.num_rows == 9
    assert curator("model_balance", share=0.75).curate(table).rows.num_rows == 9
    assert curator("model_balance", share=0.7).curate(table).rows.num_rows == 4 + 2 + 1


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


LONG, SHORT = "word " * 40, "No."


def balanced(**curate):
    rows = [{"prompt": f"Q{i}?", "completions": [{"response": LONG if i else SHORT, "overall_score": 5, "model": "a"},
             {"response": f"Some words of answer number {i}.", "overall_score": 2, "model": "b"}]} for i in range(4)]  # fmt: skip
    Path("answers.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return a_recipe() | {
        "models": {},
        "stages": [
            {"prompts": {"use": "records", "path": "answers.jsonl"}},
            {"pair": {"use": "fixed", "chosen": {"model": ["a"]}, "rejected": {"model": ["b"]}}},
            {"curate": [curate]},
        ],
    }


async def test_in_a_run_pairs_go_and_their_records_say_by_which_curator(tmp_path):
    outcome = await run(balanced(use="length_balance", keep=0), tmp_path / "out")

    assert outcome.complete
    assert [row["chosen"][0]["content"] for row in read_pairs(tmp_path / "out")] == [SHORT]
    assert outcome.manifest.yields.prompts_by_outcome == {"length_balance": 3, "pair": 1}
    assert sum(outcome.manifest.yields.dropped_by_curators.values()) == 3
    assert len(list(read_records(tmp_path / "out"))) == 4


async def test_a_curator_may_leave_no_pair(tmp_path):
    outcome = await run(balanced(use="model_balance", share=0.5), tmp_path / "out")

    assert outcome.complete
    assert outcome.manifest.yields.prompts_by_outcome == {"model_balance": 4}
    assert set(outcome.manifest.yields.dropped_by_curators) == {"pairs: model_balance: a over b too often"}
    [*went] = pq.read_table(tmp_path / "out" / "curated.parquet").to_pylist()
    assert {row["rows"] for row in went} == {"pairs"}
    assert all("chosen: " in row["text"] for row in went)


def test_before_a_pair_stage_there_is_nothing_to_balance(tmp_path):
    recipe = balanced(use="length_balance")
    recipe["stages"].pop(1)

    with pytest.raises(RecipeError, match="no `pair` stage before it"):
        build(recipe_from_data(recipe, tmp_path))
