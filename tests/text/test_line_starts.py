"""Tokens that begin a line, and names that are left of tokens at the start of a text."""

import pytest

from prefgen.text.leaks import Leaked, find_leak, without_leaks

LEFT = [
    "The Nile.\n<|eot_id|> More",
    "The Nile.\n\n<|endoftext|>def f(): pass",
    "The Nile.\n<|assistant|> More.",
    "The Nile.\n<|im_start|>assistant More.",
    "The Nile.\n\n<start_of_turn>model More.",
    "The Nile.\n\n<|channel|>final<|message|>Lake Victoria",
    "The Nile.\n\n<|channel|>analysis",
    "**The Nile**\n</s>Unrelated.",
    "thought\nThe user asks for a river.\nThe Nile.",
    "model\nThe Nile.",
    "\nthought\n\nThe Nile.",
]
SPOKEN = [
    ("Two matter.\n<|im_end|> ends a turn.", ""),
    ("Two matter.\n<|im_end|>, the first, ends a turn.", ""),
    ("The stop token is\n<|im_end|> here.", ""),
    ("Set it so.\n<|endoftext|> = 5", ""),
    ("Two matter.\n\n<|eot_id|> – the end\n<|eom_id|> – a call", ""),
    ("Two matter.\n<|eot_id|> comes last.", "Which special tokens matter?"),
    ("A table.\n\n| a | b |\n| <|eot_id|> | end |", ""),
    ("```\nx\n<|eot_id|> y\n```", ""),
    ("thoughtful\nmodels", ""),
    ("Model\nA car of a kind.", ""),
    ("thought", ""),
    ("model\nsystem", "Name two words like model and system."),
]


@pytest.mark.parametrize("text", LEFT)
def test_what_begins_a_line_behind_a_whole_text_is_a_doubt(text):
    with pytest.raises(Leaked):
        without_leaks(text, "Name a river.")


@pytest.mark.parametrize(("text", "asked"), SPOKEN)
def test_what_a_sentence_speaks_of_stays(text, asked):
    assert find_leak(text, asked) is None
