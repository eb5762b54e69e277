"""What Arrow adds to mappings is none of their keys. (prefgen/dataset/arrow_rows.py)"""

import json

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from prefgen.dataset.arrow_rows import without_empty_keys
from prefgen.dataset.open_pairs import open_pairs
from prefgen.dataset.pair import pair_messages


def call(name, arguments):
    return {
        "role": "assistant",
        "content": None,
        "tool_calls": [{"type": "function", "function": {"name": name, "arguments": arguments}}],
    }


def tool(name, **parameters):
    return {"type": "function", "function": {"name": name, "parameters": {"properties": parameters}}}


ROWS = [
    {
        "prompt": [{"role": "user", "content": "Weather?"}],
        "chosen": [call("weather", {"city": "Paris"})],
        "rejected": [call("weather", {"city": "Rome"})],
        "tools": [tool("weather", city={"type": "string"})],
    },
    {
        "prompt": [{"role": "user", "content": "Count."}],
        "chosen": [call("count", {"to": 5, "by": {"step": 1}})],
        "rejected": [call("count", {"to": 6, "by": {"step": 2}})],
        "tools": [tool("count", to={"type": "integer", "minimum": 0})],
    },
]


def parquet(path):
    pq.write_table(pa.Table.from_pylist(ROWS), path / "rows.parquet")
    return path / "rows.parquet"


def saved(path):
    datasets.Dataset.from_list(ROWS).save_to_disk(str(path / "saved"))
    return path / "saved"


@pytest.mark.parametrize("write", [parquet, saved])
def test_calls_and_tools_have_the_keys_that_were_written(tmp_path, write):
    rows = [row for _, row in open_pairs(str(write(tmp_path))).rows]

    arguments = [
        json.loads(side[0]["tool_calls"][0]["function"]["arguments"])
        for row in rows
        for side in pair_messages(row, "row")[1:]
    ]
    assert arguments == [
        {"city": "Paris"}, {"city": "Rome"},
        {"to": 5, "by": {"step": 1}}, {"to": 6, "by": {"step": 2}},
    ]  # fmt: skip
    assert [row["tools"] for row in rows] == [row["tools"] for row in ROWS]


def test_columns_and_what_is_empty_stay():
    row = {"a": None, "b": [], "c": {}, "d": [None, {"x": None}], "e": [1, None], "f": {"x": {"y": None}}}

    assert without_empty_keys(row) == {**row, "d": [None, {}], "f": {"x": {}}}
