"""Rows that a second reader wrote to be misread: each is read as it says, or is one clear line.
(prefgen/dataset/pair_formats.py, pair.py, columns.py, public_forms.py, read_files.py)
"""

import json
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from prefgen.dataset.columns import prompt_messages
from prefgen.dataset.pair import NotAPair, pair_messages, text_of, validated_pair
from prefgen.dataset.pair_formats import to_pair_row
from prefgen.dataset.read_files import read_rows
from prefgen.errors import RecipeError
from prefgen.sources.records import Records


def said(role: str, text: str) -> dict:
    return {"role": role, "content": text}


def read(row: dict, columns: dict | None = None) -> tuple[str, str, str]:
    """(prompt, chosen, rejected) as texts."""
    prompt, chosen, rejected = pair_messages(to_pair_row(row, columns or {}, "row"), "row")
    return text_of(prompt), text_of(chosen), text_of(rejected)


def ranked(*ranks) -> dict:
    completions = [
        {"rank": rank, "completion": [said("assistant", text)]}
        for rank, text in zip(ranks, ("first", "second"), strict=True)
    ]
    return {"context": [said("user", "Q")], "completions": completions}


@pytest.mark.parametrize(
    ("ranks", "chosen"), [((0, 1), "first"), (("10", "9"), "second"), ((Decimal(2), 1.0), "second")]
)
def test_ranks_are_numbers(ranks, chosen):
    row = ranked(*ranks)

    assert read(row)[1] == chosen
    assert read({**row, "completions": json.dumps(row["completions"], default=float)})[1] == chosen


@pytest.mark.parametrize("ranks", [(1, 1), (None, 1), (1, "best")])
def test_ranks_that_tell_nothing_are_refused(ranks):
    with pytest.raises(RecipeError, match="rank"):
        read(ranked(*ranks))


@pytest.mark.parametrize(("text", "value"), [("False", False), ("True", True), ("", None), ("0", False)])
def test_a_tie_of_a_table_is_a_truth_value(text, value):
    row = {"prompt": "Q", "chosen": "a", "rejected": "b", "tie": text}
    assert to_pair_row(row, {}, "row")["tie"] is value


ASKED = [
    ({"instruction": "and its population?", "history": [["Capital of Peru?", "Lima."]]}, 3),
    ({"instruction": "Q", "context": "C"}, 1),
    ({"instruction": "Add one", "input": 41}, 1),
    ({"query": "Q", "input": "I"}, 1),
    ({"prompt": "Q", "history": [["h", "i"]]}, 3),
    ({"instruction": "", "input": "X"}, 1),
    ({"question": "Q"}, 1),
]


@pytest.mark.parametrize(("columns", "turns"), ASKED)
def test_a_pair_is_asked_what_its_columns_ask_alone(columns, turns):
    """One reader: the prompt of a pair is that of a row without sides."""
    row = to_pair_row({**columns, "chosen": "a", "rejected": "b"}, {}, "row")
    prompt, chosen, rejected = pair_messages(row, "row")
    mapped = {} if {"prompt", "question", "instruction"} & set(columns) else {"prompt": "query"}
    messages = prompt_messages({k: v for k, v in columns.items() if v != ""}, mapped or named(columns), "row")

    assert [(turn["role"], turn["content"]) for turn in prompt] == [(m.role, m.text) for m in messages]
    assert len(prompt) == turns and (text_of(chosen), text_of(rejected)) == ("a", "b")


def named(columns: dict) -> dict:
    return {"prompt": "input"} if not columns.get("instruction", "x") else {}


@pytest.mark.parametrize(
    "row",
    [
        {"system": "A", "prompt": [said("system", "B"), said("user", "q")]},
        {"system": "A", "system_prompt": "B", "prompt": "q"},
    ],
)
def test_two_system_texts_are_an_error(row):
    with pytest.raises(RecipeError, match="are not the same"):
        prompt_messages(row, {}, "row")
    with pytest.raises(RecipeError, match="are not the same"):
        read({**row, "chosen": "a", "rejected": "b"})


