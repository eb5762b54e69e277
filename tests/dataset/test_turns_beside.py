"""Lists of turns and of tools under names that no reader knows. (prefgen/dataset/turns_beside.py,
held_texts.py)
"""

import json

import pytest

from prefgen.dataset.pair import validated_pair
from prefgen.dataset.pair_formats import to_pair_row
from prefgen.errors import RecipeError
from prefgen.sources.file import File


def said(role: str, text: str) -> dict:
    return {"role": role, "content": text}


U, A = (lambda text: said("user", text)), (lambda text: said("assistant", text))
S = "Be brief."
SIDES = {"chosen": "The Nile.", "rejected": "No."}
ROUNDS = {side: [A("Hm."), U("Well?"), A(text)] for side, text in SIDES.items()}
EARLIER = [U("Hi."), A("Hello."), U("Name a river.")]
TOOL = {"name": "weather", "parameters": {"type": "object"}}
NAMES = ("conversation", "dialog", "turns", "previous_messages", "past", "context_messages", "whatever")


def read(row: dict) -> list[str]:
    prompt, chosen, _ = validated_pair(to_pair_row(row, {}, "row"), "row")
    return [turn["content"] for turn in (*prompt, *chosen)]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("prompt", "turns"),
    [
        ("Name a river.", EARLIER),
        ("Name a river.", json.dumps(EARLIER)),
        ("Name a river.", [{"from": "human", "value": "Hi."}, {"from": "gpt", "value": "Hello."}]),
        ("Name a river.", [said("system", S), U("Name a river.")]),
        ("Name a river.", [*EARLIER, A("The Nile.")]),
        ([U("Name a river.")], EARLIER[:2]),
        (EARLIER, [U("Bye."), A("Hello."), U("Name a river.")]),
        ("Name a river.", [said("environment", "9"), U("Name a river.")]),
        ("Name a river.", [A("Welcome!"), U("Who are you?"), A("A bot."), U("Name a river.")]),
        ("Name a river.", [A("Welcome!"), U("In one word please.")]),
        ("Name a river.", [A("Welcome!"), U("Call me Bob from now on."), A("Yes, Bob.")]),
        ("Name a river.", [{"from": f, "value": v} for f, v in (("gpt", "x"), ("human", "y"), ("gpt", "z"))]),
        (
            "Name a river. Say The Nile. or No.",
            [U("Hi."), A("Noted."), U("Name a river. Say The Nile. or No.")],
        ),
    ],
)
def test_turns_that_nobody_has_asked_are_not_lost(name, prompt, turns, tmp_path):
    with pytest.raises(RecipeError, match=f"row: {name} holds turns that what is asked does not have"):
        read({"prompt": prompt, name: turns, **SIDES})
    (tmp_path / "d.jsonl").write_text(json.dumps({"prompt": prompt, name: turns}))
    with pytest.raises(RecipeError, match="holds turns"):
        list(File(path="d.jsonl").read(tmp_path))

    mapped = to_pair_row({"prompt": prompt, name: turns, **SIDES}, {"prompt": "prompt"}, "row")
    assert mapped["prompt"] == prompt


@pytest.mark.parametrize(
    "beside",
    [
        {"prompt": EARLIER, "dialog": EARLIER[:2]},
        {"prompt": EARLIER, "dialog": [*EARLIER, A("The Nile.")]},
        {"prompt": EARLIER, "dialog": json.dumps([*EARLIER, A("another")])},
        {"prompt": EARLIER, "dialog": [{"from": "human", "value": "Hi."}]},
        {"instruction": "Name a river.", "history": [["Hi.", "Hello."]], "dialog": EARLIER},
        {"prompt": "Name a river.", "system": S, "dialog": [said("system", S), U("Name a river.")]},
        {"instruction": "Name a river.", "input": "In Africa.", "dialog": [U("Name a river.\n\nIn Africa.")]},
        {"prompt": "Hi. / Hello. / Name a river.", "dialog": EARLIER},
        {"prompt": "Name a river.", "reply": [A("The Nile.")], "third": [A("x")]},
        {"prompt": "Name a river.", "dialog": []},
        {"prompt": "Name a river.", "asked_judge": [U("Q: Name a river. 1: The Nile. 2: No. Which?")]},
        {"prompt": "Name a river.", "labelling_prompt": [said("system", "x"), U("y")]},
        {"prompt": "Name a river.", "dialog": [U("Name a river."), A("The Nile."), U("Thanks.")]},
        {"prompt": "Name a river.", "comments": [{"from": "bob", "value": "fine"}]},
        {"prompt": "Name a river.", "models": [{"name": "llama", "parameters": "8B"}]},
        {"prompt": "Name a river.", "constraints": [{"name": "length", "parameters": {"min": 3}}]},
        {"prompt": "Name a river.", "transforms": [{"function": {"name": "lower"}}]},
        {"prompt": "Name a river.", "calls": [{"name": "weather", "arguments": {"city": "Rome"}}]},
        {"prompt": "Name a river.", "people": [{"name": "Ann"}, {"name": "Bo"}]},
        {"prompt": "Name a river.", "tools": [TOOL], "apis": [TOOL]},
        {"prompt": "Name a river.", "tools": json.dumps([TOOL]), "apis": [TOOL]},
        {"prompt": "Name a river.", "tools": [TOOL], "apis": [json.dumps(TOOL)]},
        {"prompt": "Name a river.", "tools": [json.dumps(TOOL)], "apis": [TOOL]},
        {"prompt": "Name a river.", "people": [{"name": "Ann", "description": "a baker"}]},
        {"prompt": "Name a river.", "apis": [], "calls": {}},
    ],
)
def test_turns_that_are_asked_or_answers_are_let_be(beside):
    assert read({**beside, **SIDES})[-1] == "The Nile."


