"""Words of reasons that take their own rating or check back. (prefgen/kit/withdrawals.py)"""

import json
import time

import pytest

from prefgen.kit.aspect_replies import read_critique
from prefgen.kit.final_words import withdraws
from prefgen.kit.parse_failure import ParseFailure
from prefgen.kit.ratings import read_rating
from prefgen.kit.withdrawals import withdraws_rating
from prefgen.types import Reply


@pytest.mark.parametrize(
    "reasons",
    [
        "Wait, that is wrong.", "Good - wait, it lacks a date.", "Fine. Wait no, it is bad.", "Hold on.",
        "I lower this to 2.", "I'd lower it.", "I will change my rating.", "I have to correct this.",
        "I then deduct two points.", "I misjudged it.", "I meant the other.",
        "I was wrong: the date is missing.",
        "On reflection, it is worse.", "On second thought it fails.", "Upon closer inspection, it fails.",
        "Let me reconsider.", "Scratch that.", "My mistake.", "Oops, the other one.", "Just kidding.",
        "The rating should be lower.", "The score ought to be lower.", "The verdict needs a second look.",
        "The rating would be 2.", "Lowering the score for that.", "Raising this to 5.",
        "I cannot judge this.",
        "This rating is a guess.", "The two are swapped.", "The wrong order: Text 1 is the other one.",
        "Hmm, a 2 is fairer.", "Actually, it deserves a lower one.", "Correction: 2.", "No, it is a 2.",
        "Sorry, my rating is another one.",
        "The text is clear. But wait, it is wrong.", "It is clear, but wait, it is wrong.",
        "Fine. Oh wait, it is wrong.", "Fine. Oh, wait. It is wrong.", "Good. But wait. It is wrong.",
        "Good.\nBut wait - it is wrong.", "Wait a moment. It is wrong.", "Wait a minute, it is wrong.",
        "Wait that is wrong.", "Wait it lacks a date.", "Wait this is wrong.", "No wait, it is wrong.",
        "Sorry, this is wrong.", "Actually, lower.", "Actually, it is far worse.", "Correction: lower.",
        "Hmm, lower than that.", "Hmm... lower.", "Edit: too kind.", "No, it is worse.", "No, it's wrong.",
        "Edit: a bit too harsh.", "Revising this down.", "Good. Adjusting it upwards.",
    ],
)  # fmt: skip
def test_what_takes_its_own_rating_back_is_known(reasons):
    assert withdraws_rating(reasons)


TEXTS_THAT_CHANGE = [
    "Wait a minute before opening the lid, it says.", "But waiting is not needed.",
    "It says to wait. It helps.", "No, the date of the treaty is wrong.",
    "Actually, the second date is wrong.", "Correction: the lower bound is known.",
    "Revising it would help.",
    "Consider revising the introduction.", "You could change the title to something shorter.",
    "Try adjusting the length to the 100 words that were asked for.", "Revise the last paragraph.",
    "Revise this sentence: it is unclear.", "The steps are in the wrong order.",
    "No, the capital is Canberra.",
    "The names of the two rivers are swapped.", "The percentages don't add up to 100.",
    "Actually, the capital is Canberra.", "The claim is wrong. Correction: the capital is Canberra.",
    "It tells the reader to wait 5 minutes.", "Wait times are described.", "State how long to wait.",
    "It misread the question.", "The writer misjudged the audience.", "It presents a guess as a fact.",
    "It is only joking where a serious answer was wanted.", "Reconsider the claim in sentence 3.",
    "Let me rephrase: the intro is long.", "I cannot say the answer is complete.", "It changes the subject.",
    "Sorry to say, it ignores the request.", "Actually helpful and correct.", "Three out of five items hold.",
    "I would give two examples rather than one.", "It deserves 3 corrections: two dates and a name.",
]  # fmt: skip


@pytest.mark.parametrize("reasons", TEXTS_THAT_CHANGE)
def test_a_text_that_changes_or_is_to_be_changed_takes_no_rating_back(reasons):
    critique = Reply(text=json.dumps({"feedback": reasons, "overall": 7}), finish_reason="stop")
    rating = Reply(text=json.dumps({"rationale": reasons, "rating": 4}), finish_reason="stop")

    assert read_critique(critique) == (reasons, 7)
    assert read_rating(rating, (1.0, 5.0)) == (4, reasons)


@pytest.mark.parametrize(
    ("reasons", "rating"),
    [
        ("So the score should be 4.", 4), ("It earns full marks for accuracy.", 5),
        ("It is good, and does not deserve a 5.", 4), ("It could have been rated 5 with an example.", 4),
        ("It deserves the lowest rating.", 1), ("The list should be 3 items long.", 4),
    ],
)  # fmt: skip
def test_reasons_that_give_this_very_rating_speak_for_it(reasons, rating):
    reply = Reply(text=json.dumps({"rationale": reasons, "rating": rating}), finish_reason="stop")

    assert read_rating(reply, (1.0, 5.0))[0] == rating


@pytest.mark.parametrize(
    ("reasons", "rating"),
    [
        ("So the score should be 2.", 4), ("It earns full marks for accuracy.", 2),
        ("It does not deserve more than a 2.", 4), ("It does not deserve a 3.", 4),
        ("It deserves the lowest rating.", 4), ("It deserves 2 points.", 4),
        ("It deserves a 2 unless it is old.", 4),
        ("I give it 2 of 5.", 4), ("The ratings are percentages.", 4),
    ],
)  # fmt: skip
def test_reasons_that_give_another_rating_are_doubted(reasons, rating):
    reply = Reply(text=json.dumps({"rationale": reasons, "rating": rating}), finish_reason="stop")

    with pytest.raises(ParseFailure):
        read_rating(reply, (1.0, 5.0))


@pytest.mark.parametrize("blank", ["\n", "\n ", "\n\n\t", "\r\n"])
def test_blank_lines_take_no_time(blank):
    text = "x" + blank * (20000 // len(blank)) + "Sorry, my rating is lower."
    started = time.monotonic()

    assert withdraws_rating(text)
    assert withdraws(text)
    assert time.monotonic() - started < 1