def test_a_system_turn_stands_before_the_history():
    row = {"prompt": [said("system", "S"), said("user", "q")], "history": [["h", "i"]]}
    assert [m.role for m in prompt_messages(row, {}, "row")] == ["system", "user", "assistant", "user"]


def test_messages_that_python_has_printed_are_said():
    printed = str([said("user", "q")])

    with pytest.raises(RecipeError, match="save it as JSON"):
        read({"prompt": printed, "chosen": "a", "rejected": "b"})
    with pytest.raises(RecipeError, match="save it as JSON"):
        prompt_messages({"prompt": printed}, {}, "row")


def test_a_prompt_of_hh_is_a_conversation_for_every_reader():
    prompt = "\n\nHuman: hi\n\nAssistant: hello\n\nHuman: more\n\nAssistant:"
    row = to_pair_row({"prompt": prompt, "chosen": " yes", "rejected": " no"}, {}, "row")
    turns, chosen, _ = pair_messages(row, "row")

    assert [turn["content"] for turn in turns] == ["hi", "hello", "more"] and text_of(chosen) == "yes"
    assert [m.text for m in prompt_messages({"prompt": prompt}, {}, "row")] == ["hi", "hello", "more"]


def test_indentation_of_hh_is_kept():
    text = "\n\nHuman: code?\n\nAssistant:     code\n    more"
    assert read({"chosen": text, "rejected": "\n\nHuman: code?\n\nAssistant: no"})[1] == "    code\n    more"


def test_a_prompt_beside_conversations_that_answer_another_is_refused():
    sides = {"chosen": [said("user", "TWO"), said("assistant", "a")]}
    sides["rejected"] = [said("user", "TWO"), said("assistant", "b")]

    assert read({"prompt": "TWO", **sides})[0] == "TWO"
    with pytest.raises(NotAPair, match="do not answer the prompt"):
        read({"prompt": "ONE", **sides})


def test_conversations_part_where_their_answers_do():
    roles = ("user", "assistant", "user", "assistant")
    chosen = [said(role, text) for role, text in zip(roles, ("q", "a1", "u2", "a2"), strict=True)]
    rejected = [said(role, text) for role, text in zip(roles, ("q", "b1", "u2", "b2"), strict=True)]

    prompt, one, other = pair_messages({"chosen": chosen, "rejected": rejected}, "row")

    assert prompt == chosen[:1] and one == chosen[1:] and other == rejected[1:]


def test_two_columns_or_keys_of_one_name_are_an_error(tmp_path):
    (tmp_path / "a.jsonl").write_text('{"prompt": "q", "chosen": "a", "rejected": "b", "chosen": "z"}\n')
    table = pa.table(
        [pa.array(["q"]), pa.array(["a"]), pa.array(["z"])], names=["prompt", "chosen", "chosen"]
    )
    pq.write_table(table, tmp_path / "a.parquet")

    for name in ("a.jsonl", "a.parquet"):
        with pytest.raises(RecipeError, match=r"'chosen' comes twice|one name: chosen"):
            list(read_rows(tmp_path / name, name))


def test_blanks_of_a_table_are_kept(tmp_path):
    (tmp_path / "a.csv").write_text("prompt,chosen,rejected\nindent,    return 1,    return 2\n")
    [(_, row)] = read_rows(tmp_path / "a.csv", "a.csv")
    assert row["chosen"] == "    return 1"


def test_records_of_a_folder_are_of_one_split(tmp_path):
    (tmp_path / "hub").mkdir()
    for split in ("train", "test"):
        row = {"prompt": split, "chosen": "a", "rejected": "b"}
        (tmp_path / "hub" / f"{split}-0.jsonl").write_text(json.dumps(row) + "\n")

    found = [record.prompt.messages[0].text for record in Records(path="hub").read(tmp_path)]

    assert found == ["train"]


