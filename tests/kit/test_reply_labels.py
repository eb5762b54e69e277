"""The grammar of labels: every row of its table in docs/judges.md, and what no decoy may change.
(prefgen/kit/reply_labels.py)
"""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.doc_tables import replies_of
from tests.support.judged_replies import label_of

ROWS = replies_of("judges.md", "Of the labels A and B:")


@pytest.mark.parametrize(("reply", "meaning"), ROWS)
def test_each_row_of_the_table_is_read_as_it_says(reply, meaning):
    assert label_of(reply) == (None if meaning == "unread" else meaning)


@pytest.mark.parametrize(("reply", "meaning"), ROWS)
def test_the_other_label_is_read_just_so(reply, meaning):
    """The table with A and B exchanged: no label is favoured."""
    exchanged = {"A": "B", "B": "A", "Ａ": "Ｂ", "Ｂ": "Ａ"}
    swapped = re.sub(r"\b[AB]\b|[ＡＢ]", lambda label: exchanged[label[0]], reply)

    if swapped != reply:
        assert label_of(swapped) == exchanged.get(meaning)


@pytest.mark.parametrize(
    "text", ["0.9", "I rate it 0.5", "-3", "Answer: 1.5", "3 of 10 people", "8/10", "10 apples"]
)
def test_a_part_of_a_number_is_no_label(text):
    assert label_of(text, [str(n) for n in range(1, 11)]) is None


def test_a_label_that_begins_like_another_is_told_from_it():
    ratings = [str(n) for n in range(1, 11)]
    assert [label_of(text, ratings) for text in ("1", "10", "Answer: 10", "Option 1")] == [
        "1",
        "10",
        "10",
        "1",
    ]


def test_labels_of_several_words_and_marks():
    assert label_of("Answer: first text", ("first text", "second text")) == "first text"
    assert label_of("C++", ("C++", "C")) == "C++"


DECOYS = st.sampled_from(
    [
        "A names the river, B does not.",
        "Both texts are short.",
        "A good answer cites its source.",
        "Text A is longer.",
        "```\nAnswer: {other}\n```",
        "The question is A or B.",
        "Criterion A: correctness.",
        "In text {other} there is a mistake.",
        "B is worse in tone, A in length.",
        "Text {other} is not better.",
        "Scores: A 3, B 3",
    ]
)
VERDICTS = st.sampled_from(
    [
        "Answer: {}",
        "Final verdict: {}",
        "[[{}]]",
        "**{}**",
        "Winner: Text {}",
        "I prefer {}.",
        "Text {} is better.",
    ]
)


@given(st.sampled_from("AB"), VERDICTS, st.lists(DECOYS, max_size=4))
def test_decoys_before_a_verdict_are_never_read_as_it(label, verdict, decoys):
    other = "B" if label == "A" else "A"
    text = "\n".join([*(decoy.format(other=other) for decoy in decoys), verdict.format(label)])

    assert label_of(text) in (label, None)
    assert decoys or label_of(text) == label


@given(st.sampled_from("AB"), st.lists(DECOYS, max_size=4), st.lists(DECOYS, max_size=4))
def test_a_verdict_between_decoys_is_read_as_it_is_or_not_at_all(label, before, after):
    other = "B" if label == "A" else "A"
    lines = [*before, f"Answer: {label}", *after]

    assert label_of("\n".join(line.format(other=other) for line in lines)) in (label, None)


@given(st.text())
def test_any_text_is_a_label_or_unread(text):
    assert label_of(text) in ("A", "B", None)
