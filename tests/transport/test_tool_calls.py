import json

import pytest

from prefgen.calls.usable_reply import usable_reply
from prefgen.dataset.conversation import parse_conversation
from prefgen.errors import RecipeError, RequestFailed, TruncatedReply, UnreadableReply
from prefgen.transport.openai_replies import read_responses, reply_of
from prefgen.transport.request import ModelRequest
from prefgen.transport.tool_calls import arguments_problem, parse_tool_call
from prefgen.types import user

TOOLS = ({"type": "function", "function": {"name": "f"}},)
READ = [
    ({"id": "1", "type": "function", "function": {"name": "f", "arguments": '{"x": "Oslo"}'}}, {"x": "Oslo"}),
    ({"index": 0, "function": {"name": "f", "arguments": {"x": 1}}}, {"x": 1}),
    ({"name": "f", "parameters": {"x": 1}}, {"x": 1}),
    ({"name": "f", "arguments": {"x": 1}, "parameters": {"x": 1}}, {"x": 1}),
    ({"name": "f", "arguments": None, "args": None, "input": {}}, {}),
    ({"function": {"name": "f", "arguments": "{}"}, "extra_content": {"google": {"s": "a"}}}, {}),
    ({"function": {"name": "f", "arguments": ""}, "name": None}, {}),
    ({"name": "f", "arguments": '{"x": 1, "y": 2}', "parameters": {"y": 2, "x": 1}}, {"x": 1, "y": 2}),
    ({"name": "f", "arguments": '{"x":1}', "parameters": '{"x": 1}'}, {"x": 1}),
    ({"name": "f", "arguments": {"x": 1}, "parameters": {}}, {"x": 1}),
    ({"name": "f", "arguments": "{}", "parameters": {"x": 1}}, {"x": 1}),
    ({"name": "f", "arguments": {}, "parameters": "null"}, {}),
    ({"function": {"name": "f", "arguments": "null"}}, {}),
    ({"function": {"name": "f", "arguments": " null\n"}}, {}),
    ({"function": {"name": "f", "strict": False, "description": "Finds.", "arguments": {"x": 1}}}, {"x": 1}),
    ({"id": float("nan"), "function": {"name": "f", "arguments": " { } "}}, {}),
]
WITHOUT_NAME = [
    {},
    {"function": None},
    {"function": {}},
    {"function": {"name": None, "arguments": None}},
    {"function": {"name": " ", "arguments": "{}"}},
    {"function": {"name": 5, "arguments": "{}"}},
    {"type": "custom", "custom": {"name": "f", "input": "x"}},
]
LOST = [
    {"name": "f", "args": {"x": "Oslo"}},
    {"name": "f", "args": {"x": "Oslo"}, "id": "1", "type": "tool_call"},
    {"type": "tool_use", "id": "1", "name": "f", "input": {"x": "Oslo"}},
    {"name": "f", "kwargs": {"x": "Oslo"}},
    {"name": "f", "params": "x=Oslo"},
    {"function": {"name": "f"}, "arguments": {"x": "Oslo"}},
    {"function": {"name": "f", "input": {"x": "Oslo"}}},
    {"function": {"name": "f", "arguments": "{}", "x": 5}},
    {"name": "f", "arguments": {"x": "Oslo"}, "parameters": {"x": "Rome"}},
    {"function": {"name": "f", "arguments": ["Oslo"]}},
    {"name": "f", "arguments": '{"x": 1}', "parameters": {"x": True}},
    {"name": "f", "arguments": '{"x": 1, "x": 2}', "parameters": {"x": 2}},
    {"name": "f", "arguments": {}, "parameters": [1]},
    {"function": {"name": "f", "strict": {"x": 1}, "arguments": "{}"}},
    {"function": {"name": "f", "description": ["Oslo"], "arguments": "{}"}},
]
NO_OBJECT = [
    '{"x": "Os', '{"x":1}{"x":1}', "[1]", "5", '"{}"', '"null"', "[null]",
    '{"x":NaN}', '{"x": 1e999}', '{"x": 1, "x": 2}',
    '{"x": {"y": 1, "y": 2}}', "{'x': 1}", "x=1", '{"x": 1},', "[" * 100_000,
]  # fmt: skip


def body_with(call, finish_reason="tool_calls", key="tool_calls"):
    message = {"role": "assistant", "content": "One moment.", key: [call] if key == "tool_calls" else call}
    return {"choices": [{"index": 0, "message": message, "finish_reason": finish_reason}]}


