"""A conversation in any of the forms in which people keep them. (prefgen/dataset/conversation.py)"""

import json

import pytest
from hypothesis import given

from prefgen.dataset.columns import parse_records
from prefgen.dataset.conversation import parse_conversation, read_turns
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
    for text in (
        '[{"from": "NYC", "to": "LAX"}]',
        "[1, 2, 3]: sort it",
        "[1, 2, 3]",
        '{"a": 1}',
        "[not json",
    ):
        assert parse_conversation(text, "f:1") == (user(text),)


@pytest.mark.parametrize(
    ("turn", "name", "arguments", "call_id"),
    [
        ({"tool_calls": [{"name": "f", "parameters": {"x": 1}}]}, "f", '{"x": 1}', ""),
        ({"tool_calls": [{"id": 0, "name": "f", "arguments": None}]}, "f", "", "0"),
        ({"content": "Let me look.", "function_call": {"name": "w", "arguments": "{}"}}, "w", "{}", ""),
        ({"from": "gpt", "value": "let me", "tool_calls": [{"name": "f", "arguments": {}}]}, "f", "{}", ""),
    ],
)
def test_calls_of_tools_in_other_writings_are_calls(turn, name, arguments, call_id):
    _, message, result = parse_conversation(
        [
            said("user", "Q"),
            {"role": "assistant", "content": None, **turn},
            said("tool", "3", tool_call_id=call_id or "c"),
        ],
        "f:1",
    )
    [call] = message.tool_calls
    assert (call.name, call.arguments, call.id) == (name, arguments, call_id)
    assert result.tool_call_id == (call_id or "c")


FLAT = [
    "<|im_start|>system\nS<|im_end|>\n<|im_start|>user\nHi<|im_end|>",
    "<s>[INST] <<SYS>>S<</SYS>> Hi [/INST] Hello",
    "prompter: Hi\nassistant: Hello\nprompter: more",
    "Hi\n<extra_id_1>Assistant\nHello\n<extra_id_1>User\nmore",
    "### Human: hi### Assistant: hello",
    "USER: hi\n\n\nASSISTANT: hello <|endoftext|>",
    "<|prompter|>hi<|endoftext|><|assistant|>",
    "<|prompter|>hi</s>",
    "BEGINNING OF CONVERSATION: USER: hi ASSISTANT:",
    "USER: hi ASSISTANT: ",
    "A chat between a curious user and an assistant. USER: hi ASSISTANT:",
    "<｜begin▁of▁sentence｜>User: hi\n\nAssistant:",
    "<|begin▁of▁sentence|>User: hi\n\nAssistant:",
    "[gMASK]<sop><|user|>\nhi<|assistant|>\n",
    "Below is an instruction.\n\n### Instruction:\nfoo\n\n### Response:\n",
    "### Instruction:\nfoo\n\n### Response",
    "You are kind.\n\nhi\n\nAssistant:",
    "A dialogue.\n**User:** hi\n**AI:**",
    "You are kind.<|im_end|>\n<|im_start|>assistant\n",
    "hi<end_of_turn>\n<start_of_turn>model\n",
    "System: S<|User|>hi<|Assistant|>",
    "S\n\nhi [/INST]",
    "hi<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n",
]


@pytest.mark.parametrize("text", FLAT)
def test_a_conversation_in_one_text_is_no_turn_of_a_user(text):
    with pytest.raises(RecipeError, match="f:1: the prompt is a whole conversation in one text"):
        parse_conversation(text, "f:1")


@pytest.mark.parametrize(
    "text",
    [
        "What does <|im_start|>user mean?",
        "User: I am late. Write a reply.",
        "What is the role of an Assistant: in a text?\nHuman: none",
        "Human: hi",
        "Question: Is it?\nAnswer:",
        "Fill in the form.\nMake: Fiat\nModel:",
        "Who is your boss and who is your assistant:",
        "How does a chatbot begin? With this: Assistant:",
        "The user: a study. Write it in the voice of an AI.",
        "Which is better, <|assistant|> or [/INST]?",
        "### Response: what does it mean?",
        "Translate:\n### Answer:",
    ],
)
def test_a_text_about_roles_is_a_text(text):
    assert parse_conversation(text, "f:1") == (user(text),)


