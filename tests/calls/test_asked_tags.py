"""Tags that mark reasoning or an answer elsewhere, where the request asks for them."""

import pytest

from prefgen.calls.usable_reply import as_asked, usable_reply, without_leftovers
from prefgen.text.asked_tags import asked_tags
from prefgen.transport.openai_replies import reply_of
from prefgen.types import Message, assistant, system, user

OPEN_R1 = "Respond in the following format:\n<reasoning>\n...\n</reasoning>\n<answer>\n...\n</answer>"
R1_ZERO = "The process and the answer stand within <think> </think> and <answer> </answer> tags."


def read(content: str, *asked: Message, reasoning: str | None = None) -> tuple[str, str | None]:
    """(the answer, the reasoning) of what a server sends."""
    message = {"role": "assistant", "content": content, "reasoning_content": reasoning}
    reply = reply_of({"choices": [{"message": message, "finish_reason": "stop"}]}, "chat")
    reply = without_leftovers(usable_reply(as_asked(reply, asked)), "strip", asked)
    return reply.text, reply.reasoning


@pytest.mark.parametrize(
    ("content", "asked"),
    [
        ("<reasoning>\n3*4=12\n</reasoning>\n<answer>\n12\n</answer>", OPEN_R1),
        ("<reasoning>\n3*4=12\n</reasoning>", OPEN_R1),
        ("<thought>A river.</thought>\nThe Nile.", "Think inside <thought></thought>, then answer."),
        ("<thought>Why me?</thought> She left.", "Write a scene, monologue in <thought> tags."),
        ("<Thinking>I greet.</Thinking>\nHello!", "Plan in <thinking> tags, then greet."),
        ("<thought>Greet.</thought>\n<action>search</action>", "Emit <thought>..</thought><action>"),
        ("<reasoning>x</reasoning>\nThe Nile.", "Use `reasoning` and `answer` tags."),
        ("x = 5\n</answer>", "Go on with this: <answer>"),
    ],
)
def test_tags_that_are_asked_for_are_the_answers(content, asked):
    for turns in (
        [system(asked), user("Now.")],
        [user(asked)],
        [user(asked), assistant("Yes"), user("Now.")],
    ):
        if turns[0].role == "system" or len(turns) == 1:
            assert read(content, *turns) == (content, None)


@pytest.mark.parametrize("tag", ["answer", "output", "response", "solution", "final_answer"])
def test_marks_of_an_answer_that_are_asked_for_stay_behind_a_thought(tag):
    content, asked = f"<{tag}>The Nile.</{tag}>", user(f"Put it in <{tag}> tags.")

    assert read(content, asked) == (content, None)
    assert read(f"<think>hm</think>\n{content}", asked) == (content, "hm")
    assert read(content, asked, reasoning="hm") == (content, "hm")
    assert read(f"<think>hm</think>{content}", asked, reasoning="oh") == (content, "oh\n\nhm")


@pytest.mark.parametrize("tag", ["answer", "output", "response", "solution", "final_answer"])
def test_marks_of_an_answer_that_nobody_asked_for_are_taken_off_behind_a_thought(tag):
    content = f"\n\n<{tag}>\nThe Nile.\n</{tag}>\n"

    assert read(content, user("Name a river."), reasoning="hm") == ("The Nile.", "hm")
    assert read(f"<think>hm</think>{content}", user("Name a river.")) == ("The Nile.", "hm")
    assert read(content, user("Name a river.")) == (content, None)


def test_what_models_think_in_is_reasoning_whoever_asks_for_it():
    asked = (system(R1_ZERO), user("3*4?"))

    assert read("<think>\nhm\n</think>\n<answer>12</answer>", *asked) == ("<answer>12</answer>", "hm")


def test_a_thought_may_hold_the_tags_that_are_asked_for():
    content = "<think>I use <thought>a</thought> now.</think>\n<thought>a</thought>\nThe Nile."
    answer = ("<thought>a</thought>\nThe Nile.", "I use <thought>a</thought> now.")

    assert read(content, user("Begin with <thought></thought>.")) == answer


def test_a_mark_that_an_earlier_turn_named_is_none_of_this_answer():
    earlier = (
        user("What is <|im_end|>, and what </think>?"),
        assistant("A token, a tag."),
        user("Say hello."),
    )

    assert read("Hello<|im_end|>", *earlier) == ("Hello", None)
    assert read("<think>x</think>Hello", *earlier) == ("Hello", "x")
    assert read("Hello<|im_end|>", system("End with <|im_end|>."), user("Hi")) == ("Hello<|im_end|>", None)


@pytest.mark.parametrize("asked", ["Think before you answer.", "Give an answer.", "<answers>", "A tag."])
def test_a_word_alone_asks_for_no_tag(asked):
    assert not asked_tags(asked)
