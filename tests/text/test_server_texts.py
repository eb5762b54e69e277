"""Texts as servers send them: which part is the answer, and where nobody can say. (prefgen/text/reasoning.py,
leaks.py, and what they are made of)
"""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefgen.text import leaks, named_turns, reasoning
from prefgen.text.leaks import Leaked, find_leak, without_leaks
from prefgen.text.model_marks import CALL_TOKENS, END_TOKENS, TURN_TOKENS, WORD_MARKS
from prefgen.text.reasoning import split_reasoning
from prefgen.text.spoken_marks import without_code

ASKED = "Name a river."


def answer_of(text: str, asked: str = ASKED) -> str | None:
    """The answer of a server's text, or None."""
    try:
        answer = without_leaks(split_reasoning(text)[1], asked)
    except Leaked:
        return None
    return answer if answer.strip() else None


ANSWERED = [
    ("Simple.\n</think>\n\nimport os", "import os"),
    ("Okay.\n</think>\n\nthe nile", "the nile"),
    ("Hm.\n</think>\n\ndef f(x):", "def f(x):"),
    ("So here's the response:\n</think>\n\nThe Nile.", "The Nile."),
    ("Final answer:\n</think>\n\n42", "42"),
    ("Let me write, \n</think>\n\nThe Nile.", "The Nile."),
    ('I say "The Nile."</think>\n\nThe Nile.', "The Nile."),
    ("I say **The Nile**</think>\n\nThe Nile.", "The Nile."),
    ("Okay—</think>The Nile.", "The Nile."),
    ("Okay.</think>**The Nile**", "**The Nile**"),
    ('</think>"The Nile."', '"The Nile."'),
    ("</think>*x*", "*x*"),
    ("</think>| a | b |", "| a | b |"),
    ("</think>.gitignore", ".gitignore"),
    (
        "Draft:\n```python\nprint(1)\n</think>\n\nHere it is:\n\n```python\nprint(1)\n```\n",
        "Here it is:\n\n```python\nprint(1)\n```\n",
    ),
    (
        "The user wants <think> tags explained. I'll do it.\n</think>\n\nThey open thoughts.",
        "They open thoughts.",
    ),
    ("assistantfinalThe Nile.", "The Nile."),
    ("The user wants a river.\n\n[BEGIN FINAL RESPONSE]\nThe Nile.", "The Nile."),
    (
        "The user wants a river.\n\n[BEGIN FINAL RESPONSE]\nThe Nile.\n[END FINAL RESPONSE]\n<|end|>",
        "The Nile.",
    ),
    ("Here is my thought process:\nhm.\nHere's my response:\nThe Nile.", "The Nile."),
    ("Here's my thought process:\nhm.\nHere is my response:\nThe Nile.", "The Nile."),
    ("**Here is my thought process:**\nhm.\n**Here is my response:**\nThe Nile.", "The Nile."),
    ('"The Nile"<|im_end|>', '"The Nile"'),
    ("'The Nile'</s>", "'The Nile'"),
    ("The Nile,<|im_end|>", "The Nile,"),
    ("尼罗河：<|im_end|>", "尼罗河："),
    ("$x$<|im_end|>", "$x$"),
    ("It is 5%<|im_end|>", "It is 5%"),
    ("👍<|im_end|>", "👍"),
    ("| a | b |<|im_end|>", "| a | b |"),
    ("The Nile.<extra_id_1>User\nAnd a lake?", "The Nile."),
    ("The Nile.<role>HUMAN</role>And a lake?", "The Nile."),
    ("The Nile.<reserved_106>A lake?<reserved_107>Victoria", "The Nile."),
    ("<think>hm</think>\n\n    code first\n    more", "    code first\n    more"),
    ("<|channel|>final<|message|>    code", "    code"),
    ("<think>hm</think><answer>The Nile.</answer><|im_end|>", "The Nile."),
    ("<think>hm</think>assistant\nThe Nile.", "The Nile."),
    ("<think>hm</think> He walked on.", "He walked on."),
    ("<thinking>2+2=4</thinking> The answer is 4.", "The answer is 4."),
    ("<reasoning>Two pairs.</reasoning> **4**", "**4**"),
    ("<thinking>hm</thinking> 4", "4"),
    ("<Thinking>hm</Thinking> 四", "四"),
    ('<reasoning>hm</reasoning> "The Nile."', '"The Nile."'),
    ("<thinking>hm</thinking>The Nile.", "The Nile."),
    ("<thinking>\nhm\n</thinking> The Nile.", "The Nile."),
    ("<thought>hm</thought>\nhe walked on.", "he walked on."),
    ("<mm:think>hm</mm:think> The Nile.", "The Nile."),
    ("<think>hm</think>It stands in <answer>x</answer>", "It stands in <answer>x</answer>"),
    ("<think>hm</think>So:\n<answer>x</answer>", "So:\n<answer>x</answer>"),
]

