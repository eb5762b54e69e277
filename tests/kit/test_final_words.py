"""Which words of a reply are its last ones. (prefgen/kit/final_words.py)"""

import time

import pytest

from prefgen.kit.final_words import is_farewell, reply_lines, require_whole, statements_of, takes_back
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


def texts(reply):
    return [statement.text for statement in statements_of(reply_lines(reply))]


def test_lines_are_read_without_markup_drafts_and_quotations():
    assert texts("**Rating:**  4\n\n> Rating: 5\n```\nRating: 1\n```\nend") == ["Rating: 4", "end"]
    assert texts("```\nRating: 4\n```") == ["Rating: 4"]
    assert texts("x" * 400) == ["x" * 400] and texts("") == []


@pytest.mark.parametrize(
    ("reply", "introduced"),
    [
        ("It is short.\nRating: 4", False),
        ("It is short\n\nRating: 4", False),
        ("- short\nRating: 4", False),
        ("Rating: 4", False),
        ("Answer: A\nFinal answer: B", False),
        ("The text ends with:\nRating: 4", True), ("It says:\n\nRating: 4", True),
        ("You would get\nRating: 4", True), ("3 * 1 =\n\nRating: 4", True),
    ],
)  # fmt: skip
def test_a_line_that_another_leads_up_to_may_be_a_quotation(reply, introduced):
    assert statements_of(reply_lines(reply))[-1].is_introduced is introduced


def test_long_runs_of_markup_take_no_time():
    started = time.monotonic()
    for piece in ("*", "_", "`", " ", "(", "[", "Rating: ", "A ", "> ", "```\n", "\n", "⭐", "⭐ ", "⭐."):
        assert len(statements_of(reply_lines(piece * 50_000))) <= 50_001
    assert time.monotonic() - started < 5


@pytest.mark.parametrize(
    "words",
    [
        "Let me know if you need anything else!", "Please let me know if you'd like more detail.",
        "If you have any questions, feel free to ask.", "Feel free to reach out if you need a hand.",
        "Let me know if you need further clarification on this evaluation.",
    ],
)  # fmt: skip
def test_an_offer_of_more_is_a_farewell(words):
    assert is_farewell(words)


@pytest.mark.parametrize(
    "words",
    [
        "Let me know if you want to see why B wins.", "Let me know if you need the missing title.",
        "If you have any questions, B is better.", "Let me know if you need anything, but it fails.",
        "Let me know if you want 2 more.", "Let me know if you think that it is not so.",
    ],
)  # fmt: skip
def test_an_offer_that_names_a_label_a_number_or_a_fault_is_none(words):
    assert not is_farewell(words)
