"""What a turn holds beside its content is carried, a note, or said. (prefgen/dataset/turn_keys.py)"""

import datetime

import pytest

from prefgen.dataset.bad_rows import BadRows
from prefgen.dataset.conversation import parse_conversation
from prefgen.dataset.open_pairs import pair_rows
from prefgen.dataset.pair import pair_messages
from prefgen.dataset.parquet import FULL_PAIRS, RECORDS, pairs_schema, write_lines
from prefgen.dataset.read_parquet import read_parquet
from prefgen.dataset.serialize import pair_lines, record_line, record_of
from prefgen.errors import RecipeError
from prefgen.transport.openai_protocol import encode_message
from prefgen.types import Message, Pair, Prompt, Record, Response

ASKED = {"role": "user", "content": "Weather?"}


@pytest.mark.parametrize(
    "beside",
    [
        {"weight": 0, "id": "m1", "timestamp": "12:00", "model": "m", "header": {"accept": "x"}},
        {"refusal": None, "annotations": [], "audio": None, "thinking": "", "markdown": None, "x": {}},
        {"prefix": False, "toxic": True, "tokens": 12, "when": datetime.date(2024, 1, 1)},
    ],
)
def test_notes_about_a_turn_mean_nothing(beside):
    [turn] = parse_conversation([{**ASKED, **beside}], "row")

    assert encode_message(turn) == ASKED and turn.reasoning is None


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("refusal", "I will not."), ("text", "more"), ("reasoning_details", [{"text": "hm"}]),
        ("reasoning", {"text": "hm"}), ("thought", "hm"), ("context", "ctx"), ("documents", ["d"]),
        ("name", {"first": "A"}), ("blob", b"x"), ("image", b"x"), ("images", ["x.png"]),
    ],
)  # fmt: skip
def test_what_would_be_lost_is_said(key, value):
    with pytest.raises(RecipeError, match=f"row: .*{key}"):
        parse_conversation([{**ASKED, key: value}], "row")


@pytest.mark.parametrize("key", ["reasoning_content", "reasoning", "thinking"])
def test_reasoning_is_kept_apart_and_a_pair_with_it_is_said(key):
    answer = {"role": "assistant", "content": "Rain.", key: "because"}
    row = {"prompt": "Q", "chosen": [answer], "rejected": [{"role": "assistant", "content": "Sun."}]}

    assert parse_conversation([ASKED, answer], "row")[1].reasoning == "because"
    with pytest.raises(RecipeError, match="row: chosen has reasoning beside its content"):
        pair_messages(row, "row")


def test_two_kinds_of_reasoning_say_the_same():
    turn = {**ASKED, "reasoning": "a", "reasoning_content": "a"}

    assert parse_conversation([turn], "row")[0].reasoning == "a"
    with pytest.raises(RecipeError, match="reasoning_content and reasoning of a message do not say the same"):
        parse_conversation([{**turn, "reasoning": "b"}], "row")


@pytest.mark.parametrize(
    "other",
    [
        {"value": "Other."},
        {"value": ["Weather?"]},
        {"from": "gpt"},
        {"from": "human", "value": "Weather!"},
    ],
)
def test_a_turn_in_two_forms_says_the_same_in_both(other):
    with pytest.raises(RecipeError, match="row: (content and value|role and from) of a message do not say"):
        parse_conversation([{**ASKED, **other}], "row")


@pytest.mark.parametrize("other", [{"value": "Weather?"}, {"from": "human"}, {"from": None, "value": " "}])
def test_a_turn_in_two_forms_that_agree_is_read(other):
    [turn] = parse_conversation([{**ASKED, **other}], "row")

    assert encode_message(turn) == ASKED


CALLS = {
    "role": "assistant",
    "content": "",
    "tool_calls": [
        {"type": "function", "function": {"name": name, "arguments": "{}"}} for name in ("rain", "wind")
    ],
}
RESULTS = [{"role": "tool", "content": text, "name": name} for text, name in (("1", "rain"), ("2", "wind"))]


def test_a_tools_name_is_carried_and_no_empty_id_is_written():
    chosen = [CALLS, *RESULTS, {"role": "assistant", "content": "Both."}]
    row = {"prompt": [ASKED], "chosen": chosen, "rejected": [{"role": "assistant", "content": "None."}]}

    [(_, read)] = pair_rows([("row", row)], {}, BadRows())

    assert pair_messages(read, "row")[1] == chosen


def test_a_name_stays_in_records_and_in_pairs(tmp_path):
    prompt = Prompt.of([Message(role="user", content="Hi", name="Alice")])
    responses = [Response.of(prompt, text) for text in ("a", "b")]
    record = Record(prompt=prompt, responses=tuple(responses)).adding(
        pairs=[Pair(chosen_id=responses[0].id, rejected_id=responses[1].id, rule="x")]
    )

    write_lines([record_line(record)], RECORDS, tmp_path / "r.parquet")
    write_lines(pair_lines(record), FULL_PAIRS, tmp_path / "p.parquet")

    assert record_of(next(read_parquet(tmp_path / "r.parquet"))) == record
    assert next(read_parquet(tmp_path / "p.parquet"))["prompt"][0]["name"] == "Alice"
    assert pairs_schema(pair_lines(record)) is FULL_PAIRS
    assert prompt.id != Prompt.of("Hi").id
    assert b'"name"' not in record_line(Record(prompt=Prompt.of("Hi")))


@pytest.mark.parametrize("role", ["User", " USER", "Human", "human", "HUMAN"])
def test_a_role_is_known_in_any_case(role):
    turns = [{"from": role, "value": "Q"}, {"role": "GPT", "content": "A"}, {"role": "user", "content": "B"}]

    assert [turn.role for turn in parse_conversation(turns, "row")] == ["user", "assistant", "user"]


def test_one_message_is_a_conversation():
    row = {"prompt": ASKED, "chosen": {"role": "Assistant", "content": "a"}, "rejected": "b"}

    assert encode_message(parse_conversation(ASKED, "row")[0]) == ASKED
    with pytest.raises(RecipeError, match="must be text or a list of messages"):
        parse_conversation({"text": "x"}, "row")
    [(_, read)] = pair_rows([("row", {**row, "rejected": {"from": "gpt", "value": "b"}})], {}, BadRows())
    assert pair_messages(read, "row")[0] == [ASKED]


@pytest.mark.parametrize("empty", ["", "  \n", None])
def test_an_empty_system_turn_is_nothing(empty):
    system = {"role": "system", "content": empty}

    assert [turn.role for turn in parse_conversation([system, ASKED], "row")] == ["user"]
    sides = {name: [system, ASKED, {"role": "assistant", "content": name}] for name in ("chosen", "rejected")}
    assert pair_messages(sides, "row")[0] == [ASKED]
    with pytest.raises(RecipeError, match="empty system turn"):
        parse_conversation([system], "row")
