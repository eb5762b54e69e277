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


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("assistant\n\nThat is what it is called.", "What is the default role name?"),
        ("assistant\n\nIt comes from Latin.", "What is a word for aide?"),
        ("assistant\n\nIt helps.", "What does an assistant do?"),
        ("<assistant>\nThe Nile.\n</assistant>", "Name a river."),
        ("The Nile.\n<user>And a lake?</user>", "Name a river."),
        ("The Nile.\n\n<human>And a lake?</human>\n<assistant>", "Name a river."),
        ("The Nile.\n</user>", "Name a river."),
    ],
)
def test_a_role_that_may_be_the_answer_or_was_left_there_is_a_doubt(text, asked):
    with pytest.raises(Leaked):
        without_leaks(text, asked)


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("<users>\n<user>Bob</user>\n</users>", "Write XML."),
        ("So:\n<user>Bob</user>", "Write XML."),
        ("The list.\n<user>Bob</user>", "Wrap each in <user> tags."),
    ],
)
def test_elements_with_the_names_of_roles_stay(text, asked):
    assert find_leak(text, asked) is None
