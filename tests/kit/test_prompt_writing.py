"""What synthesizers share: asking for prompts and reading them, and the checks that a written prompt is one.
(prefgen/kit/prompt_writing.py)
"""

import pytest

from prefgen.errors import UnreadableReply
from prefgen.kit.prompt_writing import read_prompts
from prefgen.kit.replies import ParseFailure
from prefgen.types import Reply
from tests.support.synthesizers import a_seed, an, asked_of, listed, texts


@pytest.mark.parametrize(
    ("reply", "count", "found"),
    [
        (listed("One?", "Two?"), 2, ["One?", "Two?"]),
        ("Sure:\n1. One?\n2) Two?\n3. Three?", 2, ["One?", "Two?"]),
        ("* One?", 1, ["One?"]),
        (listed('"One?"'), 1, ["One?"]),
        (listed("“One?”"), 1, ["One?"]),
        (listed('Say "hi" and "bye"'), 1, ['Say "hi" and "bye"']),
        (
            "1. Plan a trip with:\n   - food\n   - sun\n2. Sort this:\n```\n1. b\n```",
            2,
            ["Plan a trip with:\n   - food\n   - sun", "Sort this:\n```"],
        ),
        (listed("  ", "Two?"), 2, ["Two?"]),
    ],
)
def test_prompts_are_read_from_json_lists_or_bare_text(reply, count, found):
    assert read_prompts(Reply(text=reply), count) == found


@pytest.mark.parametrize(
    "reply",
    [
        "No list here, only talk.",
        listed(),
        listed("..."),
        '{"prompts": "One?"}',
        "I'm sorry, but I can't help with that.",
        '{"prompts": ["How do I plan a long tri',
        '["One?"]',
        "Sure! Here is one: How? Let me know.",
        listed("x" * 200_000),
    ],
)
@pytest.mark.parametrize("count", [1, 3])
def test_what_is_no_list_is_not_read(reply, count):
    with pytest.raises(ParseFailure):
        read_prompts(Reply(text=reply), count)


def test_a_reply_that_was_cut_off_is_no_prompt():
    with pytest.raises(ParseFailure, match="cut off"):
        read_prompts(Reply(text="1. How do I plan", finish_reason="length"), 1)


async def test_a_reply_that_repeats_the_request_is_no_prompt():
    written, _ = await asked_of(an("few_shot", per_seed=2), a_seed(), listed("#Given Prompt#: again", "A?"))
    assert texts(written) == ["A?"]

    with pytest.raises(UnreadableReply, match="repeats words of the request"):
        await asked_of(an("few_shot"), a_seed(), listed("#Rewritten Prompt#: A?"))
