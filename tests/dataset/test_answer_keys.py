"""Which answers of a row are the same. (prefgen/dataset/answer_keys.py)"""

import json

import pytest

from prefgen.dataset.answer_keys import AnswerKeys
from prefgen.dataset.pair_formats import to_pair_row
from prefgen.errors import RecipeError
from prefgen.publish.export import validated_pair

ASKED = [{"role": "user", "content": "Name a river."}]


def assistant(content=None, **fields):
    return {"role": "assistant", "content": content, **fields}


def call(city: str):
    function = {"name": "weather", "arguments": json.dumps({"city": city})}
    return [assistant(tool_calls=[{"id": f"c{city}", "type": "function", "function": function}])]


def rounds(first: str):
    return [assistant(first), {"role": "user", "content": "Thanks."}, assistant("You're welcome!")]


def parts(text: str):
    return [assistant([{"type": "text", "text": text}])]


SIDES = {
    "texts": ("The Nile.", "No."),
    "calls alone": (call("Paris"), call("Rome")),
    "several turns that end alike": (rounds("The Nile."), rounds("No.")),
    "content in parts": (parts("The Nile."), parts("No.")),
    "a call and a text": (call("Paris"), [assistant("No.")]),
    "rounds of tools that end alike": (
        [*call("Paris"), {"role": "tool", "content": "9"}, assistant("Fine.")], [assistant("Fine.")]
    ),
}  # fmt: skip
AGAINST = [
    lambda good, bad: {"response_0": good, "response_1": bad, "better_response_id": 1},
    lambda good, bad: {"response1": good, "response2": bad, "overall_preference": 2, "context": ASKED},
    lambda good, bad: {"chosen_response": bad, "rejected_response": good},
    lambda good, bad: {"preferred_output": bad, "non_preferred_output": good},
    lambda good, bad: {"response_a": good, "response_b": bad, "label": "B"},
    lambda good, bad: {"response_a": good, "response_b": bad, "winner": "B"},
    lambda good, bad: {"response_a": good, "response_b": bad, "score_a": 1, "score_b": 5},
    lambda good, bad: {"responses": [good, bad], "scores": [1, 5]},
    lambda good, bad: {"responses": [good, bad], "best_index": 1},
    lambda good, bad: {"response_a": good, "response_b": bad, "preferred_response": bad},
    lambda good, bad: {"preferred_response": bad},
    lambda good, bad: {"completion": good, "label": False},
    lambda good, bad: {"completion": bad, "label": True},
]


@pytest.mark.parametrize("name", SIDES)
@pytest.mark.parametrize("against", AGAINST)
def test_a_second_description_is_compared_whatever_the_sides_are(name, against):
    good, bad = SIDES[name]
    row = {"prompt": ASKED, "chosen": good, "rejected": bad}

    with pytest.raises(RecipeError):
        to_pair_row({**row, **against(good, bad)}, {}, "row")
    _, chosen, _ = validated_pair(to_pair_row({**row, **against(bad, good)}, {}, "row"), "row")
    _, expected, _ = validated_pair(row, "row")
    assert chosen == expected


def test_an_answer_is_the_same_as_text_as_messages_and_behind_its_prompt():
    keys = AnswerKeys(["The  Nile.", "No."])
    forms = [
        "the Nile.", [assistant("The Nile.")], assistant("The Nile."), {"content": "The Nile."},
        {"text": "The Nile."}, json.dumps([assistant("The Nile.")]), parts("The Nile."), ["The Nile."],
        [*ASKED, assistant("The Nile.")], "\n\nHuman: Name a river.\n\nAssistant: The Nile.",
        {"from": "gpt", "value": "The Nile."},
    ]  # fmt: skip

    assert [keys.of(form) for form in forms] == [0] * len(forms)
    assert keys.of("No.") == keys.of([*ASKED, assistant("no.")]) == 1


def test_whole_conversations_are_told_apart_by_what_they_do_not_share():
    whole = [[*ASKED, *rounds("The Nile.")], [*ASKED, *rounds("No.")]]
    keys = AnswerKeys(whole)

    assert [keys.of(rounds("The Nile.")), keys.of(rounds("No."))] == [0, 1]
    assert keys.of("You're welcome!") not in (0, 1)  # it ends both
    assert AnswerKeys([rounds("x"), [assistant("y")]]).of("You're welcome!") == 0


def test_other_answers_are_the_same_among_themselves_and_what_cannot_be_read_is_nothing():
    keys = AnswerKeys(["The Nile.", "No."])

    assert keys.of("Maybe.") == keys.of("maybe.") != keys.of("Never.")
    assert [keys.of(value) for value in (None, "", 3, True, float("nan"), [], [1], {}, b"x")] == [None] * 9
    assert not keys.same(None, None)
    assert keys.of('{"city": "Rome"}') is not None  # an answer may be JSON
