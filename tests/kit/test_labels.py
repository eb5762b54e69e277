"""Judges beside UltraFeedback: their formulas, what they lose, and what they never make of it."""

import math

import pytest

from prefgen.kit.labels import label_probabilities_in, parse_label
from prefgen.kit.replies import ParseFailure
from prefgen.types import Reply, TokenChoice, TokenLogprob
from tests.support.judges import odds


def test_two_labels_are_normalised_against_each_other():
    assert label_probabilities_in(odds(A=0.6, B=0.2, The=0.1), ("A", "B")) == pytest.approx([0.75, 0.25])
    assert label_probabilities_in(Reply(text="A"), ("A", "B")) is None


def test_spellings_of_a_label_count_together():
    assert label_probabilities_in(
        odds(**{"A": 0.3, " A": 0.2, "(B": 0.25, "b": 0.25}), ("A", "B")
    ) == pytest.approx([0.5, 0.5])


def test_a_label_that_is_not_among_the_alternatives_has_no_more_than_what_is_left():
    [first, second] = label_probabilities_in(odds(A=0.9, The=0.06), ("A", "B"))

    assert second == pytest.approx(0.04 / 0.94)
    assert first > second > 0


def test_a_reply_that_begins_with_something_else_is_no_label():
    with pytest.raises(ParseFailure):
        label_probabilities_in(odds(Neither=0.9, Both=0.05), ("A", "B"))


@pytest.mark.parametrize(
    ("text", "label"), [("A", "A"), (" (b).", "B"), ("**Answer: B**", "B"), ("I think A is better.", "A")]
)
def test_labels_are_read_from_text(text, label):
    assert parse_label(text, ("A", "B")) == label


@pytest.mark.parametrize("text", ["A or B", "neither", "", "Both A and B are fine"])
def test_no_label_is_guessed(text):
    with pytest.raises(ParseFailure):
        parse_label(text, ("A", "B"))


def places(*tops):
    """A reply of several tokens, each with its alternatives."""
    made = []
    for top in tops:
        choices = tuple(TokenChoice(token=token, logprob=math.log(p)) for token, p in top.items())
        made.append(TokenLogprob(token=choices[0].token, logprob=choices[0].logprob, top=choices))
    return Reply(text="".join(place.token for place in made), logprobs=tuple(made))


def test_a_bracket_before_the_label_is_passed_over():
    [first, second] = label_probabilities_in(
        places({"(": 0.98, "B": 0.01, "A": 0.0002}, {"A": 0.95, "B": 0.05}), ("A", "B")
    )

    assert first == pytest.approx(0.95)
    assert second == pytest.approx(0.05)


def test_labels_among_the_noise_of_a_refusal_are_no_answer():
    with pytest.raises(ParseFailure):
        label_probabilities_in(
            places({"I": 0.99, "B": 1e-5, "A": 1e-6}, {" cannot": 0.9, " A": 0.05}), ("A", "B")
        )


@pytest.mark.parametrize(
    "text", ["It is a tie.", "Neither is a good reply", "A good answer is missing.", "Text A is not better."]
)
def test_the_article_is_no_label(text):
    with pytest.raises(ParseFailure):
        parse_label(text, ("A", "B"))


@pytest.mark.parametrize("text", ["0.9", "I rate it 0.5", "-3", "Answer: 1.5", "3 of 10 people"])
def test_a_part_of_a_number_is_no_rating(text):
    with pytest.raises(ParseFailure):
        parse_label(text, [str(n) for n in range(1, 11)])
