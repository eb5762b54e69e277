"""What makes the log-probabilities of a label doubtful: what stands beside it, and numbers that are none.
(prefgen/kit/label_tokens.py)
"""

import math

import pytest

from prefgen.kit.label_tokens import label_probabilities_in
from prefgen.kit.parse_failure import ParseFailure
from prefgen.types import Reply, TokenChoice, TokenLogprob

RATINGS = [str(number) for number in range(1, 11)]


def replied(*tokens, finish_reason="stop"):
    places = tuple(
        TokenLogprob(token=t, logprob=-0.01, top=(TokenChoice(token=t, logprob=math.log(0.99)),))
        for t in tokens
    )
    return Reply(text="".join(tokens), logprobs=places, finish_reason=finish_reason)


def of_one(token, logprob, **top):
    choices = tuple(TokenChoice(token=other, logprob=value) for other, value in top.items())
    return Reply(text=token, logprobs=(TokenLogprob(token=token, logprob=logprob, top=choices),))


def test_the_written_token_is_one_of_its_own_alternatives():
    reply = of_one("A", math.log(0.9), B=math.log(0.05), C=math.log(0.01))

    assert label_probabilities_in(reply, ("A", "B")) == pytest.approx([0.9 / 0.95, 0.05 / 0.95])


@pytest.mark.parametrize(
    "tokens",
    [
        ("A", "\n", "B"),
        ("A", "\n\n", "Wait", ", B is better."),
        ("A", "\n\n", "B", " is better."),
        ("(A)", "\n", "pros: x\n(B)\npros: y"),
        ("A", "ĊĊ", "B"),
        ("A", "\n\n", "Sorry", ", the other one."),
        ("A", "\n", '{"winner": "B"}'),
    ],
)
@pytest.mark.parametrize("finish_reason", ["stop", "length"])
def test_a_label_with_another_verdict_in_the_lines_that_follow_is_unread(tokens, finish_reason):
    with pytest.raises(ParseFailure):
        label_probabilities_in(replied(*tokens, finish_reason=finish_reason), ("A", "B"))


@pytest.mark.parametrize(
    "tokens",
    [(".", "8"), ("#", "1"), (".8",), (" #", "1"), ("(", ".", "8", ")"), ("Rating: ", ".", "8"), (" .8",)],
)
def test_a_mark_that_changes_a_number_leads_up_to_no_rating(tokens):
    with pytest.raises(ParseFailure):
        label_probabilities_in(replied(*tokens), RATINGS)


@pytest.mark.parametrize(
    "tokens",
    [("8", "/", "10"), ("8", "/", "1", "0"), ("8", " out", " of", " 10"), ("Rating", ":", " 8", "/10", ".")],
)
def test_a_rating_out_of_the_highest_is_read(tokens):
    probabilities = label_probabilities_in(replied(*tokens), RATINGS)

    assert probabilities and probabilities[7] > 0.9


@pytest.mark.parametrize(
    "tokens", [("8", "/", "100"), ("8", "/", "5"), ("8", " of", " 12"), ("8", "/", "10", ".5"), ("4", "/")]
)
def test_a_rating_out_of_something_else_is_unread(tokens):
    with pytest.raises(ParseFailure):
        label_probabilities_in(replied(*tokens), RATINGS)


def test_a_ratio_that_was_cut_may_go_on():
    with pytest.raises(ParseFailure):
        label_probabilities_in(replied("8", "/", "10", finish_reason="length"), RATINGS)


@pytest.mark.parametrize(
    "reply",
    [
        of_one("A", -9999.0, A=-9999.0, B=-9999.0),
        of_one("A", math.nan, A=math.nan, B=math.nan),
        of_one("A", -9999.0),
        of_one("A", -0.1, A=-0.1, B=800.0),
        of_one("A", -0.1, A=-0.1, B=math.inf),
        of_one("A", 800.0),
        of_one("A", 0.0, A=0.0, B=0.0),
        of_one("A", -0.1, A=-0.1, B=math.nan),
        of_one("A", -math.inf, B=-0.1),
    ],
)
def test_numbers_that_are_no_log_probabilities_are_unread(reply):
    with pytest.raises(ParseFailure):
        label_probabilities_in(reply, ("A", "B"))


def test_a_rounding_above_zero_counts_as_zero():
    first, _ = label_probabilities_in(of_one("A", 1e-4, A=1e-4, B=-20.0), ("A", "B")) or (0, 0)

    assert first == pytest.approx(1.0, abs=1e-6)
