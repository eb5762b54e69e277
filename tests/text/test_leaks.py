import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefgen.text.leaks import Leaked, find_leak, without_leaks
from prefgen.text.model_marks import CALL_TOKENS, END_TOKENS, TURN_TOKENS

ANSWER = "The Nile."
WORD_TOKENS = (
    "<|im_end|>",
    "<|eot_id|>",
    "<|end_of_text|>",
    "<|return|>",
    "<|END_OF_TURN_TOKEN|>",
    "<|observation|>",
)


@pytest.mark.parametrize("token", [*END_TOKENS, *WORD_TOKENS])
def test_an_end_token_is_taken_out(token):
    assert without_leaks(f"{ANSWER}{token}") == ANSWER
    assert without_leaks(f"{ANSWER}\n{token}\n{token}\n") == ANSWER


@pytest.mark.parametrize("token", [t for t in TURN_TOKENS if t not in ("<s>", "[gMASK]")])
def test_what_follows_an_end_token_is_another_turn(token):
    text = f"{ANSWER}<|im_end|>\n{token}user\nAnd a lake?"
    if re.search(
        r"assistant|bot|\|ai\|", token, re.IGNORECASE
    ):  # or what stands before is thought, and this the answer
        with pytest.raises(Leaked):
            without_leaks(text)
    else:
        assert without_leaks(text) == ANSWER


@pytest.mark.parametrize(
    "text",
    [
        "<|im_start|>assistant\nThe Nile.",
        "<|start_header_id|>assistant<|end_header_id|>\n\nThe Nile.<|eot_id|>",
        "<bos><start_of_turn>model\nThe Nile.<end_of_turn>\n<start_of_turn>user\nAnd a lake?",
        "assistant\n\nThe Nile.",
        "[/INST] The Nile.</s><s>[INST] And a lake? [/INST] Victoria.</s>",
        "<s> The Nile.",
        "The Nile.<|endoftext|>The following is another document.",
        "The Nile.<|EOT|>\n<|EOT|>\n<|EOT|>",
        "The Nile. </s>",
        "The Nile.&lt;|im_end|&gt;",
        "The Nile.<|im_end|",
        "The Nile.</s",
        "assistant<|end_header_id|>\n\nThe Nile.",
        "<s> The Nile.</s>",
    ],
)
def test_the_answer_ends_where_the_model_ended_its_turn(text):
    assert without_leaks(text) == ANSWER


@pytest.mark.parametrize("call", CALL_TOKENS)
def test_a_call_of_a_tool_that_nobody_read_is_no_answer(call):
    with pytest.raises(Leaked):
        without_leaks(f'{ANSWER}\n{call}{{"name": "f"}}')


