"""Where a label is a verdict, and where it begins a list or a heading. (prefgen/kit/label_tokens.py)"""

import math

import pytest

from prefgen.kit.label_tokens import label_probabilities_in
from prefgen.kit.parse_failure import ParseFailure
from prefgen.kit.reply_labels import label_in_text
from prefgen.types import Reply, TokenChoice, TokenLogprob


def replied(*tokens, finish_reason="length"):
    places = tuple(
        TokenLogprob(token=t, logprob=-0.01, top=(TokenChoice(token=t, logprob=math.log(0.99)),))
        for t in tokens
    )
    return Reply(text="".join(tokens), logprobs=places, finish_reason=finish_reason)


@pytest.mark.parametrize(
    "tokens",
    [
        ("1", ".", " Text", " 2"),
        ("1", ")", " Text", " 2"),
        ("A", ".", " B", " is"),
        ("A", ")", " or", " B"),
        ("###", " Text", " A", "\n", "It"),
        ("Response", " A", "\n", " strengths"),
        ("**", "Text", " A", "**", "\n", "- good"),
        ("A", "**", ":", " weak"),
    ],
)
def test_a_label_that_begins_something_else_is_unread(tokens):
    with pytest.raises(ParseFailure):
        label_probabilities_in(replied(*tokens), ("1", "2") if tokens[0] == "1" else ("A", "B"))


@pytest.mark.parametrize(
    "tokens",
    [("A",), (" A", "\n"), ("Answer", ":", " A"), ("A", "."), ("A", "\n\n", "It", " is"), ("A", "<eos>")],
)
def test_a_label_that_is_all_of_its_line_is_read(tokens):
    first, _ = label_probabilities_in(replied(*tokens, finish_reason="stop"), ("A", "B")) or (0, 0)

    assert first > 0.9


@pytest.mark.parametrize(
    "tokens",
    [
        ("Rating", ":", " ", "1"),
        ("The", " rating", " is", " 1"),
        ("**", "Rating", " (", "1"),
        ("**", "Text", " 1", "**"),
        ("###", " Text", " 1", "\n"),
        ("1", "."),
        ("1",),
    ],
)
def test_a_rating_at_the_end_of_a_cut_reply_may_go_on(tokens):
    with pytest.raises(ParseFailure):
        label_probabilities_in(replied(*tokens), [str(n) for n in range(1, 11)])


@pytest.mark.parametrize(
    "tokens",
    [
        ("**", "Text", " A", "**"),
        ("###", " Text", " A", "\n\n"),
        ("Text", " A", "\n"),
        ("The", " text", " is", " a"),
        ("Answer", ":", " A"),
    ],
)
def test_a_label_at_the_end_of_a_cut_reply_may_begin_something(tokens):
    with pytest.raises(ParseFailure):
        label_probabilities_in(replied(*tokens), ("A", "B"))


@pytest.mark.parametrize(
    "tokens", [("A",), (" A", "\n"), ("A", "\n\n", "It", " is"), ("**", "A", "**", "\n")]
)
def test_a_label_that_stands_first_in_a_cut_reply_is_read(tokens):
    first, _ = label_probabilities_in(replied(*tokens), ("A", "B")) or (0, 0)

    assert first > 0.9


@pytest.mark.parametrize(
    "text",
    [
        "Answer: A\n\nThis text is worse.",
        "The first text is better.\n\nAnswer: B",
        "The second text is better.\n\nAnswer: A",
        '{"A": 3, "B": 9, "winner": "A"}',
    ],
)
def test_a_reply_that_says_two_things_is_unread(text):
    with pytest.raises(ParseFailure):
        label_in_text(text, ("A", "B"))
