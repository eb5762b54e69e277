"""The same pairs in the forms that trainers read: each form is a function from rows of pairs to rows of its
own. (prefgen/publish/export.py)
"""

import csv
import json

import pytest

from prefgen.errors import RecipeError
from prefgen.publish.export import EXPORT_FORMS, export
from prefgen.publish.export_files import SIDES, WRITTEN_COLUMNS
from tests.support.export import ROWS, lines, said


def exported(form, tmp_path, rows=ROWS):
    export(((f"row {i}", row) for i, row in enumerate(rows)), form, tmp_path / f"{form}.jsonl")
    return lines(tmp_path / f"{form}.jsonl")


def test_each_form_has_its_columns(tmp_path):
    wanted = {
        "trl": {"prompt", "chosen", "rejected"},
        "trl-implicit": {"chosen", "rejected"},
        "ultrafeedback-binarized": {
            "prompt",
            "prompt_id",
            "chosen",
            "rejected",
            "messages",
            "score_chosen",
            "score_rejected",
        },
        "rewardbench": {"id", "chosen", "chosen_model", "rejected", "rejected_model", "subset"},
        "kto": {"prompt", "completion", "label"},
        "sft": {"messages"},
        "llama-factory": {"conversations", "chosen", "rejected"},
        "axolotl": {"messages", "chosen", "rejected"},
        "nemo-rl": {"context", "completions"},
        "openrlhf": {"prompt", "chosen", "rejected", "margin"},
    }
    assert {form: set(exported(form, tmp_path)[0]) for form in EXPORT_FORMS} == wanted
    assert set().union(*wanted.values()) <= WRITTEN_COLUMNS
    assert all(columns & SIDES for columns in wanted.values())


def test_the_rows_of_each_form_say_the_same(tmp_path):
    assert exported("trl-implicit", tmp_path)[1]["rejected"] == [
        said("user", "Question 0?"),
        said("assistant", "Bad 1"),
    ]
    assert exported("llama-factory", tmp_path)[0] == {
        "conversations": [{"from": "human", "value": "Question 0?"}],
        "chosen": {"from": "gpt", "value": "Good 0"},
        "rejected": {"from": "gpt", "value": "Bad 0"},
    }
    assert [c["rank"] for c in exported("nemo-rl", tmp_path)[0]["completions"]] == [0, 1]
    assert exported("sft", tmp_path) == [
        {"messages": [said("user", "Question 0?"), said("assistant", "Good 1")]},
        {"messages": [said("user", "Question 1?"), said("assistant", "Good 3")]},
    ]


def test_an_answer_that_is_chosen_and_rejected_has_no_label(tmp_path):
    rows = [ROWS[0], {**ROWS[1], "chosen": ROWS[0]["rejected"]}]

    assert {(r["completion"][0]["content"], r["label"]) for r in exported("kto", tmp_path, rows)} == {
        ("Good 0", True),
        ("Bad 1", False),
    }


def test_csv_holds_lists_as_json(tmp_path):
    export((("r", row) for row in ROWS), "trl", tmp_path / "out.csv")

    with (tmp_path / "out.csv").open(newline="") as file:
        first = next(csv.DictReader(file))
    assert json.loads(first["prompt"]) == ROWS[0]["prompt"]


@pytest.mark.parametrize(
    ("form", "name", "rows", "says"),
    [
        ("trel", "a.jsonl", ROWS, "Did you mean 'trl'"),
        ("trl", "a.xlsx", ROWS, "must end in"),
        ("trl", "a.jsonl", [], "no pair to export"),
        ("trl", "a.jsonl", [{"text": "x"}], "expected chosen and rejected, found the columns text"),
        (
            "rewardbench",
            "a.jsonl",
            [{**ROWS[0], "prompt": [said("system", "s"), said("user", "u")]}],
            "takes user and assistant in turns",
        ),
        (
            "llama-factory",
            "a.jsonl",
            [{**ROWS[0], "prompt": [said("user", "s"), said("user", "u")]}],
            "two user turns follow each other",
        ),
        (
            "llama-factory",
            "a.jsonl",
            [{**ROWS[0], "prompt": [said("user", "s"), said("assistant", "u")]}],
            "does not end with a user turn",
        ),
        (
            "axolotl",
            "a.jsonl",
            [{**ROWS[0], "prompt": [said("narrator", "s"), said("user", "u")]}],
            "unknown role 'narrator'",
        ),
        ("nemo-rl", "a.csv", ROWS, "lists would be text"),
    ],
)
def test_what_cannot_be_exported_is_said_and_nothing_is_left_behind(tmp_path, form, name, rows, says):
    with pytest.raises(RecipeError, match=says):
        export((("row 1", row) for row in rows), form, tmp_path / name)

    assert not (tmp_path / name).exists()


@pytest.mark.parametrize("form", ["llama-factory", "axolotl", "rewardbench"])
def test_answers_of_several_turns_are_not_cut_to_their_last(tmp_path, form):
    sides = {
        name: [said("assistant", first), said("user", "Go on"), said("assistant", "The end")]
        for name, first in (("chosen", "A"), ("rejected", "B"))
    }
    same_start = {
        name: [said("assistant", "Start"), said("user", "Go on"), said("assistant", name)]
        for name in ("chosen", "rejected")
    }

    with pytest.raises(RecipeError, match="takes one turn a side, and a side of this pair has 3"):
        exported(form, tmp_path, [{**ROWS[0], **sides}])
    [row] = exported(form, tmp_path, [{**ROWS[0], **same_start}])
    assert len(row.get("conversations") or row.get("messages") or row["chosen"][:-1]) == 3
