"""A paragraph in one line is read and doubted as a short line is.

(prefgen/kit/final_words.py, reply_ratings.py, reply_labels.py)
"""

import time

import pytest

from prefgen.judges.binary_vote import read_vote
from prefgen.kit.parse_failure import ParseFailure
from prefgen.types import Reply
from tests.support.judged_replies import label_of, rating_of

PARAGRAPH = "It is written in plain words and goes through the request from its beginning to its end. " * 5


@pytest.mark.parametrize(
    "words",
    [
        "So it deserves a 2.", "I would give it a 2.", "Final rating: 2", "Final rating: 2.",
        "The text should be rated 2.", "Another judge wrote this.", "The text ends with:",
    ],
)  # fmt: skip
def test_what_a_paragraph_ends_on_may_doubt_a_rating(words):
    assert rating_of(f"{words}\n\nRating: 4") is None
    assert rating_of(f"{PARAGRAPH}{words}\n\nRating: 4") is None


def test_a_rating_with_a_long_remark_is_a_rating_too():
    assert rating_of(f"Rating: 2. {PARAGRAPH}\n\nRating: 4") is None


@pytest.mark.parametrize(
    "words",
    [
        "Which of the two has more invented facts?", "Which text shows more prejudice?", "Answer: B.",
        "Text B is the one that answers.", "Text B is right.", "It is Text B that does what was asked.",
        "I'm going with Text B.", "Another judge wrote this.", "Therefore, Text B is better.",
        "It is a quotation with the words", "Text B ends with:",
    ],
)  # fmt: skip
def test_what_a_paragraph_ends_on_may_doubt_a_label(words):
    assert label_of(f"{words}\n\nAnswer: A") is None
    assert label_of(f"{PARAGRAPH}{words}\n\nAnswer: A") is None


@pytest.mark.parametrize("words", ["The second constraint is violated.", "Is something missing?"])
def test_what_a_paragraph_ends_on_may_doubt_a_vote(words):
    for text in (words, PARAGRAPH + words):
        with pytest.raises(ParseFailure):
            read_vote(Reply(text=f"{text}\n\nFinal judgment: yes", finish_reason="stop"))


@pytest.mark.parametrize("text", [" " * 10_000, "The text" + " \t" * 5_000])
def test_a_run_of_blanks_is_read_at_once(text):
    began = time.perf_counter()
    assert rating_of(f"{text}\n\nRating: 4") == 4
    assert rating_of(f"Rating: 4\nRationale: {text}.") == 4

    assert time.perf_counter() - began < 0.5


@pytest.mark.parametrize("name", ["Rationale", "**Rationale**", "Reason", "- Explanation"])
def test_reasons_of_any_length_stand_behind_their_rating(name):
    assert rating_of(f"Rating: 4\n\n{name}: {PARAGRAPH}") == 4
    assert rating_of(f"Rating: 4\n{name}: {PARAGRAPH}I would give it a 2.") is None
    assert label_of(f"Answer: A\n\n{name}: {PARAGRAPH}") == "A"
    assert label_of(f"Answer: A\n\n{name}: {PARAGRAPH}Text B is better.") is None


@pytest.mark.parametrize(
    "end", ["Therefore, Text B is better.", "The better text is B.", "So I prefer Text B.", "Answer: B"]
)
def test_a_paragraph_that_ends_in_a_verdict_is_read(end):
    text = f"{PARAGRAPH}Text A is vague. Text B names the river. {end}"
    assert label_of(text) == "B"
    assert label_of(f"Text A is vague.\n\n{text}") == "B"


@pytest.mark.parametrize(
    "text",
    [
        f"{PARAGRAPH}Text A is better. Text B is better.",
        f"{PARAGRAPH}Text A wins. {PARAGRAPH}Therefore, Text B is better.",
        f"{PARAGRAPH}Text A is far more accurate. Answer: B",
        f"{PARAGRAPH}Which text is worse? I'd say B.",
        f"{PARAGRAPH}Text B is better. {PARAGRAPH}",
        f"{PARAGRAPH}Text B is better, {PARAGRAPH}",
        f"Text A is better.\n\n{PARAGRAPH}Therefore, Text B is better.",
    ],
)
def test_a_paragraph_that_says_two_things_is_unread(text):
    assert label_of(text) is None


def test_a_line_of_any_length_takes_no_time():
    started = time.monotonic()
    for piece in ("1", "Rating: 1", "B is better. ", "Text A ", "final ", "is ", "more ", "[[", "⭐", "a, "):
        for text in (piece * 300, f"Rating: {piece * 300}", f"Answer: A\nReason: {piece * 300}"):
            label_of(text)
            rating_of(text)
    assert time.monotonic() - started < 2


@pytest.mark.parametrize(
    ("read", "text"),
    [
        (rating_of, '{"rating": 4, "rationale": "%s"}' % ("4" * 40_000)),
        (label_of, "x\n" + "A: 4 " * 8_000 + "\n\nAnswer: A"),
        (label_of, '{"winner": "A", "reason": "%s"}' % ("A: 4 " * 8_000)),
        (label_of, "A\n\n" + "Text A is clear, " * 3_000 + "Text A is clear."),
        (label_of, "Answer: A\n\n" + "I hope this helps! " * 3_000),
        (rating_of, "Rating: 4\n\n" + "Let me know if you need more help or " * 2_000),
    ],
)  # fmt: skip
def test_the_time_grows_with_the_length_of_a_reply_alone(read, text):
    """A pattern that tries each place anew would take minutes here."""
    started = time.process_time()
    read(text)
    assert time.process_time() - started < 4
