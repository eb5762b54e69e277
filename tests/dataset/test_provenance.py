"""Where a row comes from stands in the lineage of its prompt and of its pairs.
(prefgen/dataset/provenance.py)
"""

import datetime
import json

import pytest

from prefgen.dataset.provenance import Provenance, earlier_lineage
from prefgen.dataset.read_run import read_shards
from prefgen.errors import RecipeError
from prefgen.plugins.registry import find
from tests.support.recipes import a_recipe, run


def written(folder, *rows):
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def read(folder, kind="file", **fields):
    return list(find("source", kind, folder)(path="rows.jsonl", **fields).read(folder))


@pytest.mark.parametrize(
    ("row", "fields", "lineage"),
    [
        ({}, {}, {}),
        ({"id": 17}, {}, {"id": "17"}),
        ({"id": 12.0}, {}, {"id": "12"}),
        ({"id": "nan", "uuid": 1.5}, {}, {}),
        ({"id": None, "prompt_id": "p1", "uuid": "u1"}, {}, {"id": "p1"}),
        ({"id": True, "uuid": " "}, {}, {}),
        ({"key": "k1", "id": "other"}, {"columns": {"id": "key"}}, {"id": "k1"}),
        ({"source": "flan"}, {}, {"dataset": "rows.jsonl"}),
        ({"source": "rows.jsonl"}, {}, {}),
        ({"topic": "law", "note": ""}, {"keep_columns": ["topic", "note"]}, {"columns": {"topic": "law"}}),
        (
            {"votes": {"yes": 2, "no": [1.5, None]}},
            {"keep_columns": ["votes"]},
            {"columns": {"votes": {"yes": 2, "no": [1.5, None]}}},
        ),
        ({"lineage": '{"synthesizer": "persona"}'}, {}, {"earlier": {"synthesizer": "persona"}}),
        ({"lineage": "by hand"}, {}, {}),
    ],
)
def test_what_a_row_says_of_itself_is_its_lineage(tmp_path, row, fields, lineage):
    [record] = read(written(tmp_path, {"prompt": "Q", **row}), **fields)

    assert record.prompt.lineage == lineage


PAIR = {"prompt": "Q", "chosen": "good", "rejected": "bad"}


@pytest.mark.parametrize(
    "row",
    [
        PAIR,
        {"prompt": "Q", "completions": ["good", "bad"]},
        {"prompt": "Q", "completion": "good", "label": True},
        {"prompt": "Q", "response_0": "good", "response_1": "bad", "better_response_id": 0},
        {"prompt": "Q", "answers": [{"answer": "good", "rank": 1}, {"answer": "bad", "rank": 2}]},
    ],
    ids=["pair", "list", "kto", "pku", "ranked"],
)
def test_datasets_with_responses_carry_it_too(tmp_path, row):
    folder = written(tmp_path, {**row, "id": "r1", "license": "mit", "topic": "law"})

    [record] = read(folder, "records", keep_columns=["topic"])

    assert (record.prompt.source, record.prompt.license) == ("rows.jsonl", "mit")
    assert record.prompt.lineage == {"id": "r1", "columns": {"topic": "law"}}


def test_a_column_that_a_form_uses_up_can_be_kept(tmp_path):
    row = {"prompt": "Q", "response_0": "good", "response_1": "bad", "better_response_id": 0}

    [record] = read(written(tmp_path, row), "records", keep_columns=["better_response_id"])

    assert record.prompt.lineage == {"columns": {"better_response_id": 0}}


@pytest.mark.parametrize(("kind", "row"), [("file", {"prompt": "Q"}), ("records", PAIR)])
def test_a_column_that_no_row_has_is_said_and_one_that_some_lack_is_not(tmp_path, kind, row):
    folder = written(tmp_path, {**row, "topic": "law"}, row)

    assert len(read(folder, kind, keep_columns=["topic"])) == 2
    with pytest.raises(
        RecipeError, match=r"rows.jsonl: keep_columns: no row has a column 'topik' \(there are"
    ):
        read(folder, kind, keep_columns=["topik"])


def test_values_that_json_cannot_hold(tmp_path):
    day = datetime.date(2026, 1, 2)
    kept = Provenance({}, ["value"])

    assert kept.lineage({"value": day}, {}, None, "x:1") == {"columns": {"value": "2026-01-02"}}
    assert kept.lineage({"value": [float("nan")]}, {}, None, "x:1") == {"columns": {"value": [None]}}
    for bad in (b"\xff\xd8", object(), [{1, object()}]):
        with pytest.raises(RecipeError, match=r"x:1: keep_columns: value holds what cannot be carried"):
            kept.lineage({"value": bad}, {}, None, "x:1")


def test_a_lineage_of_any_depth_is_read_or_nothing():
    assert earlier_lineage({"lineage": "[" * 100_000}) == {}


async def test_lineage_reaches_the_pairs_and_the_next_reading(tmp_path):
    recipe = a_recipe()
    folder = written(tmp_path, *({"prompt": f"Q{i}", "id": f"q{i}", "topic": "law"} for i in range(4)))
    recipe["stages"][0] = {"prompts": {"use": "file", "path": "rows.jsonl", "keep_columns": ["topic"]}}

    await run(recipe, folder / "out", folder=folder)
    pairs = list(read_shards(folder / "out" / "pairs"))

    lineages = [json.loads(row["lineage"]) for row in pairs]
    assert {lineage["id"] for lineage in lineages} == {"q0", "q1", "q2", "q3"}
    assert all(lineage["columns"] == {"topic": "law"} for lineage in lineages)
    written(tmp_path, *pairs)
    again = read(folder, "records")
    assert [r.prompt.lineage["earlier"] for r in again] == lineages
    assert [r.prompt.lineage["id"] for r in again] == [row["id"] for row in pairs]
