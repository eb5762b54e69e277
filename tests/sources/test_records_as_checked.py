"""What `prefgen check` refuses, `use: records` refuses too, and what is beside the data ruins no row.
(prefgen/sources/records.py)
"""

import json

import pytest

from prefgen.dataset.pair_formats import to_pair_row
from prefgen.dataset.pair_rules import proven_turns
from prefgen.errors import RecipeError
from prefgen.plugins.registry import find


def said(role, text):
    return {"role": role, "content": text}


def records(folder, *rows):
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    source = find("source", "records", folder)(path="rows.jsonl", keep=["responses", "scores", "pairs"])
    return list(source.read(folder))


ROW = {"prompt": "Q", "chosen": "good", "rejected": "bad"}
HH = "\n\nHuman: Q\n\nAssistant: good"
BOTH_REFUSE = [
    {
        "chosen": [said("user", "Q"), said("assistant", "a"), said("user", "R"), said("assistant", "b")],
        "rejected": [said("user", "Q"), said("assistant", "c")],
    },
    {"chosen": HH + "\n\nHuman: hello\n\nAssistant: hi", "rejected": "\n\nHuman: Q\n\nAssistant: bad"},
    {**ROW, "chosen": HH},
    {**ROW, "rejected": HH},
    {**ROW, "rejected": " Good "},
    {**ROW, "margin": -1},
    {**ROW, "chosen": [said("assistant", "a"), said("user", "R")], "rejected": [said("assistant", "b")]},
]


@pytest.mark.parametrize("row", BOTH_REFUSE)
def test_a_row_that_check_refuses_is_no_record(tmp_path, row):
    with pytest.raises(RecipeError):
        proven_turns(to_pair_row(row, {}, "row"), "row")
    with pytest.raises(RecipeError, match="rows.jsonl:1"):
        records(tmp_path, row)


@pytest.mark.parametrize(
    "row",
    [
        {"prompt": "Q", "responses": [HH, "good"]},
        {"prompt": "Q", "completion": HH, "label": True},
    ],
)
def test_a_whole_conversation_is_no_answer(tmp_path, row):
    with pytest.raises(RecipeError, match="a response is a whole conversation in one text"):
        records(tmp_path, row)


@pytest.mark.parametrize(
    ("beside", "field", "value"),
    [
        ({"metadata": "free text"}, "metadata", {}),
        ({"metadata": ["a"]}, "metadata", {}),
        ({"metadata": '{"a": 1}'}, "metadata", {"a": 1}),
        ({"language": ["en"]}, "language", "en"),
        ({"category": {"main": "x"}}, "category", None),
        ({"source": ["x", "y"]}, "source", "x, y"),
        ({"source": [{"url": "x"}]}, "source", "rows.jsonl"),
        ({"license": ["mit", None]}, "license", "mit"),
        ({"license": {"name": "mit"}}, "license", "unknown"),
        ({"chosen_model": ["m"]}, "category", None),
    ],
)
def test_a_side_column_ruins_no_row(tmp_path, beside, field, value):
    [record] = records(tmp_path, {**ROW, **beside})

    assert getattr(record.prompt, field) == value and len(record.pairs) == 1
    assert record.responses[0].model == ("m" if "chosen_model" in beside else "unknown")


def test_answers_to_prompts_that_offer_other_tools_are_of_two_prompts(tmp_path):
    tools = [[{"type": "function", "function": {"name": name}}] for name in ("rain", "wind")]
    rows = [{"prompt": "Q", "completion": f"a{i}", "label": True, "tools": tools[i % 2]} for i in range(4)]

    assert [len(record.responses) for record in records(tmp_path, *rows)] == [2, 2]
