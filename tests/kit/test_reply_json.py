"""The one JSON object of a reply, mended where that cannot change what it says.
(prefgen/kit/reply_json.py)
"""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefgen.kit.parse_failure import ParseFailure
from prefgen.kit.reply_json import holds_object, json_object
from tests.support.judged_replies import label_of, rating_of

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


@pytest.mark.parametrize(
    "fence",
    [
        "```json", "``` json", "```{.json}", '```json title="x"', "```json lines", "````json", "```", "``` ",
        "~~~json", "~~~", "   ```json", "Here:\n```js", "Here it is: ```json",
    ],
)  # fmt: skip
def test_an_object_in_any_fence_is_found(fence):
    mark = "~~~" if "~" in fence else "```"
    for text in (f'{fence}\n{{"a": 1}}\n{mark}', f'{fence}\n\n{{"a": 1}}\n{mark}\n', f'{fence}\n{{"a": 1}}'):
        assert json_object(text) == {"a": 1}, text


@pytest.mark.parametrize(
    "inside", ["// verdict", "# verdict", "x", "Output:", 'Output: {"b": 2}', "Draft.", "---"]
)
def test_words_within_the_fence_of_an_object_make_it_unread(inside):
    for mark in ("```", "```json", "~~~"):
        with pytest.raises(ParseFailure):
            json_object(f'{mark}\n{inside}\n{{"a": 1}}\n{mark[:3]}')
    with pytest.raises(ParseFailure):
        json_object('```\nOutput: {"a": 1}\n```')


PIECES = [
    "```",
    "~~~",
    "````",
    "```json",
    " ",
    "\n",
    "\n\n",
    "[",
    "]",
    "x",
    "# Tone",
    "> ",
    "- ",
    "Fine.",
    "Here:",
]


@given(st.lists(st.sampled_from([*PIECES, '{"a": 1}']), max_size=8), st.sampled_from(["", "\n```", "\n~~~"]))
def test_whatever_stands_around_an_object_it_is_read_or_unread(before, after):
    text = "".join(before) + '{"a": 1}' + after
    try:
        assert json_object(text) == {"a": 1}
    except ParseFailure:
        pass
    label_of(text)
    rating_of(text)


@pytest.mark.parametrize(
    "end", ["\n\nI hope this helps!", "\nLet me know if you have any questions.", "\n---", "\n~~~"]
)
def test_a_farewell_behind_an_object_is_none_of_its_words(end):
    assert json_object(f'{{"a": 1}}{end}') == {"a": 1}
    with pytest.raises(ParseFailure):
        json_object(f'{{"a": 1}}{end}\nThe other one is better.')
