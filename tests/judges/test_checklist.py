"""Check each answer against weighted yes/no criteria: given in the recipe, standing in the prompt's metadata,
or written once a prompt by a model. (prefgen/judges/checklist.py)
"""

import json
import time

import pytest

from prefgen.judges.checklist import Checklist, read_checks
from prefgen.kit.parse_failure import ParseFailure
from prefgen.testing import Scripted
from prefgen.types import Prompt, Reply
from tests.support.judges import judged, scores


async def test_a_checklist_weighs_what_is_met_over_what_applies():
    judge = Checklist(model="m", criteria=("a", {"text": "b", "weight": 3.0}, "c"))
    met = {"item_1": True, "item_2": False, "item_3": None}
    reply = json.dumps({item: {"reason": "", "met": value} for item, value in met.items()})

    assert scores(await judged(judge, Scripted([reply]), "x")) == {"r0": 0.25}
    assert scores(
        await judged(
            Checklist(model="m", criteria=("a",)), Scripted(['{"item_1": {"reason": "", "met": null}}']), "x"
        )
    ) == {"r0": None}
    with pytest.raises(Exception, match="expected"):
        raise (await judged(judge, Scripted(['{"item_1": {"reason": "", "met": true}}']), "x"))[0]


async def test_a_checklist_is_written_once_a_prompt_or_stands_in_its_metadata():
    written = '{"criteria": ["It rhymes."]}'
    checked = '{"item_1": {"reason": "r", "met": true}}'
    ask = Scripted(lambda text: written if "Write 5 criteria" in text else checked)

    verdicts = await judged(Checklist(model="m", writer="w"), ask, "x", "y", "z")
    own = await judged(
        Checklist(model="m"),
        Scripted([checked]),
        "x",
        prompt=Prompt.of("Q", metadata={"checklist": ["It is short."]}),
    )

    assert [model for model, _ in ask.asked].count("w") == 1
    assert [v.rationale for v in verdicts] == ["met: It rhymes."] * 3
    assert own[0].rationale == "met: It is short."


@pytest.mark.parametrize(
    "entry",
    [
        {"met": True, "final": False},
        {"met": True, "Met": False},
        {"met": True, "revised_met": False},
        {"met": True, "violated": True},
        {"met": True, "criterion": "item_2"},
        {"met": True, "reason": "Not met: it lacks a date. So false."},
        {"met": True, "reason": "Wait, that is not so."},
        {"met": False, "reason": "Met: it has a date."},
        {"met": False, "reason": "Met by its first line."},
        {"met": False, "reason": "Yes. It has a date."},
        {"met": False, "reason": "It has a date, so it is true."},
        {"met": False, "reason": "It has a date. Hence the criterion is met."},
        {"met": True, "reason": "No. It lacks a date."},
        {"met": True, "reason": "No, it lacks a date."},
        {"met": True, "reason": "No - it lacks a date."},
        {"met": True, "reason": "False"},
        {"met": True, "reason": "It lacks a date, so no."},
        {"met": True, "reason": "It lacks a date, so the criterion is not met."},
        {"met": True, "reason": "It lacks a date and is therefore not fully met."},
    ],
)
def test_an_item_that_says_two_things_is_unread(entry):
    with pytest.raises(ParseFailure):
        read_checks(Reply(text=json.dumps({"item_1": entry}), finish_reason="stop"), 1)


@pytest.mark.parametrize(
    "reason",
    [
        "It has a date.", "", "There is no error, so the criterion is met.", "No errors were found.",
        "No commas are used.", "No mention of the price, as asked.", "False claims are absent.",
        "It says so, so no change is needed.", "It lists 5, hence no item is missing.",
    ],
)  # fmt: skip
def test_an_item_with_its_reason_is_read(reason):
    text = json.dumps({"item_1": {"met": True, "reason": reason, "criterion": "It has a date."}})
    assert read_checks(Reply(text=text, finish_reason="stop"), 1) == [True]


@pytest.mark.parametrize(
    "reason",
    [
        "Met in part only: two of three are named.", "Met only for the first tip.", "It lacks a date.",
        "True statements are mixed with false ones.", "No date is given.", "Not met.",
        "Yes-men are praised, and no critic.", "It has two of three, so met in part.",
    ],
)  # fmt: skip
def test_an_item_that_is_not_met_is_read_with_its_reason(reason):
    text = json.dumps({"item_1": {"reason": reason, "met": False}})
    assert read_checks(Reply(text=text, finish_reason="stop"), 1) == [False]