UNREAD = [
    "I'll say it. </think> the nile",
    'Okay.</think>"The Nile."',
    "So the answer is 4 </think> 4",
    "Okay </think> So it's X",
    "Okay. 👍 </think> The Nile.",
    "42<think>check it: 6*7</think>",
    "Paris <think>Let me double check. Yes.</think>",
    "**The Nile** <think>…</think>",
    "Sure, <think>hm</think> The Nile.",
    "- The Nile <think>right?",
    "analysisThe user asks about rivers. We should answer briefly.",
    "assistantanalysisWe need a river.",
    "analysisWe need a river.final The Nile.",
    "analysisWe call it.assistantcommentaryto=functions.x json{}",
    "<|channel|>analysis\nhm\n<|channel|>final\nThe Nile.",
    "Here is my thought process: hm. Here is my response: The Nile.",
    "<|im_start|>think\nhm<|im_end|>\n<|im_start|>answer\nThe Nile.",
    "hm. So.<|im_end|>\n<|im_start|>answer\nThe Nile.",
    "hm. So.<end_of_turn>\n<start_of_turn>final\nThe Nile.",
    "<|start_header_id|>thought<|end_header_id|>\n\nhm",
    "<|im_start|>think\nThe Nile.",
    "<|im_start|>user\nName a river.",
    "Yes, <|eot_id|>",
    "1. Nile\n2. <|im_end|>",
    "The Nile.\n<|prompter|>A lake?<|assistant|>Victoria",
    "The Nile.\n<|user|> And a lake?",
    "user\nName a river.\nassistant\nThe Nile.",
    "Name a river.\n\n### Response:\nThe Nile.",
    "USER: Name a river. ASSISTANT: The Nile.",
    "Human: Name a river.\n\nAssistant: The Nile.",
    "user\nName a river.\nmodel\nThe Nile.",
    "[1, 2, 3] [EOS]",
    "<think>hm</think><answer>The Nile.",
    "*Thinking...*\n\n> The user wants a river.\n\nThe Nile.",
    '<details type="reasoning"><summary>Thought for 5 seconds</summary>> hm\n</details>\nThe Nile.',
    '<details style="color:gray;" open> <summary> Thinking... </summary>\nhm</details>The Nile.',
    "&lt;think&gt;\nhm\n&lt;/think&gt;\n\nThe Nile.",
    "<think/>\n\nThe Nile.",
    "<thinking_process>hm</thinking_process>The Nile.",
    "<|reasoning|>hm",
    "<think",
    "<thi",
    '[TOOL_REQUEST]{"name":"f"}[END_TOOL_REQUEST]',
    "<tool_use><name>f</name></tool_use>",
    "‹｜DSML｜function_calls>",
    "<｜DSML｜function_calls>",
    'functools[{"name":"f"}]',
    '<xai:function_call name="f">',
    "✿FUNCTION✿: search",
    "```tool_code\nf()\n```",
    "```tool_call\n{}\n```",
    "The Nile.<sep>",
    "The Nile.</assistant>",
    "The Nile.</response>",
    "<thought>Rain again.</thought> He walked on.",
    "<thought>I wonder</thought>, she mused.",
    "<thinking>Should I?</thinking> she typed, and sent the XML.",
    "<reasoning>A premise.</reasoning> is the tag that you need.",
    "<thinking>Should I?</thinking>, she typed.",
    "<thinking>Should I?</thinking> — and she typed.",
    "<reasoning>A premise.</reasoning> *is* the tag that you need.",
    "<reasoning>A premise.</reasoning> élan has it, too.",
    "<THOUGHTS>Rain.</THOUGHTS>and more rain.",
    "<think>hm</think><answer>The Nile.</answer> Extra.",
    "<think>hm</think>The Nile.<answer>The Nile.</answer>",
    "<think>hm</think>\n\nIt is long.\n<final_answer>The Nile.</final_answer>",
    "<|channel>final\nThe Nile.",
    "<tool_response>5</tool_response>The Nile.",
    "The river is <co: 0>long</co: 0>.",
    "ĠTheĠNile.",
    "ĠNASAĠlaunched",
    "ĠNile.Ġ",
    "ĠĠĠreturn",
    "It is long.ĠYes.",
    "In 1990.ĠYes.",
    "So says NASA.ĠYes.",
    "[IMG]<|im_end|>[/IMG]",
    "▁The▁Nile.",
    "search[ARGS]{}",
    "<s>The Nile.<0x0A>",
    "The Nile<0x0A>The Amazon",
    "It is the Nile <0xF0><0x9F>",
    "The Nile.[IMG]",
    "[IMG]The Nile.",
]
LOOK_LIKE_TOKENS = [
    "<|eop|>", "<|step|>", "<|repo_name|>", "<|mdm_mask|>", "<|MACHINE|>", "<|zz9|>", '<|"|>', "<|channel>",
    "<|zz>", "<zz|>", "<｜zz▁9｜>", "<0x0A>",
]  # fmt: skip
TOKENS_AS_TEXT = [
    "Use `<|zz|>` there.",
    "Dear <|name|>, we write to you.",
    'The text is "<|zz|>", quoted.',
    "It begins with <|zz|> and ends with <|yy|>.",
    "xs |> f <| ys",
    "a <|b|> c is an operator.",
    "<file|dir> is what it takes.",
    "Spark: ▁▂▃▅▇",
    "Ħal Ġwann and Ġorġ live there.",
    "Ġ.Ġ. huwa isem",
    "Ġ.Ġorġ Borg huwa kittieb.",
    "ĠORĠ BORG",
    "It is <0x0A>",
    "The byte (<0x0A>) ends a line.",
    "- <0x0A> ends a line\n- <0x0D> goes back",
    "[IMG]http://x.org/a.png[/IMG]",
    "It looks so. [IMG]http://x.org/a.png[/IMG]",
    "Usage: run [OPTIONS] [ARGS]",
    "```\n<|zz|>\n```",
    "| <a|b> | c |",
    "<b>x</b> <i>y</i> <a>z</a>",
    "Elixir: x |> f() |> g()",
    "<ψ|φ> is a product.",
]

