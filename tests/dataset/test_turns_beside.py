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
        {"prompt": "Name a river.", "reply": [A("The Nile.")], "third": [A("x"), U("y"), A("z")]},
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
    ],
)
def test_turns_that_are_asked_or_answers_are_let_be(beside):
    assert read({**beside, **SIDES})[-1] == "The Nile."


def test_turns_of_a_prompt_and_a_side_are_let_be():
    whole = [U("Name a river."), *ROUNDS["chosen"]]

    assert read({"prompt": "Name a river.", "dialog": whole, **ROUNDS})[-1] == "The Nile."
    sides = {side: [U("Name a river."), *turns] for side, turns in ROUNDS.items()}
    assert read({"dialog": whole, **sides})[-1] == "The Nile."
    with pytest.raises(RecipeError, match="dialog holds turns"):
        read({"dialog": [U("Hi."), A("Hello."), *whole], **sides})


@pytest.mark.parametrize("name", ["tool_schemas", "tool_list", "tool_definitions", "apis"])
@pytest.mark.parametrize("tools", [[TOOL], json.dumps([TOOL]), [{"type": "function", "function": TOOL}]])
def test_tools_that_nobody_offers_are_not_lost(name, tools):
    row = {"prompt": "Name a river.", name: tools, **SIDES}
    with pytest.raises(RecipeError, match=f"row: {name} holds tools, and would be lost"):
        to_pair_row(row, {}, "row")
    with pytest.raises(RecipeError, match=f"row: {name} holds tools"):
        to_pair_row({**row, "tools": [{"name": "other", "parameters": {}}]}, {}, "row")

    assert to_pair_row(row, {"tools": name}, "row")["tools"] == tools