SAYS_UNMET = [
    "The criterion is not met.",
    "The text does not meet the requirement.",
    "Criterion not met.",
    "The criterion is violated.",
    "The text fails this.",
    "Fail.",
    "The criterion is only partially met.",
    "Does the text have a title? No.",
    "There is no title. The requirement isn't satisfied.",
    "It doesn’t satisfy this criterion.",
    "Failed",
    "The text mentions it late. Thus it fails.",
    "met = false because it has no title",
    "This item was not fully fulfilled.",
    "Does not meet the criterion.",
    "It names no price. So it does not hold.",
    "Violates the requirement.",
    "Requirement violated.",
    "Condition not fulfilled.",
    "Partly met.",
    "Hardly satisfied",
    "Hardly meets it.",
    "Mostly met.",
    "Largely met.",
    "Somewhat met.",
    "Generally followed.",
    "Met in part.",
    "Met to some extent.",
    "Met with two of the three.",
    "Not followed.",
    "It isn't followed here.",
    "Doesn't hold: the title is missing.",
    "The condition doesn't hold since there is no title.",
    "Failed, as no title is there.",
    "Violated by the second line.",
    "There is no title, which violates the requirement.",
    "No title is given, so it does not meet this.",
    "The list is short and thus the rule is not followed. It is in French.",
    "Nothing meets it.",
    "Falls short of the requirement.",
    "Nope.",
    "The criterion is met only in its first half.",
]
SAYS_MET = [
    "The criterion is met.",
    "The text satisfies this criterion.",
    "Pass.",
    "Criterion met.",
    "The text meets the requirement.",
    "This is satisfied.",
    "Does the text have a title? Yes.",
    "It has a title. The condition is fully met.",
    "Passed",
    "The response passes.",
    "met: true",
    "Overall, the response fulfils the requirement.",
    "Fully satisfied",
    "Meets the criterion.",
    "Requirement satisfied.",
    "So the criterion holds.",
    "Holds.",
    'Criterion met: "Five tips".',
    'Clearly met: "Five tips".',
    "Complies fully.",
    'Meets this with "Five tips".',
    "Passes all tests.",
    "The instruction is followed.",
    "Every requirement is met.",
    "The response follows this.",
    "No violation.",
    "No violations were found",
    "Nothing violates it.",
    "It is not violated.",
    "It does not fail to meet it.",
    "A title is given, which satisfies the requirement.",
    "Five tips are given, so this is met.",
]


def read_one(reason, met):
    text = json.dumps({"item_1": {"reason": reason, "met": met}})
    try:
        return read_checks(Reply(text=text, finish_reason="stop"), 1)[0]
    except ParseFailure:
        return "unread"


@pytest.mark.parametrize(("reasons", "met"), [(SAYS_UNMET, False), (SAYS_MET, True)])
def test_a_reason_whose_sentence_says_the_opposite_is_unread(reasons, met):
    for reason in reasons:
        assert read_one(reason, met) is met, reason
        assert read_one(reason, not met) == "unread", reason


@pytest.mark.parametrize("reason", ["Gracefully met.", "Barely met.", "The rule is oddly followed."])
def test_an_adverb_that_is_not_known_leaves_a_check_in_doubt(reason):
    assert read_one(reason, True) == read_one(reason, False) == "unread"


@pytest.mark.parametrize(
    "reason", ["Met.", "Not met.", "The criterion is met.", "Violated: there is a comma.", "Partly met."]
)
def test_a_reason_that_says_whether_it_is_met_does_not_go_with_null(reason):
    assert read_one(reason, None) == "unread"


@pytest.mark.parametrize(
    "reason",
    [
        "No code is asked for.",
        "Does the request ask for code? No.",
        "No, the request asks for no code.",
        "The condition is not met, so the criterion does not apply.",
        "Nothing shows it.",
        "",
    ],
)
def test_a_reason_that_says_nothing_of_its_criterion_goes_with_null(reason):
    assert read_one(reason, None) is None


@pytest.mark.parametrize(
    "reason",
    [
        "Not applicable: no code was asked for.",
        "It does not apply.",
        "N/A",
        "The request asks for no code. Not applicable.",
        "No code is asked for, so this does not apply.",
    ],
)
def test_a_reason_that_the_criterion_does_not_apply_goes_with_null_alone(reason):
    assert read_one(reason, None) is None
    assert read_one(reason, True) == read_one(reason, False) == "unread"


@pytest.mark.parametrize(
    ("reason", "met"),
    [
        ("Is there any error? No.", True),
        ("Does it break a rule? Yes.", False),
        ("The criterion is met only in its first half.", False),
        ("The text meets the deadline.", False),
        ("The response fails to mention prices, as asked.", True),
        ("The text passes over the price.", False),
        ("It is not long.", True),
        ("Does not name a price, as asked.", True),
        ("It satisfied nobody.", False),
        ("It holds five tips.", False),
        ("It does not apply pressure.", True),
        ("It does not meet a friend, as asked.", True),
        ("The hero does not meet the villain, as asked.", True),
        ("Does not pass over the risk.", True),
        ("It does not satisfy itself with one example: three are given.", True),
        ("Not partially but fully met.", True),
        ("Not only met but exceeded.", True),
        ("It is followed by a list.", False),
        ("A law is named, which is violated daily.", True),
        ("Met the limit of 200 words? No: 250.", False),
        ("Satisfied half of it.", False),
    ],
)
def test_a_reason_about_something_else_is_none_against_its_check(reason, met):
    assert read_one(reason, met) is met


@pytest.mark.parametrize(("said", "met"), [("true", True), ("False", False), ("yes", True), ("No", False)])
def test_a_check_in_words_is_read(said, met):
    assert read_one("It has a date.", said) is met
    assert read_one("It has a date.", f"{said}?") == "unread"


@pytest.mark.parametrize("opening", ["It ", ""])
@pytest.mark.parametrize(
    "unit",
    [
        "is ",
        "a b ",
        "the criterion ",
        "is not ",
        "? no x ",
        "? ",
        "---\n",
        "\n\n",
        "so ",
        "partly ",
        "met ",
        ", which is ",
        "oddly ",
        "fully",
        "not only ",
    ],
)
def test_a_long_reason_is_read_in_no_time(unit, opening):
    began = time.perf_counter()
    read_one(opening + unit * 5000, True)

    assert time.perf_counter() - began < 1
