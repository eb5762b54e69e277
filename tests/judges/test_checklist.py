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
from tests.support.doc_tables import replies_of
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


UNMET_IN_OTHER_FORMS = [
    "The title requirement is not met.",
    "The requirement to include a title is not satisfied.",
    "The constraint of using no commas is violated.",
    "The instruction to follow the format of the letter is not followed.",
    "The criterion that the text be polite is unmet.",
    "The condition (five tips) is not satisfied.",
    "The 'no commas' rule is violated.",
    "The rule against rhymes is not respected.",
    "One requirement is not met.",
    "None of the requirements are met.",
    "Not every requirement is met.",
    "Everything is met except the title.",
    "All rules are met apart from the second.",
    "The first part is met; the second is not.",
    "It satisfies neither.",
    "Met only once instead of twice.",
    "The rule is followed until the last line.",
    "It was followed at first, then ignored.",
    "The text claims that it is met, but it isn't.",
    "Close, but not met.",
    "Not quite met: the last paragraph has no verb.",
    "The text meets the length but not the tone.",
    "Correct title, but in the wrong place.",
    "Missing.",
    "Absent",
    "Incomplete.",
    "Not present.",
    "The title is missing.",
    "It doesn't.",
    "Nothing shows it.",
    "Half of it is done.",
    "No source is named, thus not meeting the criterion.",
    "The text is not respecting the word limit.",
    "Four tips are given instead of meeting the requirement of five.",
    "It stops far from meeting the requirement.",
    "Only four tips are given, barely meeting the requirement.",
    "The text neither satisfies the criterion nor explains why.",
    "No tip satisfies the requirement.",
    "Not a single tip meets the criterion.",
    "Hardly any of the criteria are met.",
    "It names no price, thus failing to meet the criterion.",
    "The title is missing. Met: false.",
    "Met: no. The title is missing.",
    "No title is given. As a result, the text fails this criterion.",
    "No title is given, so I mark this as false.",
    "No title is given. Verdict: false.",
    "It has four tips, which means that it is not met.",
    "Since no title is given, the criterion is not satisfied.",
    "The criterion 'has a title' is not met.",
]
MET_IN_OTHER_FORMS = [
    "The title requirement is met.",
    "The requirement to include a title is satisfied.",
    "The constraint of using no commas is respected.",
    "The instruction to write in French is followed.",
    "The condition 'not more than 100 words' is met.",
    "The requirement that the text not mention cats is met.",
    "The criterion is met, though not elegantly.",
    "Each of the requirements is met.",
    "There is no violation of this rule.",
    "The count is 45, satisfying the limit.",
    "It is met by not using any comma.",
    "Present.",
    "It is complete.",
    "It does.",
    "Five tips are given, meeting the requirement.",
    "Five tips are given, thereby fully meeting the requirement.",
    "With 45 words, the text is meeting the limit.",
    "No comma is used and the constraint is met.",
    "The text not only meets the criterion but exceeds it.",
    "The title is there. Met: true.",
    "Met: yes. The title is there.",
    "It has a title. As a result, the text passes this criterion.",
    "It has a title, so I mark this as true.",
    "It has a title. Verdict: met.",
    "It has five tips, which means that it is met.",
]


@pytest.mark.parametrize(("reasons", "met"), [(UNMET_IN_OTHER_FORMS, False), (MET_IN_OTHER_FORMS, True)])
def test_a_clause_with_a_complement_or_an_exception_is_read_as_what_it_says(reasons, met):
    for reason in reasons:
        assert read_one(reason, met) is met, reason
        assert read_one(reason, not met) == "unread", reason
        assert read_one(reason, None) == "unread", reason


@pytest.mark.parametrize(
    "reason",
    [
        "It would be met if a title were there.",
        "True for line 1, false for line 2.",
        "The rule that all items are met is violated.",
    ],
)
def test_a_clause_that_may_say_either_is_no_reason_for_a_check(reason):
    assert read_one(reason, True) == "unread"


