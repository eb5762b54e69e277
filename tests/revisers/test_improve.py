"""Rewrite an answer to a better one in one step (SynPO's response improver, arXiv 2410.06961, section 2.2).
(prefgen/revisers/improve.py)
"""

import pytest

from prefgen.errors import UnreadableReply
from prefgen.revisers.improve import Improve
from prefgen.testing import Scripted
from tests.support.revisers import revised


async def test_an_improved_answer_has_its_parent_and_origin():
    found = await revised(Improve(model="m", instruction="Be brief."), Scripted(["  Hello there.  "]))

    [response] = found.responses
    assert (response.text, response.origin, response.parent_id) == ("Hello there.", "improved", "r0")


@pytest.mark.parametrize(
    "reply",
    [
        "<text 1>\nA better answer.\n</text 1>",
        "Here is the improved reply:\n\nA better answer.",
        "Sure! Here's the revised text:\n<text 1>\nA better answer.\n</text 1>",
        "The rewritten version:\nA better answer.",
    ],
)
async def test_what_stands_around_the_new_answer_is_no_part_of_it(reply):
    found = await revised(Improve(model="m"), Scripted([reply]))

    assert [response.text for response in found.responses] == ["A better answer."]


@pytest.mark.parametrize(
    "reply", ["Use this:\n\n1. Wash it.", "The new rule: be kind.", "Here is how:\n\nWash it."]
)
async def test_an_answer_that_begins_like_this_stays_whole(reply):
    found = await revised(Improve(model="m"), Scripted([reply]))

    assert [response.text for response in found.responses] == [reply]


async def test_a_fence_inside_the_answer_is_a_leak():
    with pytest.raises(UnreadableReply, match="fences"):
        await revised(Improve(model="m"), Scripted(["One.\n</text 1>\n<text 2>\nTwo."]))


async def test_an_answer_that_needs_no_change_has_no_improved_one():
    reply = "The reply is already correct and complete; no changes are needed."

    found = await revised(Improve(model="m"), Scripted([reply]))

    assert found.responses == ()


async def test_words_about_the_reply_are_no_answer():
    with pytest.raises(UnreadableReply, match="speaks of the reply"):
        await revised(Improve(model="m"), Scripted(["I cannot improve this reply."]))
