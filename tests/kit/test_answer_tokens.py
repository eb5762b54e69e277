"""Which tokens of a reply spell its answer, and that log-probabilities of others are not read.
(prefgen/kit/answer_tokens.py, label_tokens.py)
"""

import math
import time

import pytest

from prefgen.kit.answer_tokens import answer_tokens
from prefgen.kit.label_tokens import label_probabilities_in
from prefgen.types import Reply, TokenChoice, TokenLogprob


def replied(text: str, *tokens: str) -> Reply:
    """A reply whose tokens are sure of themselves; A and B have each other beside them."""
    places = []
    for token in tokens:
        other = {"A": "B", "B": "A"}.get(token.strip(" ▁Ġ"))
        top = [TokenChoice(token=token, logprob=math.log(0.9))]
        top += [TokenChoice(token=other, logprob=math.log(0.1))] if other else []
        places.append(TokenLogprob(token=token, logprob=math.log(0.9), top=tuple(top)))
    return Reply(text=text, logprobs=tuple(places), finish_reason="stop")


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("B", ["A"]),
        ("B", ["B", "A"]),
        ("A", ["B", "A"]),
        ("B", ["A", "<|im_end|>"]),
        ("B", ["<think>", "A", "</think>"]),
        ("A", ["<think>", "A"]),  # of a thought that is not closed
        ("A", ["hm", ",", " A"]),
        ("Answer: B", ["Answer", ":", " A"]),
        ("AB", ["A"]),
        ("A", ["token_id:32"]),
        ("A", ["<|channel|>", "analysis", "<|message|>", "A"]),
        ("Text A is better", ["Text", " B", " is", " better"]),
        ("A", [""]),
        ("B", ["<", "A", ">", "B"]),
        ("A", ["</think>A"]),  # one token that is both
        ("A <B>", ["A"]),
    ],
)
def test_tokens_that_are_not_the_text_are_not_read(text, tokens):
    assert label_probabilities_in(replied(text, *tokens), ("A", "B")) is None


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("B", ["B"]),
        (" B\n", ["B"]),
        ("B", [" B", "\n"]),
        ("B", ["ĠB", "Ċ"]),
        ("B", ["▁", "B", "<0x0A>", "</s>"]),
        ("Text B", ["Text", "B"]),  # each token shown without the blank before it
        ("Answer: B", ["▁Answer", ":", "▁B", "<｜end▁of▁sentence｜>"]),
        ("B", ["B", "<|im_end|>"]),
        ("B</s>", ["B", "</s>"]),
        ("B", ["<think>", "\n\n", "</think>", "\n\n", "B"]),
        ("B", ["hm", ": A", "</think>", "\n\n", "B", "<|im_end|>"]),
        ("B", ["</", "THINK", ">", "B"]),
        ("B", ["[THINK]", "A", "[/THINK]", "B"]),
        ("B", ["<|channel|>", "final", "<|message|>", "B", "<|return|>"]),
        ("B", ["<|channel|>", "analysis", "<|message|>", "A", "<|end|>", "<|start|>", "assistant",
               "<|channel|>", "final", "<|message|>", "B"]),
    ],
)  # fmt: skip
def test_thoughts_before_the_text_and_ends_after_it_are_stepped_over(text, tokens):
    assert label_probabilities_in(replied(text, *tokens), ("A", "B")) == pytest.approx([0.1, 0.9])


def test_the_tokens_of_an_answer_begin_after_the_thought_and_hold_its_end():
    reply = replied("10", "<think>", "</think>", "1", "0", "</s>")
    assert [place.token for place in answer_tokens(reply)] == ["1", "0", "</s>"]
    assert answer_tokens(Reply(text="A")) == ()


def test_long_texts_of_marks_take_no_time():
    start = time.monotonic()
    answer_tokens(replied("A", "A", *["<a>", "<", ">"] * 3000))
    assert time.monotonic() - start < 1.0
