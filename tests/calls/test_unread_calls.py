import pytest

from prefgen.calls.usable_reply import without_leftovers
from prefgen.errors import UnreadableReply
from prefgen.text.unread_calls import is_unread_call
from prefgen.types import Reply, user

TOOLS = [{"type": "function", "function": {"name": "get_weather", "parameters": {}}}]
CALLS = [
    '{"name": "get_weather", "parameters": {"city": "Paris"}}',
    '{"type": "function", "name": "get_weather", "parameters": {"city": "Paris"}}',
    '{"type": "function", "function": {"name": "get_weather", "arguments": "{}"}}',
    '{"name": "get_weather", "parameters": {}}; {"name": "get_weather", "parameters": {}}',
    '[{"name": "get_weather", "arguments": {}}]',
    '{"tool_calls":[{"name":"get_weather","arguments":{}}]}',
    '{"tool_name": "get_weather", "parameters": {}}',
    'get_weather(city="Paris")',
    '[get_weather(city="Paris"), get_weather(city="Rome")]',
    '```json\n{"name": "get_weather", "arguments": {"city": "Paris"}}\n```',
    '<tools>\n{"name": "get_weather", "arguments": {}}\n</tools>',
    '<toolcall>{"name": "get_weather"}</toolcall>',
    'print(get_weather(city="Oslo"))',
    'await get_weather("Oslo")',
    'print(await tools.get_weather(city="Oslo"))',
    'result = get_weather(city="Oslo")\nprint(result)',
    "weather = await get_weather()\nprint(weather)",
    'a = get_weather(city="Oslo")\nb = get_weather(city="Rome")\nprint(a, b)',
    'functions.get_weather({"city":"Oslo"})',
    '```python\nprint(functions.get_weather(city="Oslo"))\n```',
    '{"get_weather": {"city": "Oslo"}}',
    '[{"get_weather": {"city": "Oslo"}}, {"get_weather": {"city": "Rome"}}]',
]
AMONG_WORDS = [
    'I will check.\n{"name": "get_weather", "arguments": {"c": "x"}}',
    'I will check.\n```json\n{"name": "get_weather", "arguments": {"c": "x"}}\n```',
    '{"name": "get_weather", "arguments": {"c": "x"}}\n\nLet me know.',
    '{"name": "get_weather", "parameters": {"c": "x"}',
    '{"tool": "get_weather", "args": {}}',
    '{"action": "get_weather", "action_input": "x"}',
    '{\n  "arguments": {"c": {"d": 1}},\n  "name": "get_weather"\n}',
    '{"function": "get_weather", "id": 1, "arguments": "{}"}',
    "Thought: I look.\nAction: get_weather\nAction Input: x",
    "Action: get_weather[Paris]",
    'functions.get_weather:0{"c":"x"}',
    'get_weather\n```json\n{"c": "x"}\n```',
    'get_weather("x")',
    "<get_weather><c>x</c></get_weather>",
    "I look.\n\n<get_weather>\n<c>x</c>\n</get_weather>",
    "{'name': 'get_weather', 'arguments': {'city': 'Oslo'}}",
    "I look.\n[{'arguments': {'city': 'Oslo'}, 'name': 'get_weather'}]",
    'get_weather\n{"city": "Oslo"}',
    'I look.\nget_weather\n{"city": "Oslo"}',
    '<action>get_weather</action><input>{"city": "Oslo"}</input>',
    '<tool_name>get_weather</tool_name>\n<parameters>\n{"city": "Oslo"}\n</parameters>',
    '```python\nprint(default_api.get_weather(city="Oslo"))\n```',
    'I look.\n```tool_code\nprint(default_api.get_weather(city="Oslo"))\n```',
]
LEFT = [
    '<TOOLCALL>[{"name": "get_weather", "arguments": {}}]</TOOLCALL>',
    "<start_function_call>call:get_weather{city:<escape>Paris<escape>}<end_function_call>",
    'commentary to=functions.get_weather json{"city":"Paris"}',
    'to=functions.get_weather json{"city":"Paris"}',
]
ANSWERS = [
    "It rains in Paris.",
    'I would call get_weather(city="Paris").',
    "get_weather tells the weather.",
    '{"name": "Paris", "weather": "get_weather says rain"}',
    '{"city": "Paris", "rain": true}',
    "get_rain(city='Paris')",
    "```python\nimport weather\nget_weather(city='Paris')\n```",
    "The token to=functions.x names a tool.",
    'I looked with get_weather("Paris"): it rains.',
    "### get_weather\n\nIt takes a city.",
    "Action: I asked get_weather. Input: Paris.",
    'It is defined so: {"name": "get_weather", "parameters": {"type": "object", "properties": {}}}',
    '{"source": "get_weather", "arguments": ["it rains", "it is cold"]}',
    "`get_weather` has these parameters: city.",
    "The tag <get_weather> is none.",
    "print(get_weather)",
    "result = get_weather",
    "Await get_weather, then print it.",
    "It has {'name': 'get_weather', 'parameters': {'type': 'object', 'properties': {}}}",
    '{"get_weather": "rain"}',
    '{"get_weather": {"rain": true}, "city": "Oslo"}',
    "get_weather\n\nIt takes a city {such as Oslo}.",
    "<b>get_weather</b> <i>takes</i> a city.",
    "`default_api` holds get_weather.",
]


@pytest.mark.parametrize("text", [*CALLS, *AMONG_WORDS, *LEFT])
def test_a_call_that_is_the_whole_text_is_no_answer(text):
    with pytest.raises(UnreadableReply):
        without_leftovers(Reply(text=text), "strip", [user("Does it rain?")], TOOLS)
    reply = Reply(text=text)
    assert without_leftovers(reply, "keep", [user("Does it rain?")], TOOLS) is reply


@pytest.mark.parametrize("text", ANSWERS)
def test_a_text_that_speaks_of_a_tool_is_an_answer(text):
    reply = Reply(text=text)

    assert without_leftovers(reply, "strip", [user("Does it rain?")], TOOLS) is reply


@pytest.mark.parametrize("text", CALLS)
def test_where_no_tool_was_offered_it_is_a_text(text):
    assert not is_unread_call(text, [])
    assert not is_unread_call(text, [{"type": "function", "function": {"name": "search"}}])


@pytest.mark.parametrize("text", [call for call in AMONG_WORDS if call != 'get_weather("x")'])
def test_a_request_that_shows_a_call_wants_it_as_text(text):
    reply = Reply(text=f"So:\n{text}")

    assert without_leftovers(reply, "strip", [user(f"Explain this:\n{text}")], TOOLS) is reply
