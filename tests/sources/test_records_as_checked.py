"""What `prefgen check` refuses, `use: records` refuses too, and what is beside the data ruins no row.
(prefgen/sources/records.py)
"""

import json

import pytest

from prefgen.api.check import check
from prefgen.dataset.pair_formats import to_pair_row
from prefgen.dataset.pair_rules import proven_turns
from prefgen.errors import RecipeError
from prefgen.plugins.registry import find
from prefgen.tables import BadRow
from prefgen.types import Record


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


def asked(number):
    return {"prompt": f"What is river {number}?", "chosen": f"It is river {number}.", "rejected": "No idea."}


def other_way(row):
    return {**row, "chosen": row["rejected"], "rejected": row["chosen"]}


CYCLE = [
    {"prompt": "Which?", "chosen": better, "rejected": worse}
    for better, worse in (("one", "two"), ("two", "three"), ("three", "one"))
]
NOT_WHOLE = [
    {**asked(6), "chosen": "<|im_end|> yes <|im_start|>assistant"},
    {**asked(7), "chosen_finish": "length"},
    {**asked(8), "score_chosen": 3, "score_rejected": 3},
    {**asked(9), "rejected": " it is river 9."},
]


def drop(folder, *rows, **fields):
    """(the prompts of the records, {line: why it was left out}) with `on_bad_rows: drop`."""
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    source = find("source", "records", folder)(path="rows.jsonl", on_bad_rows="drop", **fields)
    read = list(source.read(folder))
    bad = {int(row.where.partition(":")[2]): row.reason for row in read if isinstance(row, BadRow)}
    return [record.prompt.text for record in read if isinstance(record, Record)], bad


@pytest.mark.parametrize(
    ("rows", "bad"),
    [
        ([asked(0), asked(1), asked(0)], {3}),
        ([asked(0), other_way(asked(0)), asked(1)], {1, 2}),
        ([asked(0), {**other_way(asked(0)), "chosen": " NO  idea."}], {1, 2}),
        ([*CYCLE, asked(0)], {1, 2, 3}),
        ([asked(0), *NOT_WHOLE], {2, 3, 4, 5}),
        # what goes by itself takes no other row with it
        ([{**asked(0), "chosen_finish": "length"}, other_way(asked(0)), asked(1)], {1}),
        ([asked(0), {**asked(0), "rejected": "Who knows?"}, {**asked(1), "rejected": ""}], {3}),
    ],
)
def test_what_is_left_out_is_what_check_would_leave_out(tmp_path, rows, bad):
    prompts, left_out = drop(tmp_path, *rows)

    report = check(tmp_path / "rows.jsonl")
    assert set(left_out) == bad == {int(place.rpartition(":")[2]) for place in report.bad_places}
    assert prompts == [row["prompt"] for line, row in enumerate(rows, 1) if line not in bad]
    assert all(left_out.values())


def test_the_reason_names_the_other_row(tmp_path):
    _, twice = drop(tmp_path, asked(0), asked(0))
    _, both = drop(tmp_path, asked(0), other_way(asked(0)))

    assert twice == {2: "the same pair stands before (rows.jsonl:1)"}
    assert both == {1: "rows.jsonl:2 says the other way round", 2: "rows.jsonl:1 says the other way round"}


def test_the_same_answers_are_judged_once_whatever_was_said_of_them(tmp_path):
    listed = {"prompt": "Q", "responses": ["a", "b", "c"]}
    rows = [{**asked(0), "rule": "x"}, {**other_way(asked(0)), "rule": "y"}]
    rows += [listed, {**listed, "responses": ["c", "A", "b"]}, {**listed, "responses": ["a", "b"]}]

    prompts, left_out = drop(tmp_path, *rows)

    assert left_out == {
        2: "the same answers stand before (rows.jsonl:1)",
        4: "the same answers stand before (rows.jsonl:3)",
    }
    assert prompts == [asked(0)["prompt"], "Q", "Q"]


def test_without_drop_a_row_that_others_contradict_is_a_record(tmp_path):
    assert len(records(tmp_path, asked(0), other_way(asked(0)), asked(0))) == 3


def test_a_limit_is_filled_with_good_rows_whatever_is_known_of_others_at_the_end(tmp_path):
    bad = [{**asked(0), "rejected": ""}, {"prompt": "x"}, asked(1), asked(1), asked(2), other_way(asked(2))]
    good = [asked(number) for number in range(3, 40)]

    for limit in (1, 2, 3, 10, 37, 38):
        prompts, lost = drop(tmp_path, *bad, *good, limit=limit)
        assert prompts == [asked(1)["prompt"], *(row["prompt"] for row in good)][:limit]
        assert set(lost) <= set(drop(tmp_path, *bad, *good)[1])
    assert len(drop(tmp_path, *bad, *good, limit=99)[0]) == 38


def test_a_limit_looks_no_further_than_it_must(tmp_path):
    rows = [asked(1), asked(2), asked(3), other_way(asked(2))]

    assert drop(tmp_path, *rows, limit=2)[0] == [asked(1)["prompt"], asked(2)["prompt"]]