@pytest.mark.parametrize(
    "text",
    [
        "\n\nHuman: hi\n\nAssistant: hello\n\nHuman: more\n\nAssistant:",
        "Human: hi\n\nAssistant: hello\n\nHuman: more\n\nAssistant:",
        "\r\n\r\nHuman: hi\r\n\r\nAssistant: hello\r\n\r\nHuman: more",
    ],
)
def test_a_conversation_of_hh_is_read_however_its_lines_end(text):
    assert parse_conversation(text, "f:1") == (user("hi"), assistant("hello"), user("more"))


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (json.dumps(json.dumps(TURNS)), "JSON within JSON"),
        ("[{'name': None, 'role': 'user', 'content': 'hi'}]", "save it as JSON"),
        ("array([{'role': 'user', 'content': 'hi'}], dtype=object)", "save it as JSON"),
        ([said("assistant", "", tool_calls=[{"name": "f", "arguments": [1]}])], "a mapping"),
        ([said("assistant", "", tool_calls=[{"name": "f", "arguments": {"a": b"x"}}])], "are no JSON"),
        ([said("assistant", "", tool_calls=[CALL], function_call=CALL["function"])], "both tool_calls"),
        ([said("system", "S"), said("assistant", "a"), said("user", "q")], "after a system turn"),
        ([{"role": "user", "content": "a"}, {"role": "user", "content": "b"}], "two user turns"),
        ([said("user", "a"), said("system", "b")], "a system turn stands first"),
        ([{"role": "user", "content": []}], "empty user turn"),
        ([{"role": "user", "content": [{"type": "text", "text": " "}]}], "empty user turn"),
        ([{"role": "user", "content": [{"type": "image"}]}], "an image must have a url"),
        ([said("user", [{"type": "image_url", "image_url": None}])], "an image must have a url"),
        ([{"role": "user", "content": [5]}], "a part of a message must be"),
        ([{"role": "assistant", "content": "", "tool_calls": [{}]}], "a function with a name"),
        ([{"role": "robot", "content": "x"}], "unknown role 'robot'"),
        ([*TURNS, said("assistant", "a"), {"role": "tool", "output": "42"}], "output"),
        ([*TURNS, said("assistant", "a"), {"role": "tool", "text": "42"}], "text"),
        ([{"role": "user", "prompt": "Hi"}], "prompt"),
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


@pytest.mark.parametrize("empty", ["", " ", None, float("nan")])
def test_a_turn_of_two_forms_of_which_one_is_empty_is_the_other(empty):
    assert parse_conversation(
        [{"role": "user", "content": empty, "from": "human", "value": "Hello?"}], "f:1"
    ) == (user("Hello?"),)


def test_cells_that_pandas_left_empty_are_empty():
    nan = float("nan")
    prompt = prompts({"prompt": "Q", "category": nan, "license": nan, "references": 42})
    assert (prompt.category, prompt.license, prompt.references) == (None, "unknown", ("42",))
    assert prompts({"prompt": "Q", "references": nan}).references == ()


@pytest.mark.parametrize(
    ("role", "name", "kept"),
    [
        ("user", "human", None), ("assistant", "gpt", None), ("user", "User", None), ("user", "Ann", "Ann"),
        ("user", "gpt", "gpt"), ("tool", "function", "function"),
    ],
)  # fmt: skip
def test_a_name_that_is_the_roles_own_word_is_none(role, name, kept):
    turn = {"role": role, "content": "x", "name": name}

    assert read_turns([turn], "row", name="the prompt", role="user")[0].name == kept


@pytest.mark.parametrize(
    "more",
    [
        {"value": 0.7}, {"value": 1}, {"value": True}, {"value": " A river\n"}, {"value": None},
        {"from": "gpt-4-turbo"}, {"from": "GPT"}, {"from": "annotator 3"}, {"from": "Alice"},
    ],
)  # fmt: skip
def test_a_turn_in_two_forms_that_say_the_same_or_with_notes_of_their_names_is_one(more):
    [turn] = read_turns([said("assistant", "A river", **more)], "f:1", name="it", role="user")

    assert (turn.role, turn.text) == ("assistant", "A river")


@pytest.mark.parametrize(
    "more", [{"value": "A lake"}, {"value": ["A river"]}, {"from": "human"}, {"from": " System"}]
)
def test_a_turn_in_two_forms_that_differ_is_one_line(more):
    with pytest.raises(RecipeError, match="f:1: .* of a message do not say the same: found"):
        read_turns([said("assistant", "A river", **more)], "f:1", name="it", role="user")


def llama_factory(call: str) -> list[dict]:
    said = [("human", "Warm?"), ("function_call", call), ("observation", "9"), ("gpt", "No.")]
    return [{"from": role, "value": text} for role, text in said]


@pytest.mark.parametrize(
    ("call", "names"),
    [
        ('{"name": "weather", "arguments": {"city": "Rome"}}', ["weather"]),
        (
            '[{"name": "weather", "arguments": "{}"}, {"name": "clock", "arguments": {}}]',
            ["weather", "clock"],
        ),
    ],
)
def test_llama_factorys_turns_of_tools_are_calls_and_their_results(call, names):
    turns = parse_conversation(llama_factory(call), "row")

    assert [turn.role for turn in turns] == ["user", "assistant", "tool", "assistant"]
    assert [one.name for one in turns[1].tool_calls] == names
    assert (turns[1].content, turns[2].content) == ("", "9")


@pytest.mark.parametrize(
    "call",
    ["weather(Rome)", '{"name": "weather"}', '{"name": "w", "arguments": {}, "note": "x"}', "[]", '{"a": 1'],
)
def test_another_text_of_a_function_call_is_not_read(call):
    with pytest.raises(RecipeError, match="unknown role 'function_call'"):
        parse_conversation(llama_factory(call), "row")
