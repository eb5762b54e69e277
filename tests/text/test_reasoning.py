import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefgen.text.model_marks import REASONING_MARKS, REASONING_TAGS
from prefgen.text.reasoning import split_reasoning

BLOCKS = [*((f"<{tag}>", f"</{tag}>") for tag in REASONING_TAGS), *REASONING_MARKS]
HARMONY = (
    "<|channel|>analysis<|message|>We need a river.<|end|><|start|>assistant"
    "<|channel|>final<|message|>The Nile.<|return|>"
)


@pytest.mark.parametrize(("before", "after"), BLOCKS)
def test_every_family_of_marks_is_split(before, after):
    assert split_reasoning(f"{before}\nA river. The Nile?\n{after}\n\nThe Nile.") == (
        "A river. The Nile?",
        "The Nile.",
    )


@pytest.mark.parametrize("after", [after for before, after in BLOCKS if not before[0].isalpha()])
def test_a_closing_mark_counts_where_the_prompt_held_the_opening_one(after):
    assert split_reasoning(f"A river. The Nile?\n{after}\n\nThe Nile.") == ("A river. The Nile?", "The Nile.")
    assert split_reasoning(f"{after}\n\nThe Nile.") == ("", "The Nile.")


@pytest.mark.parametrize(
    ("text", "reasoning", "answer"),
    [
        (HARMONY, "We need a river.", "The Nile."),
        (HARMONY.replace("<|return|>", ""), "We need a river.", "The Nile."),
        (f"<|start|>assistant{HARMONY}", "We need a river.", "The Nile."),
        ("<|channel|>final<|message|>The Nile.", "", "The Nile."),
        ("<|channel|>analysis<|message|>We need a river", "We need a river", ""),
        ("analysisWe need a river.assistantfinalThe Nile.", "We need a river.", "The Nile."),
        ("<|im_start|>assistant\n<think>hm</think>\n\nThe Nile.", "hm", "The Nile."),
        ("<s><think>hm</think>The Nile.", "hm", "The Nile."),
        ("<THINK>hm</THINK> The Nile.", "hm", "The Nile."),
        ("<think>one</think>\n<think>two</think>\nThe Nile.", "one\n\ntwo", "The Nile."),
        ("<think>hm</think>\n<answer>The Nile.</answer>", "hm", "The Nile."),
        ("Let me answer.</think>The Nile.", "Let me answer.", "The Nile."),
        ('A river.\n</think>{"rating": 4}', "A river.", '{"rating": 4}'),
        ("想一想。</think>尼罗河。", "想一想。", "尼罗河。"),
        ("<think>It ends at </think> here. Done.</think>\n\nB", "It ends at </think> here. Done.", "B"),
        ("<think>never closed", "never closed", ""),
        ("Hm.<|end|><|start|>assistant<|channel|>final<|message|>Roses.", "Hm.", "Roses."),
        ("analysis<|message|>hm<|end|><|start|>assistant<|channel|>final<|message|>Hello", "hm", "Hello"),
        ("commentary<|message|>x", "x", ""),
        ("I should greet</think>Hello!", "I should greet", "Hello!"),
        ("I'll answer 4</think>\n\n4", "I'll answer 4", "4"),
        ("<think>a.</think>\nIt closes by:\n</think>\nSo.", "a.", "It closes by:\n</think>\nSo."),
        ("<|channel|>final<|message|>It ends with <|end|> so.<|return|>", "", "It ends with <|end|> so."),
        ("analysisthe user asks.assistantfinalHello", "the user asks.", "Hello"),
        ("<think>an open ```python\n</think>\n\nDone.", "an open ```python", "Done."),
        ("<thinking><thinking>inner</thinking>outer", "<thinking>inner</thinking>outer", ""),
    ],
)
def test_only_what_follows_the_last_thought_is_the_answer(text, reasoning, answer):
    assert split_reasoning(text) == (reasoning, answer)


@pytest.mark.parametrize(
    "text",
    [
        "The Nile.",
        "Usually in <think> and </think>.",
        "The closing tag is </think> in Qwen.",
        "<think> and </think> are the tags.",
        "Use `<think>draft</think>` as the example.",
        "Write:\n\n```\nhm\n</think>\nB\n```",
        "analysis of the poem: final",
        "Here is my response: yes.",
        "a </b> c",
        "re.sub(r'<think>.*?</think>', '', text)",
        "Use text.split('</think>')[-1] to take the answer.",
        'First, "<think>" opens. Second, "</think>" closes.',
        "The model writes **</think>** and then the answer.",
        "It is written as: </think>\nAfter it, the answer.",
        "Opening: <think>\nClosing: </think>\nThat is it.",
        "<thinking> tags help the model. Close them with </thinking>. Then answer.",
        "<think> is the tag that opens reasoning.",
        "<|channel|> is the token that names a channel in harmony.",
        "Here is my thought process: I'd start with X, then Y.",
    ],
)
def test_marks_that_are_spoken_about_split_nothing(text):
    assert split_reasoning(text) == (None, text)


PIECES = st.sampled_from(
    [mark for block in BLOCKS for mark in block]
    + [
        "The Nile.",
        " ",
        "\n",
        "and",
        "`",
        "```",
        "<|channel|>",
        "final",
        "<|message|>",
        "assistant",
        "analysis",
    ]
)


@given(st.lists(PIECES, max_size=12).map("".join))
def test_any_text_is_split_into_parts_of_itself(text):
    reasoning, answer = split_reasoning(text)

    assert answer.strip() in text
    assert (reasoning is None) <= (answer == text)


@given(
    st.sampled_from([block for block in BLOCKS if not block[0][0].isalpha()]),
    st.text("abc .\n", max_size=30),
    st.text("xyz .\n", min_size=1, max_size=30).map(str.lstrip).filter(str.strip),
)
def test_thoughts_never_reach_the_answer(block, thought, answer):
    before, after = block

    assert split_reasoning(f"{before}{thought}{after}\n\n{answer}") == (thought.strip(), answer.lstrip())


@pytest.mark.parametrize(
    "text",
    [
        "There are three parts: the reasoning, the closing tag\n\n</think>\n\nand the answer.",
        "def strip(text):\n    # drop everything up to </think>\n    return text.partition('x')[2]",
        "<reasoning>\n  <step>1</step>\n</reasoning>\n\nEach step is an element.",
    ],
)
def test_what_speaks_of_reasoning_or_is_an_element_holds_none(text):
    assert split_reasoning(text) == (None, text)


def test_an_answer_that_is_xml_keeps_its_root():
    answer = "<response>\n  <status>ok</status>\n</response>"
    assert split_reasoning(f"<think>ok</think>\n{answer}") == ("ok", answer)


def test_marks_of_answers_are_read_in_any_case():
    assert split_reasoning("<Thought>hm</Thought><Output>The Nile.</Output>") == ("hm", "The Nile.")


def test_a_final_response_that_is_announced_in_words():
    text = "Here are my reasoning steps:\nIt is long.\n[BEGIN FINAL RESPONSE]\nThe Nile."
    assert split_reasoning(text) == ("It is long.", "The Nile.")
