"""Asking for a reply and reading it, once more where it cannot be read. (prefgen/kit/replies.py)"""

import pytest

from prefgen.errors import UnreadableReply
from prefgen.kit.parse_failure import ParseFailure
from prefgen.kit.replies import ask_and_parse, entries_by_label
from prefgen.kit.reply_json import json_object
from prefgen.testing import Scripted
from prefgen.types import Reply, user


async def test_an_unreadable_reply_is_asked_once_more_with_its_error_shown():
    ask = Scripted(["no idea", '{"a": 1}'])

    found, _ = await ask_and_parse(ask, "m", [user("Q")], lambda reply: json_object(reply.text))

    assert found == {"a": 1}
    assert [m.role for m in ask.asked[1][1]] == ["user", "assistant", "user"]
    assert "not valid JSON" in ask.asked[1][1][-1].text


async def test_two_unreadable_replies_are_a_failure_with_both():
    with pytest.raises(UnreadableReply) as caught:
        await ask_and_parse(Scripted(["one", "two"]), "m", [user("Q")], lambda reply: json_object(reply.text))

    assert (caught.value.code, caught.value.replies) == ("not_json", ("one", "two"))


async def test_a_reply_that_was_cut_is_asked_for_once_more_and_shorter():
    """'Rating: 1' may have been the beginning of 'Rating: 10'."""
    cut, whole = Reply(text='{"a": 1}', finish_reason="length"), Reply(text='{"a": 10}', finish_reason="stop")
    ask = Scripted([cut, whole])

    found, _ = await ask_and_parse(ask, "m", [user("Q")], lambda reply: json_object(reply.text))

    assert found == {"a": 10}
    assert "cut off" in ask.asked[1][1][-1].text
    with pytest.raises(UnreadableReply) as caught:
        await ask_and_parse(Scripted([cut]), "m", [user("Q")], lambda reply: json_object(reply.text))
    assert caught.value.code == "cut"


def test_entries_are_joined_by_their_label_in_any_order_and_spelling():
    one, two = {"rating": 1}, {"rating": 2}
    labels = ["text_1", "text_2"]
    assert entries_by_label({"text_2": two, "text_1": one}, labels) == [one, two]
    assert entries_by_label({"Text 1": one, "TEXT-2": two}, labels) == [one, two]


@pytest.mark.parametrize(
    "fields",
    [
        {"text_1": {}}, {"text_1": {}, "text_3": {}}, {"text_1": {}, "text_2": {}, "text_3": {}},
        {"text_1": {}, "Text 1": {}, "text_2": {}}, {"text_1": {}, "text_2": 4}, {},
    ],
)  # fmt: skip
def test_a_label_that_is_missing_unknown_or_there_twice_is_unread(fields):
    with pytest.raises(ParseFailure):
        entries_by_label(fields, ["text_1", "text_2"])