UNREAD_SINCE_ASKED = [
    ("The end. [EOT]", "Write a telegram that ends with EOT"),
    ("Hello world.<eos>", "End your text with an end marker."),
    ("Assistant: noun. One who assists.", "Define the word 'assistant' as a dictionary does."),
    ("Assistant: Maria Lopez", "Who is listed as the director's assistant?"),
    ("### Response:\n200 OK", "Document the endpoint GET /x in markdown."),
    ("### Response:\nDear Sir", "Write a response to this letter."),
]

KEPT = [
    ("analysis paralysis means overthinking. My assistant finally decided.", "Name a river."),
    ("Sentence one. [EOS]\nSentence two. [EOS]", "Name a river."),
    ("1. The model thinks.\n2. It writes </think>\n3. It answers.", "Name a river."),
    ("Assistant: a person who helps.\n\nManager: a person who leads.", "Define assistant and manager."),
    ("It's <|eot_id|>", "What is Llama 3's stop marker?"),
    ("<|endoftext|>", "What is GPT-2's document separator?"),
    ("<eos>", "What is Gemma's end marker?"),
    ("</s>", "What is Llama 2's end marker?"),
    ("A rare word becomes <unk>", "How are rare words handled?"),
]

ENDS = [
    "[UNUSED_TOKEN_145]",
    "<reserved_106>",
    "<|extra_0|>",
    "<SPECIAL_12>",
    "<extra_id_1>",
    "</longcat_s>",
    "<tool_response|>",
    "<start_function_response>",
    "<end_of_sentence>",
    "<｜hy_place▁holder▁no▁2｜>",
    "<|plamo:op|>",
    "<_end>",
    "<|endoftext|>",
    "<|dummy_0|>",
    "<|eof|>",
    "<end_of_text>",
    "<eot_id>",
    "<im_end>",
    "</im_end>",
    "<EOD>",
    "<|im_",
    "[|Human|]",
    "<unused0>",
    "[control_8]",
]


@pytest.mark.parametrize(("text", "answer"), ANSWERED)
def test_the_answer_is_found(text, answer):
    assert answer_of(text) == answer


@pytest.mark.parametrize("text", UNREAD)
def test_a_text_of_which_nobody_knows_the_answer_is_unread(text):
    assert answer_of(text) is None


def test_a_closing_mark_in_what_may_be_code_cuts_nothing():
    assert answer_of("```\na\n</think>\n\nb\n```\n\nText\n```python\nx\n```") is None


@pytest.mark.parametrize(("text", "asked"), UNREAD_SINCE_ASKED)
def test_a_mark_that_may_have_been_asked_for_is_not_cut(text, asked):
    assert answer_of(text, asked) is None