@pytest.mark.parametrize(
    ("reason", "met"),
    [
        ("No title is missing.", True),
        ("It covers everything but does not exceed the limit of 100 words.", True),
        ("The word cat is missing, as required.", True),
        ("Text says: 'It is not met by all.' It meets the criterion.", True),
        ("The text asks that no rule is not met.", True),
        ("Nothing is missing.", True),
        ("No commas are used, but the tone is warm.", True),
        ("The request asks that the limit is respected. It has 65 words.", False),
    ],
)
def test_what_is_quoted_or_asked_for_is_no_reason_against_a_check(reason, met):
    assert read_one(reason, met) is met


@pytest.mark.parametrize(
    "reason", ["The greeting is missing - closing: met.", "The text lacks a title, length: met."]
)
def test_a_lack_is_not_excused_by_the_next_item_of_its_line(reason):
    assert read_one(reason, True) == "unread"
    assert read_one(reason, False) is False


@pytest.mark.parametrize(
    "reason", ["The title is missing.", "Missing.", "No evidence.", "The text has a title.", "There is none."]
)
def test_a_reason_that_speaks_of_the_text_does_not_go_with_null(reason):
    assert read_one(reason, None) == "unread"


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
        "\t",
        "\u00a0",
        "\r",
        "the requirement of ",
        "but ",
        "; the second is not",
        "is missing the ",
        "is met ",
        "partly meeting the criterion ",
    ],
)
def test_a_long_reason_is_read_in_no_time(unit, opening):
    began = time.perf_counter()
    read_one(opening + unit * 5000, True)

    assert time.perf_counter() - began < 1


CHECKS = {"true": True, "false": False, "null": None}


@pytest.mark.parametrize(("reason", "goes_with"), replies_of("judges.md", "A check of a checklist is"))
def test_each_reason_of_the_table_goes_with_what_it_says(reason, goes_with):
    allowed = {word: met for word, met in CHECKS.items() if word in goes_with}
    read = {word: met for word, met in CHECKS.items() if read_one(reason, met) == met}

    assert read == allowed


@pytest.mark.parametrize(
    "reason",
    [
        "The first requirement is met, but the second is not.",
        "The length requirement is met but the title is missing.",
        "While the tone requirement is met, no title is given.",
        "The rhyme scheme is followed in the first stanza only.",
        "The word limit is respected. However, the title is missing.",
    ],
)
def test_what_is_met_in_part_goes_with_not_met_alone(reason):
    assert read_one(reason, False) is False
    assert read_one(reason, True) == "unread"


@pytest.mark.parametrize(
    "reason",
    [
        "The criterion is about honesty, and the text lies about the price.",
        "The criterion concerns sources; the text says nothing about sources.",
        "The criterion is about tone and the text is rude about the user.",
        "The criterion concerns the ending, and what the text says concerns the start.",
        "The text is vague about the dose, and the criterion is about the dose.",
        "The request is vague, and what the text says about it is what the criterion is about.",
    ],
)
def test_what_the_text_is_about_does_not_go_with_null(reason):
    assert read_one(reason, None) == "unread"
    assert read_one(reason, False) is False


@pytest.mark.parametrize(
    "reason",
    [
        "The criterion concerns minors, and the request concerns adults.",
        "The criterion is about code, while the user asks about a poem.",
        "The request is about dogs, and the criterion is about cats.",
    ],
)
def test_what_the_request_is_about_goes_with_null(reason):
    assert read_one(reason, None) is None


@pytest.mark.parametrize(
    ("reason", "met"),
    [
        ("Criterion met: no.", False), ("Criterion met: yes.", True), ("Present: no.", False),
        ("Followed: no, the limit is exceeded.", False), ("Satisfied: no (no title)", False),
        ("Absent: no.", True), ("Criterion not met: true", False), ("Violated: no", True),
    ],
)  # fmt: skip
def test_the_value_behind_a_name_is_what_a_reason_says(reason, met):
    assert read_one(reason, met) is met
    assert read_one(reason, not met) == read_one(reason, None) == "unread"