ROUND = ("Only French.", "Oui.")
OF_ARENA = {"user": U("Hi."), "model_side_a": A("Hello."), "model_side_b": A("Hey.")}
ROUNDS_OF_ANY_NAME = [
    [{"user": "Only French.", "assistant": "Oui."}],
    [{"human": "Only French.", "gpt": "Oui."}],
    [{"user_message": "Only French.", "assistant_message": "Oui.", "id": 1}],
    [{"user": "Only French."}, {"assistant": "Oui."}],
    [{"user": "Only French.", "assistant": "Oui."}, {"user": "Name a river.", "assistant": None}],
    [{"user": "Only French.", "assistant": "Oui."}, {"user": "Name a river."}],
    [{"user": "Name a river.", "assistant": "In French?"}, {"user": "Name a river.", "assistant": "Le Nil."}],
    [{"system": "Only French.", "user": "Name a river.", "assistant": "The Nile."}],
    {"user": ["Only French.", "Name a river."], "assistant": ["Oui.", ""]},
    [[U("Only French."), A("Oui.")]],
    [said("system", "Only French.")],
    [U("Only French."), A("Oui."), {"note": "a note"}],
    [{"speaker": "user", "text": "Only French."}, {"speaker": "bot", "text": "Oui."}],
    [{"type": "human", "content": "Only French."}, {"type": "ai", "content": "Oui."}],
    [{"author": "user", "content": "Only French."}, {"author": "assistant", "content": "Oui."}],
    {"messages": [U("Only French."), A("Oui.")]},
    [{"messages": [U("Only French."), A("Oui.")]}],
    {"id": 1, "dialog": [U("Only French."), A("Oui.")]},
    {"conversation": [{"input": "Only French.", "output": "Oui."}]},
    {"role": ["user", "assistant"], "content": list(ROUND)},
    {"user": "Only French.", "assistant": "Oui."},
    [OF_ARENA, {"user": U("Name a river."), "model_side_a": A("The Nile."), "model_side_b": A("No.")}],
    [{**OF_ARENA, "user": U("Name a river.")}, {**OF_ARENA, "user": U("Name a river.")}],
]
ROUNDS_BY_NAME = [
    [{"input": "Only French.", "output": "Oui."}],
    [{"question": "Only French.", "answer": "Oui.", "id": 1}],
    [{"prompt": "Only French.", "response": "Oui."}, {"prompt": "Name a river.", "response": None}],
    {"question": list(ROUND), "answer": ["Oui.", "Non."]},
    [list(ROUND)],
    [list(ROUND), ["Name a river.", ""]],
    [list(ROUND), ["Name a river.", None]],
    [{"sender": "human", "message": "Only French."}],
    [{"role": "user", "utterance": "Only French."}],
    {"role": "user", "content": "Only French."},
    {"user": "French", "assistant": "Oui"},
]
ASKED_ROUNDS = [
    [{"user": "Name a river.", "assistant": "The Nile."}],
    [{"user": "Name a river.", "assistant": ""}],
    [{"user": "Name a river."}, {"assistant": "The Nile."}],
    [{"input": "Name a river.", "output": "another"}],
    [{"prompt": "Name a river.", "response": "a"}, {"prompt": "Name a river.", "response": "b"}],
    [["Name a river.", "The Nile."]],
    [["Name a river.", ""]],
    [[U("Name a river."), A("The Nile.")], [U("Name a river."), A("another")]],
    {"messages": [U("Name a river.")]},
    {"role": ["user", "assistant"], "content": ["Name a river.", "another"]},
    [{"user": U("Name a river."), "model_side_a": A("No."), "model_side_b": A("The Nile.")}],
]
NO_ROUNDS = [
    [{"user": "bob", "score": 3}, {"user": "ann", "score": 4}],
    [{"user": "bob", "model": "gpt-4"}],
    [{"user": "Ann", "assistant": "gpt-4"}],
    {"user": "gpt-4", "assistant": "llama"},
    {"role": "user", "text": "a teacher of 50"},
    [{"sender": "user", "message": "nice answer"}],
    [{"name": "Ann", "role": "user", "text": "B"}],
    [{"speaker": "Bob", "text": "Hm."}, {"speaker": "Ann", "text": "Well."}],
    {"question": "Name a lake.", "answer": "Titicaca."},
    [{"input": "1 2", "output": "3"}, {"input": "4 5", "output": "9"}],
    [{"question": "Who wrote it?", "answer": "Bob wrote it."}],
    {"input": ["1 2"], "output": ["3"]},
    [["City", "Country"], ["Paris", "in France"]],
    [["The Nile", "https://example.org"]],
    {"role": "writer", "content": "x"},
    [["a", "b", "c"]],
    [[1, 2], [3, 4]],
    ["Only French.", "Oui."],
    [{"title": "Rivers", "text": "They flow."}],
    {"user": 12, "assistant": [3]},
    [{"role": ["user"], "content": "x"}],
    "{not JSON",
]
OTHER_NAMES = ("whatever", "test_cases", "few_shot_examples", "table", "tags", "conversation_tags", "steps")


