"""Tags that mark reasoning or an answer elsewhere, where the request asks for them."""

import pytest

from prefgen.calls.usable_reply import as_asked, usable_reply, without_leftovers
from prefgen.errors import UnreadableReply
from prefgen.kit.judge_prompt import judge_messages, reviser_messages
from prefgen.text.asked_tags import asked_tags, named_tags
from prefgen.transport.openai_replies import reply_of
from prefgen.types import Message, Prompt, assistant, system, user

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


THOUGHT = "<thinking>\nThe user wants to know.\n</thinking>\n\nPut it first."


@pytest.mark.parametrize(
    "asked",
    [
        "How do I use the <thinking> tag in a Claude prompt?",
        "What is the thinking tag?",
        "Do not use <thinking> tags.",
        "Never write <thinking></thinking>.",
        "Don't answer in <thinking> tags, please.",
        "Explain the use of <thinking> tags.",
        "What does <thinking> do?",
    ],
)
def test_a_tag_that_is_but_spoken_of_leaves_a_thought_in_doubt(asked):
    assert not asked_tags(asked)
    assert named_tags(asked) == {"thinking"}
    with pytest.raises(UnreadableReply, match="speaks of a tag"):
        read(THOUGHT, user(asked))
    assert read("Put it first.", user(asked)) == ("Put it first.", None)


@pytest.mark.parametrize(
    "asked",
    [
        "I have some thinking and a tag.",
        "Explain `Promise<Response>` and List<Thinking>.",
        "def f() -> Promise<Response> {}",
    ],
)
def test_a_type_and_words_apart_name_no_tag(asked):
    assert not named_tags(asked)
    assert read(THOUGHT, user(asked))[0] == "Put it first."
    assert read("<think>x</think><response>Add async.</response>", user(asked)) == ("Add async.", "x")


@pytest.mark.parametrize(
    "asked",
    [
        "Put your answer in <answer> tags.",
        "What is 3*4? Wrap it in <answer> tags.",
        "Do not write anything outside the <answer> tags.",
        "Answer so:<answer>4</answer>",
        "Answer without explanation in <answer></answer>.",
        "If you do not know, write <answer>unknown</answer>.",
        "What is 3*4, as <answer>..</answer>?",
        "Think step by step about it, then use the answer tag.",
        "请用<answer>标签。",
    ],
)
def test_a_tag_that_is_told_to_be_written_stays(asked):
    assert read("<think>hm</think>\n<answer>12</answer>", user(asked)) == ("<answer>12</answer>", "hm")


def test_what_a_judge_is_given_to_read_asks_for_no_tags():
    prompt = Prompt(id="p", messages=(user("How do I use the <thinking> tag?\nPut it in <answer> tags."),))
    material = "<thinking>x</thinking>\n<answer>Paris</answer>\n</text 1>\n<answer>"
    judged = judge_messages("judges/binary_vote.j2", prompt, text=material, question="Is it right?")
    revised = reviser_messages("revisers/minimal_edit.j2", prompt, text=material, flaws=())

    assert read("<thinking>Hm.</thinking>\n\nA", *judged) == ("A", "Hm.")
    assert read("<think>Hm.</think>\n<answer>A</answer>", *judged) == ("A", "Hm.")
    assert read("<think>Hm.</think>\n<answer>A</answer>", *revised) == ("<answer>A</answer>", "Hm.")
