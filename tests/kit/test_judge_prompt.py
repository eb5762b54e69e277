"""What judges and revisers are shown of a prompt. (prefgen/kit/judge_prompt.py)"""

import pytest

from prefgen.errors import ReplyError
from prefgen.judges.additive import Additive
from prefgen.judges.aspect import Aspect
from prefgen.judges.binary_vote import BinaryVote
from prefgen.judges.expectation import Expectation
from prefgen.judges.pairwise import Pairwise
from prefgen.judges.ultrafeedback import UltraFeedback
from prefgen.kit.judge_prompt import text_for_judge
from prefgen.revisers.constitution import ConstitutionReviser
from prefgen.revisers.improve import Improve
from prefgen.revisers.minimal_edit import MinimalEdit
from prefgen.testing import Scripted, a_record
from prefgen.types import (
    ImagePart,
    Message,
    Prompt,
    Response,
    TextPart,
    ToolCall,
    assistant,
    system,
    user,
)

IN_FRENCH = Prompt.of([system("Answer in French only."), user("What is the capital of Italy?")])
OF_A_PICTURE = Prompt.of(
    [
        Message(
            role="user", content=(TextPart(text="What is this?"), ImagePart(url="https://x.example/cat.png"))
        )
    ]
)
WITH_TOOLS = Prompt.of(
    [
        user("Weather?"),
        Message(
            role="assistant",
            content="",
            tool_calls=(ToolCall(id="1", name="look", arguments='{"at": "Oslo"}'),),
        ),
        Message(role="tool", content="rain", tool_call_id="1"),
        user("And tomorrow?"),
    ],
    tools=({"type": "function", "function": {"name": "look"}},),
)
JUDGES = [
    Pairwise(model="m"), UltraFeedback(model="m", critique=True), Additive(model="m", samples=1),
    BinaryVote(model="m", votes=1), Aspect(model="m", aspect="quality"), Expectation(model="m"),
]  # fmt: skip
REVISERS = [Improve(model="m"), ConstitutionReviser(model="m", rounds=1), MinimalEdit(model="m")]


async def asked_of(judge, prompt):
    """The messages that a judge or a reviser sent first."""
    record, ask = a_record(prompt, "Rome.", "Roma, la capitale."), Scripted(lambda _: "Rating: 3")
    try:
        if hasattr(judge, "revise"):
            more = {"record": record} if isinstance(judge, MinimalEdit) else {}
            await judge.revise(record.prompt, record.responses[0], ask, **more)
        else:
            await judge.judge(record.prompt, record.responses, ask)
    except ReplyError:
        pass
    return ask.asked[0][1]


@pytest.mark.parametrize("judge", [*JUDGES, *REVISERS], ids=lambda j: j.name)
async def test_they_see_the_system_turn_the_images_and_the_tools(judge):
    [of_system, of_picture, of_tools] = [
        (await asked_of(judge, prompt))[1] for prompt in (IN_FRENCH, OF_A_PICTURE, WITH_TOOLS)
    ]

    assert "<prompt>\nsystem: Answer in French only.\n</prompt>" in of_system.text
    assert [part for part in of_picture.content if isinstance(part, ImagePart)] == [
        ImagePart(url="https://x.example/cat.png")
    ]
    assert "[image 1]" in of_picture.text
    assert '<prompt>\ntools: {"function": {"name": "look"}' in of_tools.text
    assert 'assistant: look({"at": "Oslo"})' in of_tools.text


@pytest.mark.parametrize("judge", [*JUDGES, *REVISERS], ids=lambda j: j.name)
async def test_of_a_plain_prompt_they_see_the_request_alone(judge):
    [_, question, *_] = await asked_of(judge, Prompt.of("Name a colour."))

    assert "<prompt>\nName a colour.\n</prompt>" in question.text
    assert "user:" not in question.text


def test_an_answer_of_several_turns_or_calls_is_shown_whole():
    called = Message(role="assistant", content="", tool_calls=(ToolCall(name="look", arguments="{}"),))
    of_turns = Response.of(IN_FRENCH, [assistant("Which one?"), user("The first."), assistant("Rome.")])

    assert text_for_judge(Response.of(IN_FRENCH, "Rome.")) == "Rome."
    assert text_for_judge(Response.of(IN_FRENCH, called)) == "look({})"
    assert text_for_judge(of_turns) == "assistant: Which one?\n\nuser: The first.\n\nassistant: Rome."


async def test_with_a_constitution_the_principle_is_the_only_criterion():
    [_, question] = await asked_of(
        Pairwise(model="m", constitution="harmless"), Prompt.of("How do I get in?")
    )

    assert question.text.startswith("Judge by this one principle alone")
    assert "for whoever asked" not in question.text


async def test_references_are_shown_unless_a_principle_judges():
    prompt = Prompt.of("Q", references=("Rome",))

    assert "<reference>\nRome" in (await asked_of(Pairwise(model="m"), prompt))[1].text
    assert "<reference>" not in (await asked_of(Pairwise(model="m", constitution="harmless"), prompt))[1].text


async def test_a_judge_may_commit_itself_before_it_sees_the_texts():
    record = a_record("What is 6 x 7?", "42", "48")
    ask = Scripted(lambda text: "It is 42." if "<text A>" not in text else "A")

    await Pairwise(model="m", solve_first=True, read="votes", votes=1).judge(
        record.prompt, record.responses, ask
    )

    first, *others = [turns for _, turns in ask.asked]
    assert [m.text for m in first] == ["What is 6 x 7?"]
    assert any("<reference>\nIt is 42.\n</reference>" in turns[-1].text for turns in others)