def refuse_turns(name: str, rounds: object) -> None:
    for value in (rounds, json.dumps(rounds)):
        with pytest.raises(RecipeError, match=f"row: {name} holds turns that what is asked does not have"):
            read({"prompt": "Name a river.", name: value, **SIDES})


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("rounds", ROUNDS_OF_ANY_NAME)
def test_rounds_of_any_form_are_turns(name, rounds):
    refuse_turns(name, rounds)


@pytest.mark.parametrize("name", ["dialog", "previous", "prior_qa_pairs", "chat_log", "rounds_1", "Session"])
@pytest.mark.parametrize("rounds", ROUNDS_BY_NAME)
def test_what_may_be_anything_is_turns_under_the_name_of_a_conversation(name, rounds, tmp_path):
    refuse_turns(name, rounds)
    (tmp_path / "d.jsonl").write_text(json.dumps({"prompt": "Name a river.", name: rounds}))
    with pytest.raises(RecipeError, match="holds turns"):
        list(File(path="d.jsonl").read(tmp_path))


@pytest.mark.parametrize("name", OTHER_NAMES)
@pytest.mark.parametrize("value", [*ASKED_ROUNDS, *NO_ROUNDS, *ROUNDS_BY_NAME])
def test_what_is_no_round_for_certain_is_let_be_under_other_names(name, value):
    for cell in (value, json.dumps(value)):
        assert read({"prompt": "Name a river.", name: cell, **SIDES})[-1] == "The Nile."


@pytest.mark.parametrize("value", ASKED_ROUNDS)
def test_rounds_that_are_asked_are_let_be(value):
    assert read({"prompt": "Name a river.", "dialog": value, **SIDES})[-1] == "The Nile."


def test_rounds_of_two_models_are_held_by_sides_that_have_them():
    last = {"user": U("Name a river."), "model_side_a": A("The Nile."), "model_side_b": A("No.")}
    sides = {
        "chosen": [U("Hi."), A("Hello."), U("Name a river."), A("The Nile.")],
        "rejected": [U("Hi."), A("Hey."), U("Name a river."), A("No.")],
    }

    assert read({**sides, "full_conversation": [OF_ARENA, last]})[-1] == "The Nile."
    with pytest.raises(RecipeError, match="full_conversation holds turns"):
        read({**sides, "full_conversation": [{**OF_ARENA, "user": U("Bye.")}, last]})


def test_examples_beside_a_prompt_alone_are_let_be(tmp_path):
    row = {"instruction": "Sort the list.", "instances": [{"input": "2 1", "output": "1 2"}]}
    (tmp_path / "d.jsonl").write_text(json.dumps(row))

    [record] = File(path="d.jsonl").read(tmp_path)

    assert record.prompt.messages[0].content == "Sort the list."