def test_what_stands_beside_data_is_no_prompt(tmp_path):
    (tmp_path / "a.jsonl").write_text('{"prompt": "q"}\n')
    (tmp_path / "requirements.txt").write_text("torch")
    (tmp_path / "config.json").write_text("{}")
    assert [row["prompt"] for _, row in read_rows(tmp_path, "d")] == ["q"]

    (tmp_path / "b.jsonl.bz2").write_bytes(b"BZh")
    with pytest.raises(RecipeError, match="b.jsonl.bz2, which cannot be read"):
        list(read_rows(tmp_path, "d"))


@pytest.mark.parametrize("answer", ["[]", '[{"city": "Paris"}]', "{'a': 1}", '{"role": "x"}'])
def test_an_answer_that_is_json_is_a_text(answer):
    assert read({"prompt": answer, "chosen": answer, "rejected": "b"})[:2] == (answer, answer)


def test_structs_that_parquet_merged_are_read():
    turn = {"role": None, "from": "human", "content": None, "value": "q"}
    assert read({"prompt": [turn], "chosen": "a", "rejected": "b"})[0] == "q"
    assert prompt_messages({"prompt": None, "question": "Q"}, {}, "row")[0].text == "Q"


def test_decimals_and_nan_are_what_they_are():
    row = {"prompt": "Q", "chosen": "a", "rejected": "b"}
    cells = {"score_chosen": Decimal("1.5"), "score_rejected": 1, "margin": float("nan")}
    read_row = to_pair_row({**row, **cells}, {}, "row")
    assert (read_row["score_chosen"], read_row["margin"]) == (1.5, None)
    ratings = {"chosen-rating": "5", "rejected-rating": "4"}
    assert to_pair_row({**row, **ratings}, {}, "row")["score_chosen"] == 5.0


def test_sides_can_be_exchanged_by_their_columns():
    row = {"prompt": "Q", "chosen": "a", "rejected": "b"}
    assert read(row, {"chosen": "rejected", "rejected": "chosen"}) == ("Q", "b", "a")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"score_chosen": 10**400}, "finite number"),
        ({"score_chosen": "1_000"}, "finite number"),
        ({"score_chosen": 5, "score_rejected": 5, "tie": "no"}, "neither true nor false"),
        ({"system": "x\ud800"}, "lone surrogate"),
        ({"id": "x\ud800"}, "lone surrogate"),
        ({"prompt": ""}, "empty user turn"),
        ({"prompt": [said("assistant", "a"), said("user", "q")]}, "begins with a turn of the assistant"),
        ({"margin": -5}, "the rejected side is better"),
        ({"rejected": "\u200b"}, "rejected is empty"),
    ],
)
def test_a_row_that_nobody_may_be_handed_is_said(change, words):
    row = {"prompt": "Q", "chosen": "a", "rejected": "b", **change}
    with pytest.raises(NotAPair, match=words):
        validated_pair(to_pair_row(row, {}, "row"), "row")


def deep(levels: int) -> object:
    value: object = "x"
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("column", "value"),
    [
        *(("tools", value) for value in (deep(300), "[" * 5000, "calculator", {"a": "\ud800"}, {1: 2})),
        *(("metadata", value) for value in ({"a": deep(300)}, {"a": "\ud800"}, {1: 2})),
    ],
)
def test_data_that_cannot_be_kept_is_one_line(column, value):
    from prefgen.dataset.columns import parse_records

    with pytest.raises(RecipeError, match=f"row: .*{column}"):
        list(parse_records([("row", {"prompt": "q", column: value})], {}, "rows"))


def test_references_of_a_table_are_a_list():
    from prefgen.dataset.columns import parse_records

    [record] = parse_records([("row", {"prompt": "q", "references": '["a", "b"]'})], {}, "rows")
    assert record.prompt.references == ("a", "b")
