"""A conversation in any of the forms in which people keep them. (prefgen/dataset/conversation.py)"""

import json

import pytest
from hypothesis import given

from prefgen.dataset.columns import parse_records
from prefgen.dataset.conversation import parse_conversation
from prefgen.errors import RecipeError
from prefgen.transport.openai_protocol import encode_message
from prefgen.types import Message, assistant, system, user
from tests.dataset.test_cells import CELLS

TURNS = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Name a river."}]
CALL = {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Oslo"}'}}


def said(role, content, **more):
    return {"role": role, "content": content, **more}


@pytest.mark.parametrize(
    "value",
    [
        TURNS,
        json.dumps(TURNS),
        [{"from": "system", "value": "Be brief."}, {"from": "human", "value": "Name a river."}],
        [said("developer", "Be brief."), said("user", [{"type": "text", "text": "Name a river."}])],
        [said("system", "Be brief.", name=None), said("user", ["Name a ", "river."])],
        [TURNS[0], said("user", [{"type": "input_text", "text": "Name a river.", "image_url": None}])],
    ],
)
def test_one_conversation_in_many_forms(value):
    assert parse_conversation(value, "f:1") == (system("Be brief."), user("Name a river."))


def test_tool_calls_and_their_ids_are_carried():
    turns = [
        {"role": "user", "content": "Weather?"},
        {"role": "assistant", "content": None, "tool_calls": [CALL]},
        {"role": "tool", "content": "3 degrees", "tool_call_id": "c1"},
    ]
    messages = parse_conversation(turns, "f:1")
    assert messages[1].tool_calls[0].arguments == '{"city": "Oslo"}' and messages[2].tool_call_id == "c1"
    assert [encode_message(m) for m in messages] == [turns[0], {**turns[1], "content": ""}, turns[2]]


def test_text_that_looks_like_json_is_text():
    for text in ("[1, 2, 3]: sort it", "[1, 2, 3]", '{"a": 1}', "[not json"):
        assert parse_conversation(text, "f:1") == (user(text),)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ([{"role": "user", "content": "a"}, {"role": "user", "content": "b"}], "two user turns"),
        ([said("user", "a"), said("system", "b")], "a system turn stands first"),
        ([{"role": "user", "content": []}], "empty user turn"),
        ([{"role": "user", "content": [{"type": "text", "text": " "}]}], "empty user turn"),
        ([{"role": "user", "content": [{"type": "image"}]}], "an image must have a url"),
        ([said("user", [{"type": "image_url", "image_url": None}])], "an image must have a url"),
        ([{"role": "user", "content": [5]}], "a part of a message must be"),
        ([{"role": "assistant", "content": "", "tool_calls": [{}]}], "a function with a name"),
        ([{"role": "robot", "content": "x"}], "unknown role 'robot'"),
        ([], "the prompt is empty"), (" ", "the prompt is empty"), (5, "must be text or a list of messages"),
        ([[]], "must be a mapping"), ("\ud800", "lone surrogate"),
    ],
)  # fmt: skip
def test_what_is_not_understood_is_one_line(value, words):
    with pytest.raises(RecipeError, match=words):
        parse_conversation(value, "f:1")


@given(CELLS)
def test_any_value_is_a_conversation_or_one_line(value):
    failure, messages = "", ()
    try:
        messages = parse_conversation(value, "f:1")
    except RecipeError as error:
        failure = str(error)
    assert failure.startswith("f:1: ") or all(isinstance(message, Message) for message in messages)


def prompts(row, **columns):
    [record] = parse_records([("f:1", row)], columns, "f", {})
    return record.prompt


def test_alpaca_rows_are_whole():
    row = {"instruction": "Translate.", "input": "The cat.", "output": "Le chat."}
    assert prompts(row).messages == (user("Translate.\n\nThe cat."),)
    assert prompts({**row, "input": ""}).messages == (user("Translate."),)
    history = [["Hello?", "Hi."]]
    asked = prompts({**row, "history": history, "system_prompt": "Be brief."}).messages
    assert asked == (system("Be brief."), user("Hello?"), assistant("Hi."), user("Translate.\n\nThe cat."))


def test_cells_that_pandas_left_empty_are_empty():
    nan = float("nan")
    prompt = prompts({"prompt": "Q", "category": nan, "license": nan, "references": 42})
    assert (prompt.category, prompt.license, prompt.references) == (None, "unknown", ("42",))
    assert prompts({"prompt": "Q", "references": nan}).references == ()