@pytest.mark.parametrize(("text", "asked"), KEPT)
def test_what_is_part_of_the_answer_stays(text, asked):
    assert answer_of(text, asked) == text


@pytest.mark.parametrize("token", ENDS)
def test_tokens_of_every_shape_end_an_answer(token):
    assert answer_of(f"The Nile.{token}") == "The Nile."


@pytest.mark.parametrize("token", LOOK_LIKE_TOKENS)
def test_what_looks_like_a_token_is_found_and_never_cut(token):
    for text in (
        f"The Nile.{token}",
        f"{token}The Nile.",
        f"The Nile.\n{token}",
        f"The Nile. {token} It is.",
    ):
        assert answer_of(text) is None
    assert answer_of(f"It is {token}, so.", f"What is {token}?") == f"It is {token}, so."


@pytest.mark.parametrize("text", TOKENS_AS_TEXT)
def test_what_looks_like_a_token_may_be_text(text):
    assert answer_of(text) == text


@pytest.mark.parametrize("mark", WORD_MARKS)
def test_a_mark_that_people_write_as_a_word_is_found_and_never_cut(mark):
    assert answer_of(f"The Nile. {mark}") is None


@pytest.mark.parametrize(
    "piece",
    [
        "<think>hm\n</think>\n",
        "x\n</think>\n",
        "the <|im_end|> is x. ",
        "<|begin_of_box|>",
        "\n### User\nx",
        "<user>a</user> ",
        "assistant\n\n",
        "```",
        "`",
        "\n",
        "\n   ",
        " ",
    ],
)
@pytest.mark.parametrize("start", ["", "<think>", "The Nile.\n"])
def test_a_long_text_takes_no_time(piece, start):
    text, begun = start + piece * (100_000 // len(piece)), time.process_time()

    answer_of(text)

    assert time.process_time() - begun < 2  # ten times what it takes, since machines are busy


PIECES = st.sampled_from(
    [
        *(*END_TOKENS, *TURN_TOKENS, *CALL_TOKENS, *WORD_MARKS),
        *(
            "<think>",
            "</think>",
            "[THINK]",
            "[/THINK]",
            "[BEGIN FINAL RESPONSE]",
            "◁/think▷",
            "<unused95>",
            "&lt;think&gt;",
        ),
        *(
            "user",
            "assistant",
            "model",
            "Human:",
            "User: ",
            " AI: ",
            "### Response:",
            "**User**:",
            "用户：",
            "助手：",
        ),
        *("The Nile.", "Name a river.", "analysis", "assistantfinal", "Here is my thought process:"),
        *("***Here's my response:", "Here are my reasoning steps:", "Thinking...", "...done thinking."),
        *("*Thinking...*", "```tool_code", "```", "`", "and", " ", "\n", "\n\n", '"', ":", "."),
    ]
)


@given(st.lists(PIECES, max_size=10).map("".join))
def test_the_quick_looks_miss_nothing_that_the_long_ones_find(text):
    found = next(leaks._leaks(text, without_code(text), ASKED, keeps_reasoning=False), None)
    turn = named_turns.turn_of_somebody_else(text, "") or named_turns.echo_of(text, ASKED)

    assert found is None or leaks.may_leak(text)
    assert turn is None or named_turns.may_have_turns(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reasoning, "_may_hold_marks", lambda text: True)
        slow = split_reasoning(text)
    assert split_reasoning(text) == slow


@pytest.mark.parametrize(
    "text",
    [
        "Wrap it as <think>your steps</think> tags do.",
        "The closing tag:\n\n</think>\n\nend of it.",
        "&lt;think&gt; is how HTML spells it.",
        "Add `</think>` where it ends.\n\nThen answer.",
        "(</think>) ends it.",
        "DeepSeek-R1 writes its thoughts first, then </think>, then the answer.",
        "The model emits </think> and continues.",
        "Remove everything from <think> up to </think> first.",
        "<details>\n<summary>Thought experiment</summary>\nText</details>",
        "analysisResults = compute()\nprint(analysisResults)",
    ],
)
def test_a_text_about_the_marks_of_reasoning_stays(text):
    assert split_reasoning(text) == (None, text)
    assert find_leak(text, ASKED) is None


@pytest.mark.parametrize("start", ["Assistant:", "user\n", "user\n\n"])
def test_blank_lines_are_read_in_no_time(start):
    started = time.process_time()

    assert leaks.find_leak(start + "\n" * 12_000 + "<|im_end|>x", ASKED) is None

    assert time.process_time() - started < 0.5  # by its square it would be seconds
