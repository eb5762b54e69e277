"""The one JSON object of a reply, mended where that cannot change what it says.
(prefgen/kit/reply_json.py)
"""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefgen.kit.parse_failure import ParseFailure
from prefgen.kit.reply_json import holds_object, json_object

SCHEMA = '{"type": "object", "properties": {"rating": {"type": "integer"}}, "required": ["rating"]}'


@pytest.mark.parametrize(
    "text",
    [
        '{"a": 1}',
        '```json\n{"a": 1}\n```',
        'Here you are:\n{"a": 1}\nHope that helps!',
        '```\n{"a": 1}```',
        '{"a": 1}\n{"a": 1}',
        "{'a': 1}",
        '{"a": 1,}',
        '[{"a": 1}]',
        SCHEMA + '\n{"a": 1}',
        'The result, \\boxed{x} of {sets}, is:\n{"a": 1}',
    ],
)
def test_one_object_is_found(text):
    assert json_object(text) == {"a": 1}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('{"a": "two\nlines\tand a tab"}', {"a": "two\nlines\tand a tab"}),
        ("{'a': 'it\\'s', 'b': True, 'c': None}", {"a": "it's", "b": True, "c": None}),
        ("{'a': 'he said \"hi\"'}", {"a": 'he said "hi"'}),
        ('{"a": [1, 2,], "b": {"c": 3,},}', {"a": [1, 2], "b": {"c": 3}}),
        ('{"a": "a brace } and a quote \\" inside"}', {"a": 'a brace } and a quote " inside'}),
        ('{"a": "```json\\n{\\"rating\\": 1}\\n```"}', {"a": '```json\n{"rating": 1}\n```'}),
    ],
)
def test_what_is_nearly_json_is_mended_without_a_change_of_meaning(text, found):
    assert json_object(text) == found


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nothing",
        "[1, 2]",
        '{"a": NaN}',
        '{"a": 1, "a": 2}',
        '{"a": 1',
        '{"a": "said "hi" to me"}',
        '{"a": 01}',
        "{“a”: 1}",
        '{"a": "\\ud800"}',
        '{"a": 1} {"a": 2}',
        '```json\n{"a": 1}\n```\nCorrected:\n```json\n{"a": 2}\n```',
        '{"a": 1} Wait, that should be 2.',
        SCHEMA,
        "{" * 100_000,
        '{"a":' * 5000,
        '{"a": 1 "b": 2}',
        "{'a': 'it's'}",
        '{"a": -}',
        '{"a": tru}',
    ],
)
def test_anything_else_is_unread(text):
    with pytest.raises(ParseFailure):
        json_object(text)


def test_what_tries_to_be_an_object_is_told_from_prose():
    assert holds_object('Well: {"rating": 4') and holds_object("{'rating': 4}")
    assert not holds_object("\\boxed{4}") and not holds_object("a set {1, 2}") and not holds_object("{}")


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(
    st.dictionaries(st.text(min_size=1), JSON, min_size=1, max_size=4),
    st.sampled_from(["{}", "Sure!\n{}\nDone.", "```json\n{}\n```"]),
)
def test_every_object_comes_back_as_it_was(data, around):
    spelled = json.dumps(data)
    if "properties" in data:
        return
    assert json_object(around.replace("{}", spelled)) == data


@given(st.text() | st.text(alphabet="{}[]\"':,\\ \n01ab"))
def test_any_text_is_an_object_or_unread(text):
    try:
        assert isinstance(json_object(text), dict)
    except ParseFailure:
        pass