@pytest.mark.parametrize(
    "text",
    [
        "The Nile.\nuser\nAnd a lake?\nassistant\nLake Victoria.",
        "The Nile.\n\nHuman: And a lake?\n\nAssistant: Victoria.",
        "The Nile.\n\nHuman: And a lake?",
        "The Nile.\n### Human: And a lake?\n### Assistant: Victoria.",
        "The Nile.\nUSER: And a lake?\nASSISTANT: Victoria.",
        "<s> [INST] A river? [/INST] The Nile.</s>",
        "Sure! <think>\nI should\n</think>\nThe Nile.",
        "The Nile. <think>Is it?</think> Yes.",
        "It goes like this: doc1<|endoftext|>doc2<|endoftext|>doc3.",
        "Dear Bob,\n\nThanks,\n<|im_end|>",
        'Let me search for that:\n\n<tool_call>\n{"name": "search"}\n</tool_call>',
        "The Nile.\n\n### Instruction:\nWrite a poem\n\n### Response:\nRoses",
        "The Nile!\nassistant\n\nIt is long.",
        "The Nile. [INST] More? [/INST] Sure.",
        "The Nile.assistant\n\nThe Nile is a river.",
        "The Nile <|im_end|>",
        "The Nile.\n\n<think>Is it?</think>\nYes.",
        "[INST] name one [/INST]",
        "The Nile.\n<|im_end|>\nAnd more.",
        "The user asks for a river.<|im_end|>\n<|im_start|>assistant\nThe Nile.",
        "<|think|>\nIt is long.\n<|/think|>\n\nThe Nile.",
        "It is long.<|think_end|>\n\nThe Nile.",
        "The Nile. USER: And a lake? ASSISTANT: Victoria.",
        "The Nile.\nuser: And a lake?\nassistant: Victoria.",
        "The Nile.\n\n### User\nAnd a lake?\n\n### Assistant\nVictoria.",
        "The Nile.\n用户：And a lake?\n助手：Victoria.",
        "The Nile.\n<user>And a lake?</user>\n<assistant>Victoria.</assistant>",
        "Hello!<|im_end|>\n\nThat means the end.",
    ],
)
def test_where_it_is_not_certain_what_the_answer_is_there_is_none(text):
    with pytest.raises(Leaked):
        without_leaks(text)


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("Use the s element: <s>old price</s>.", ""),
        ('<s class="old">9</s> 7', ""),
        ("A warm film with a fine cast.\n\nRating: 5", ""),
        ("Usually in <think> and </think>.", ""),
        ("The user's text stands between [INST] and [/INST].", ""),
        ("[INST] and [/INST] surround the user's text.", ""),
        ("</s> is the end token of Llama 2.", ""),
        ("Each turn ends with <|im_end|> and begins with <|im_start|>.", ""),
        ("It looks so:\n\n```\n<|im_start|>user\nHi<|im_end|>\n```", ""),
        ("End it with `<|eot_id|>`", ""),
        ('The tokens are "<|im_start|>" and "<|im_end|>"', ""),
        ("The tokens are:\n<|im_start|>\n<|im_end|>", ""),
        ("It is called <|im_end|>", "Which token ends a turn?"),
        ("It is called <|im_end|>", "What does <|im_end|> do?"),
        ("- <|im_end|>: ends a turn\n- <|im_start|>: begins one", ""),
        ("The <tool_call> tag marks calls.", ""),
        ("Here is one:\n\nUser: Hi.\nAssistant: Hello.", ""),
        ("User: Hi.\nAssistant: Hello.", ""),
        ("A short one.\n\nUser: Hi.\nAssistant: Hello.", "Write a dialogue of a user and an assistant."),
        ("Use these values.\n\nUser: root\nHost: db", ""),
        ("The roles are\nuser\nassistant", ""),
        ("f <| x |> g", ""),
        ('Documents are separated by "<|endoftext|>". It also begins a text.', ""),
        ("<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\nHello<|im_end|>", "Write a ChatML example."),
        ('x = f"{text}<|im_end|>"', ""),
        ('prompt = f"[INST] {q} [/INST]"\nprint(prompt)', ""),
        ("    text = 'Hi<|im_end|>'\n    print(text)", ""),
        ("~~~\nHi<|im_end|>\n~~~\nDone.", ""),
        ("Use &lt;s&gt;old&lt;/s&gt;", ""),
        ("He said **</s>** is the end", ""),
        ("1. <end_of_turn>\n2. <|im_end|>", ""),
        ("<bos> has one meaning.", ""),
        ("assistant\nassociate\nhelper", "What is another word for aide?"),
        ("Put it in tags:\n\n<thinking>\nStep by step.\n</thinking>\n\nThen answer.", ""),
        ("<end_of_turn>", "What ends a turn in Gemma?"),
        ("<tool_call> tags wrap JSON.", ""),
        ("INT. LAB\n\nHuman: Hi.\n\nAI: Hello.", "Write a short play about a robot."),
        ("Vec<Option<T>> and x < y > z [1]", ""),
    ],
)
def test_what_is_spoken_about_is_no_leak(text, asked):
    assert find_leak(text, asked) is None
    assert without_leaks(text, asked) == text


def test_reasoning_that_a_row_declares_is_no_leak():
    assert find_leak("<think>hm</think> Yes.", keeps_reasoning=True) is None
    assert find_leak("<think>hm</think> Yes.") is not None


PIECES = st.sampled_from(
    [
        *END_TOKENS,
        *TURN_TOKENS,
        *CALL_TOKENS,
        *WORD_TOKENS,
        "<think>",
        "</think>",
        "user",
        "assistant",
        "Human:",
        *("The Nile.", "and", " ", "\n", "\n\n", "`", '"', ":", "."),
    ]
)


@given(st.lists(PIECES, max_size=12).map("".join))
def test_what_is_left_of_any_text_holds_no_leak(text):
    try:
        answer = without_leaks(text)
    except Leaked:
        return

    assert answer in text
    assert find_leak(answer) is None


@given(
    st.text("abcdef \n", min_size=1, max_size=40).filter(str.strip).map(lambda words: f"{words.strip()}."),
    st.lists(st.sampled_from([*END_TOKENS, *WORD_TOKENS]), min_size=1, max_size=3).map("".join),
    st.sampled_from(
        ["", "\n", "\n<|im_start|>user\nAnd more?", "<|start_header_id|>user<|end_header_id|>\n\nMore"]
    ),
)
def test_an_answer_comes_out_as_it_was(answer, tokens, more):
    assert without_leaks(f"{answer}{tokens}{more}") == answer


@pytest.mark.parametrize("mark", ["Assistant: ", "ASSISTANT: ", "### Assistant: ", "### Response:\n"])
def test_the_name_of_who_answers_is_taken_off(mark):
    assert without_leaks(f"{mark}The Nile.") == "The Nile."


EXAMPLES = [
    "In this shape:\n\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\nHi!<|im_end|>\n\nThen train.",
    "So:\n\n<|begin_of_text|><|start_header_id|>user<|end_header_id|>\n\nHi<|eot_id|>\n\n2. Train it.",
    "BERT makes it: hello world [SEP] [PAD] [PAD]",
    "User: id, name\nModel: id, price",
    "Instruction: name a river.\nResponse: ____",
]


@pytest.mark.parametrize("text", EXAMPLES)
def test_an_example_of_a_template_is_left_as_it_is(text):
    assert without_leaks(text) == text