@pytest.mark.parametrize(
    ("prompt", "turns", "is_held"),
    [
        ("Hi, who are you?", [U("Hi"), A("You may only rhyme.")], False),
        ("In Python, how do I sort?", [U("Python"), A("I assume 2.7 from now on.")], False),
        ("Hi, who are you?", [U("Hi, who are you?"), A("another")], True),
        ("User: Hi / Bot: Hello / User: A river?", [U("Hi"), A("Hello"), U("A river?")], True),
        ("User: Hi / Bot: Hello / User: A river?", [U("Hi"), A("Hello")], True),
        ("User: Hi / Bot: Hello / User: A river?", [U("Hi"), A("Hello"), U("A river?"), A("No.")], True),
    ],
)
def test_a_round_is_held_by_a_text_that_holds_its_answer_too(prompt, turns, is_held):
    row = {"prompt": prompt, "conversation": turns, **SIDES}
    if is_held:
        assert read(row)[-1] == "The Nile."
    else:
        with pytest.raises(RecipeError, match="conversation holds turns"):
            read(row)


def test_another_answer_of_several_turns_is_let_be():
    other = [A("Uhm."), U("Well?"), A("The Rhine.")]

    assert read({"prompt": "Name a river.", "third": other, **ROUNDS})[-1] == "The Nile."
    with pytest.raises(RecipeError, match="third holds turns"):
        read({"prompt": "Name a river.", "third": [A("Uhm."), U("Really?"), A("The Rhine.")], **ROUNDS})


@pytest.mark.parametrize(
    ("row", "column"),
    [
        ({"prompt": "Hm", "conversation": [U("x \ud83d")]}, "conversation"),
        ({"prompt": "Hm \ud83d", "conversation": [U("x")]}, "prompt"),
        (
            {"prompt": "Hm", "dialog": [{"user": "x", "assistant": "\ud83d"}, {"user": "Hm", "bot": "y"}]},
            "dialog",
        ),
        ({"prompt": "Hm", "history": [["\ud83d", "x"]], "conversation": [U("y")]}, "history"),
    ],
)
def test_half_of_a_surrogate_pair_beside_turns_is_one_line(row, column):
    with pytest.raises(RecipeError, match=rf"row: {column} is not valid Unicode \(a lone surrogate\)"):
        read({**row, **SIDES})


def test_turns_of_a_prompt_and_a_side_are_let_be():
    whole = [U("Name a river."), *ROUNDS["chosen"]]

    assert read({"prompt": "Name a river.", "dialog": whole, **ROUNDS})[-1] == "The Nile."
    sides = {side: [U("Name a river."), *turns] for side, turns in ROUNDS.items()}
    assert read({"dialog": whole, **sides})[-1] == "The Nile."
    with pytest.raises(RecipeError, match="dialog holds turns"):
        read({"dialog": [U("Hi."), A("Hello."), *whole], **sides})


@pytest.mark.parametrize("name", ["tool_schemas", "tool_list", "tool_definitions", "apis"])
@pytest.mark.parametrize(
    "tools",
    [
        [TOOL],
        json.dumps([TOOL]),
        [{"type": "function", "function": TOOL}],
        [json.dumps(TOOL), json.dumps(TOOL)],
        [{"name": "weather", "description": "d", "input_schema": {"type": "object", "properties": {}}}],
        [{"name": "weather", "description": "d"}],
        [{"name": "weather", "parameters": {"city": {"type": "str", "description": "where"}}}],
        [{"name": "weather", "parameters": [{"name": "city", "type": "str"}]}],
        {"type": "function", "function": TOOL},
        {"weather": TOOL, "time": {**TOOL, "name": "time"}},
    ],
)
def test_tools_that_nobody_offers_are_not_lost(name, tools):
    row = {"prompt": "Name a river.", name: tools, **SIDES}
    with pytest.raises(RecipeError, match=f"row: {name} holds tools, and would be lost"):
        to_pair_row(row, {}, "row")
    with pytest.raises(RecipeError, match=f"row: {name} holds tools"):
        to_pair_row({**row, "tools": [{"name": "other", "parameters": {}}]}, {}, "row")

    mapped = to_pair_row(row, {"tools": name}, "row")["tools"]
    offered = json.loads(mapped) if isinstance(mapped, str) else mapped
    assert offered[0].get("function", offered[0])["name"] == "weather"