def answer(call, **more):
    """What a plug-in is given of a reply that calls a tool."""
    request = ModelRequest("chat", "m", (user("Q?"),), tools=TOOLS)
    [response] = read_responses(json.dumps(body_with(call, **more)).encode(), request)
    return usable_reply(response.reply)


def turn_with(call):
    turns = [{"role": "user", "content": "Q?"}, {"role": "assistant", "content": "", "tool_calls": [call]}]
    return parse_conversation(turns, "f:1")[-1]


@pytest.mark.parametrize(("call", "arguments"), READ)
def test_a_call_is_read_the_same_from_a_server_and_from_a_file(call, arguments):
    for [found] in (answer(call).tool_calls, turn_with(call).tool_calls):
        assert found.name == "f"
        assert json.loads(found.arguments or "{}") == arguments


@pytest.mark.parametrize("call", [*WITHOUT_NAME, *LOST])
def test_a_call_of_which_a_part_would_be_lost_is_unread(call):
    with pytest.raises(RequestFailed, match="odd shape: (a tool call|arguments|the arguments)"):
        answer(call)
    with pytest.raises(RecipeError, match=r"f:1: (a tool call|arguments and|the arguments)"):
        turn_with(call)
    with pytest.raises(UnreadableReply, match="cannot be read"):  # as an earlier version has kept it
        usable_reply(reply_of(body_with(call), "chat"))


@pytest.mark.parametrize("call", LOST)
def test_a_call_of_the_earlier_protocol_is_read_in_the_same_way(call):
    if "function" in call:
        call = call["function"] | {name: value for name, value in call.items() if name != "function"}
    if call.keys() <= {"name", "arguments"} and isinstance(call.get("arguments"), dict):
        assert answer(call, key="function_call").tool_calls
        return
    with pytest.raises(RequestFailed, match="odd shape"):
        answer(call, key="function_call")


@pytest.mark.parametrize("arguments", NO_OBJECT)
def test_arguments_that_are_no_object_are_unread(arguments):
    call = {"function": {"name": "f", "arguments": arguments}}

    with pytest.raises(UnreadableReply, match="the arguments of a tool call"):
        answer(call)
    with pytest.raises(TruncatedReply, match="raise max_tokens"):
        answer(call, finish_reason="length")
    with pytest.raises(RecipeError, match="f:1: the arguments of a tool call"):
        turn_with(call)


@pytest.mark.parametrize(
    "text", ["", " ", "{}", '{"x": [1, {"y": null}]}', '{"x": 1.5e3}\n', '{"x":{"x":1}}']
)
def test_an_object_or_nothing_are_arguments(text):
    assert arguments_problem(text) is None
    assert parse_tool_call({"name": "f", "arguments": text}).arguments == text


@pytest.mark.parametrize("depth", [100, 990, 993, 995, 1000, 5000])
def test_a_call_that_nests_deeply_is_read_or_unread(depth):
    deep: dict = {}
    for _ in range(depth):
        deep = {"x": deep}
    for call in ({"name": "f", "args": deep}, {"name": "f", "arguments": [deep]}, {"function": deep}):
        with pytest.raises(ValueError, match="tool call"):
            parse_tool_call(call)


def test_an_empty_call_of_the_earlier_protocol_is_none():
    assert answer({}, key="function_call", finish_reason="stop").tool_calls == ()


SCHEMA = {"type": "object", "properties": {"x": {"type": "string"}}}


@pytest.mark.parametrize("arguments", ["{}", None, '{"x": "1"}', {"x": "1"}])
def test_the_schema_of_a_tool_is_no_arguments(arguments):
    function = {"name": "f", "description": "d", "strict": True, "parameters": SCHEMA, "arguments": arguments}
    expected = arguments if isinstance(arguments, str) else json.dumps(arguments) if arguments else ""
    assert parse_tool_call({"function": function}).arguments == expected
    assert parse_tool_call({"name": "f", "parameters": SCHEMA}).arguments == json.dumps(SCHEMA)


def test_a_description_without_a_place_for_arguments_may_be_one():
    assert parse_tool_call({"name": "f", "description": "d", "parameters": {"x": 1}}).name == "f"
    with pytest.raises(ValueError, match="'description'.* would be lost"):
        parse_tool_call({"name": "create_issue", "description": "Bug in x"})


def test_the_id_that_answers_name_is_the_id_of_a_call():
    call = {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "f", "arguments": "{}"}
    assert [parse_tool_call({**call, "call_id": given}).id for given in ("call_1", None)] == [
        "call_1",
        "fc_1",
    ]
