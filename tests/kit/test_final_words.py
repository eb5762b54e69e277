"""Which words of a reply are its last ones. (prefgen/kit/final_words.py)"""

import pytest

from prefgen.kit.final_words import require_whole, takes_back, without_drafts
from prefgen.kit.parse_failure import ParseFailure
from prefgen.types import Reply


@pytest.mark.parametrize("finish_reason", ["length", "content_filter", "tool_calls", "error", "", "STOP?"])
def test_a_reply_that_did_not_end_by_itself_is_cut(finish_reason):
    with pytest.raises(ParseFailure) as caught:
        require_whole(Reply(text="Rating: 1", finish_reason=finish_reason))
    assert caught.value.code == "cut"


def test_a_whole_reply_is_whole():
    require_whole(Reply(text="Rating: 1", finish_reason="stop"))
    require_whole(Reply(text="Rating: 1"))


@pytest.mark.parametrize(
    "text", ["Wait, no.", "On second thought 2.", "The score should be 2.", "I would revise that."]
)
def test_second_thoughts_are_noticed(text):
    assert takes_back(text)


@pytest.mark.parametrize("text", ["It waits for nobody.", "A fair score.", "The actual date is missing.", ""])
def test_other_words_are_none(text):
    assert not takes_back(text)


def test_fences_are_drafts_unless_they_are_all_there_is():
    def is_verdict(line):
        return line == "V"

    assert without_drafts("```\nV1\n```\nV", is_verdict).strip() == "V"
    assert without_drafts("Here:\n```\nV1\n```\nDone.", is_verdict).strip() == "V1"
    assert "V1" not in without_drafts("```\nV1\n```\n```\nV2\n```", is_verdict)
