"""Ask several times whether an answer passes, and take the share of yes (SPaR, arXiv 2412.11605, section
2.2). (prefgen/judges/binary_vote.py)
"""

import time

import pytest

from prefgen.judges.binary_vote import BinaryVote, read_vote
from prefgen.kit.parse_failure import ParseFailure
from prefgen.testing import Scripted
from prefgen.types import Reply
from tests.support.judges import judged, scores


def vote(*says):
    replies = iter(
        [f"Checked.\n\nFinal judgment: {word}" if word in ("yes", "no") else word for word in says]
    )
    return Scripted(lambda _: next(replies))


async def test_votes_that_cannot_be_read_do_not_count_and_a_tie_is_no_verdict():
    """SPaR: Y Y N unparsed N is a tie and is discarded; Y Y Y N unparsed is 0.75."""
    tie = await judged(BinaryVote(model="m"), vote("yes", "yes", "no", "unparsed", "no"), "x")
    share = await judged(BinaryVote(model="m"), vote("yes", "yes", "yes", "no", "unparsed"), "x")
    none = await judged(BinaryVote(model="m", votes=2), vote("hm", "nothing"), "x")

    assert scores(tie) == {"r0": None}
    assert scores(share) == {"r0": 0.75}
    assert not scores(none)


async def test_the_word_not_is_no_vote():
    """ "Not" holds "No": only the last line counts, as a word."""
    assert not scores(
        await judged(BinaryVote(model="m", votes=1), Scripted(["Final judgment: Nothing is violated"]), "x")
    )
    assert scores(
        await judged(
            BinaryVote(model="m", votes=1), Scripted(["Not bad: no errors.\n**Final judgment: Yes**"]), "x"
        )
    ) == {"r0": 1.0}


@pytest.mark.parametrize(
    "text", ["Final judgment: no violations were found, it passes", "Final judgment: yes or no, I cannot say"]
)
async def test_a_vote_ends_its_line(text):
    assert not scores(await judged(BinaryVote(model="m", votes=1), Scripted([text]), "x"))


@pytest.mark.parametrize(
    ("words", "kept"), [(("no", "yes", "yes"), "All is met."), (("yes", "no", "no"), "Late.")]
)
async def test_the_rationale_is_one_of_the_winning_side(words, kept):
    said = {"yes": "All is met.\n\nFinal judgment: yes", "no": "Late.\n\nFinal judgment: no"}
    replies = iter(said[word] for word in words)

    [score] = await judged(BinaryVote(model="m", votes=3), Scripted(lambda _: next(replies)), "x")

    assert score.rationale == f"2 of 3 votes: {kept}" if words[1] == "yes" else f"1 of 3 votes: {kept}"


@pytest.mark.parametrize(
    ("words", "value"),
    [
        (("yes", "yes", "yes", "lost", "lost"), 1.0),
        (("no", "no", "yes", "no", "lost"), 0.25),
        (("yes", "no", "yes", "yes", "no"), 0.6),
        (("no", "lost", "lost", "lost", "lost"), "none"),
        (("yes", "lost"), "none"),
        (("no", "no", "yes", "lost", "lost"), "none"),
    ],
)
async def test_lost_votes_that_could_turn_the_majority_leave_no_score(words, value):
    verdicts = await judged(BinaryVote(model="m", votes=len(words)), vote(*words), "x")

    assert scores(verdicts) == ({} if value == "none" else {"r0": value})
    assert len(verdicts) == words.count("lost") + (value != "none")


def vote_of(text):
    try:
        return read_vote(Reply(text=text, finish_reason="stop"))[0]
    except ParseFailure:
        return None


@pytest.mark.parametrize(
    "text",
    [
        "### Length\nviolated: 300 words.\n\n### Tone\nFinal judgment: yes",
        "1. Length\nviolated\n\n2. Tone\nFinal judgment: yes",
        "Length is violated.\n\nFinal judgment: yes",
        "Wait, it is violated after all.\nFinal judgment: yes",
        "Does the text violate any constraint?\n\nFinal judgment: yes",
        "Is there any violation?\nFinal judgment: yes",
        "The text ends with:\nFinal judgment:\nyes",
        "Final judgment: Yes ❌",
        "Final judgment: No ✅",
        "Item 2 is not met.\n\nFinal judgment: yes",
        "There is a violation of item 2.\n\nFinal judgment: yes",
        "1. Violations found:\n- item 2\n\nFinal judgment: yes",
        "Constraint 1 (no commas) is violated.\n\nFinal judgment: yes",
        "No, item 2 is violated.\n\nFinal judgment: yes",
        "Is any rule violated? Yes, the second is violated.\n\nFinal judgment: yes",
        "The text violates the second rule.\n\nFinal judgment: yes",
        "The rule on length was clearly violated.\n\nFinal judgment: yes",
        f"{'The text goes through the request in its order. ' * 8}Rule 2 is violated.\n\nFinal judgment: yes",
        "### Length\nFine.\n\n### Tone\nFinal judgment: yes",
        "### Length\nFine.\nFinal judgment: yes\n\n### Tone\nCalm.\nFinal judgment: yes",
        "### Length\n90 words.\nJudgment: yes",
        "Judgment: yes\n\nJudgment: yes",
        "Final judgment: No, nothing is violated.",
        "Final judgment: no, all is met",
        "Final judgment: No.\n\nAll constraints are met.",
        "Final judgment: yes, but the fifth tip is missing",
        "Final judgment: yes\n\nAll constraints but the last are met.",
        "Final judgment: yes\n\nAll constraints are met. The title is missing.",
        "Final judgment: no\n\nThe fifth is missing. Wait, it is there.",
        "Final judgment: yes\n\nThe text meets none of them.",
        "The request asks:\nyes",
    ],
)
def test_a_vote_beside_its_opposite_is_unread(text):
    assert vote_of(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "Final judgment: [[yes]]", "The final judgment is: yes", "Violated: none.\n\nFinal judgment: yes",
        "Does the text follow every instruction?\nFinal judgment: yes",
        "Nothing is missing.\nFinal judgment: yes", 'Final judgment: "yes"', "Final judgment: \\boxed{yes}",
        "Final judgment: <yes>", "Yes", "yes.", "\\boxed{yes}", "Judgment: yes",
        "No constraint is violated.\n\nFinal judgment: yes", "Nothing is violated.\n\nFinal judgment: yes",
        "None of the constraints is violated.\n\nFinal judgment: yes",
        "So no single instruction is violated.\n\nFinal judgment: yes",
        "What is violated? Nothing.\n\nFinal judgment: yes", "Violated words: none.\n\nFinal judgment: yes",
        "- Violations found: none\n\nFinal judgment: yes", "Violations:\n- None\n\nFinal judgment: yes",
        "Items not met: none\n\nFinal judgment: yes", "Is any rule violated? No.\n\nFinal judgment: yes",
        '1. "Human rights are violated daily" names a topic: met.\n\nFinal judgment: yes',
        "A fourth tip would be violated if it named a price.\n\nFinal judgment: yes",
        "### Length\n90 words: met.\n\n### Language\nEnglish: met.\n\nFinal judgment: yes",
        "Final judgment: yes\n\nAll constraints are met.",
        "Final judgment: Yes, every instruction is followed.",
        "**Final judgment: Yes**\n\nThe text meets all of them.", "Final judgment: yes (all items are met)",
    ],
)  # fmt: skip
def test_a_clear_vote_is_read(text):
    assert vote_of(text) is True


@pytest.mark.parametrize(
    "text",
    [
        "Final judgment: no (the fifth tip is missing)", "Final judgment: No, the fifth tip is missing.",
        "Final judgment: no - it has only four tips", "**Final judgment: No**\n\nThe fifth tip is missing.",
        "Item 2 is violated.\n\nFinal judgment: no", "No", "Judgment: no",
        "### Length\n120 words: violated.\n\n### Tone\nCalm: met.\n\nFinal judgment: no",
    ],
)  # fmt: skip
def test_a_clear_no_is_read(text):
    assert vote_of(text) is False


@pytest.mark.parametrize(
    "words",
    [
        "No constraint is violated except the second.",
        "None but item 2 is violated.",
        "No constraint is violated, apart from item 2.",
        "None of the tips is numbered so item 2 is violated.",
        "Nothing is in bold and item 2 is violated.",
        "Item 2 is violated: no title is given.",
        "Item 2 is violated: 0 of 3 tips.",
        "Item 2 is violated - no title.",
        "If a title is wanted item 2 is violated.",
        "No rule is violated save the third.",
        "Nothing is violated and item 2 is violated.",
        "Item 2 is violated and nothing else is violated.",
        "No word is repeated and the second rule is violated.",
        "Nothing other than item 2 is violated.",
        "Nothing is violated but item 2.",
        "Item 2 is violated: none of the tips is numbered.",
    ],
)
def test_a_yes_beside_a_fault_that_a_denial_does_not_reach_is_unread(words):
    assert _vote_or_none(f"{words}\n\nFinal judgment: yes") is None


@pytest.mark.parametrize(
    "words",
    [
        "No constraint is violated.",
        "No constraint is violated, only the tone is dry.",
        "Violated constraints: No constraint of the request is violated.",
        "None of the constraints is violated.",
        "Nothing is violated.",
        "Violations: none",
        "Violations: None.",
        "Violations: 0",
        "Violations: none found.",
        "Violations: None of the constraints.",
        "Is item 2 violated? No.",
        "Is item 2 violated? No, it is there.",
        "Is item 2 violated? No - it is there.",
        "So no constraint is violated.",
        "I check whether item 2 is violated. It has a title.",
        "No constraint is violated or unmet.",
        "Violated constraints:\nNone\n\n1. It has a title.",
        "Violated: none (all are met).",
        "1. No rule is violated.",
        "Nothing in this text violates the rules.",
        "I find that nothing is violated.",
        "**Violated constraints:** none\n\n1. ok",
        "1. Violated? No. The title is there.",
    ],
)
def test_a_yes_beside_a_denied_fault_is_read(words):
    assert _vote_or_none(f"{words}\n\nFinal judgment: yes") is True


@pytest.mark.parametrize(
    ("remark", "vote"),
    [
        ("yes, all are met, save the second.", None),
        ("yes, all are met, apart from the title.", None),
        ("yes, all are met, bar one.", None),
        ("yes. It follows one rule.", None),
        ("yes, the text follows some rules.", None),
        ("yes (all are met with one exception)", None),
        ("yes, it meets 2 of 3.", None),
        ("yes, all are met.", True),
        ("yes. All three constraints are met.", True),
        ("yes, it follows all 3 rules.", True),
        ("yes, it meets both constraints.", True),
        ("yes (all 4 constraints are met)", True),
        ("yes. All are met: three paragraphs, two titles.", True),
        ("no, it doesn't violate any rule.", None),
        ("no, it doesn’t violate any rule.", None),
        ("no, it doesn't lack anything.", None),
        ("no. The text exceeds expectations.", None),
        ("no, it fails to break any rule.", None),
        ("no. It only does what was asked.", None),
        ("no. I was wrong.", None),
        ("no. There isn't a fault.", None),
        ("no (the user did not ask for a title)", None),
        ("no, it hasn't violated a rule.", None),
        ("no, it isn't wrong.", None),
        ("no, the user didn't want a title.", None),
        ("no. A title was not asked for.", None),
        ("no, it isn't missing a title.", None),
        ("no, it lacks a title.", False),
        ("no, it doesn't have a title.", False),
        ("no, it lacks the title that the user asked for.", False),
        ("no. It exceeds 100 words.", False),
        ("no, it exceeds the word limit.", False),
        ("no, it only has 3 tips.", False),
        ("no, only two tips are given.", False),
        ("no (the second is not met)", False),
        ("no, the title is missing.", False),
        ("no. It fails to give a title.", False),
        ("no, it is too long.", False),
        ("no, item 2 is violated.", False),
        ("no, it contains only three of five items.", False),
        ("no. It does not ask a question at the end.", False),
        ("no, it does not meet the required length.", False),
        ("no, it is not what was requested.", False),
        ("no, the instruction was not followed.", False),
        ("no, the user's request is not met.", False),
        ("no, it doesn't break the text into paragraphs.", False),
    ],
)
def test_a_remark_must_speak_for_its_vote(remark, vote):
    assert _vote_or_none(f"Final judgment: {remark}") is vote


def _vote_or_none(text):
    try:
        return read_vote(Reply(text=text, finish_reason="stop"))[0]
    except ParseFailure:
        return None


WELL = [
    "Violations: none",
    "I found no violations.",
    "No constraint is violated.",
    "All constraints are met.",
    "1. Five tips: met\n2. Lower case: met",
    "- Five tips: yes\n- Lower case: ✓",
    "Is any instruction violated?\n\nAll five tips are there.",
    "Everything is as asked, so no instruction is broken.",
    "The text follows every instruction.",
    "Is anything violated? No.",
    "Nothing is missing.",
    "The response fully complies with the request.",
    "Every rule is followed, and nothing is wrong.",
]
ILL = [
    "The word limit is exceeded.",
    "- Word limit: fail",
    "- Word limit: FAILED\n- Tone: passed",
    "1. Lower case: ✗",
    "2. Lower case: ❌",
    "Constraint 2: unsatisfied.",
    "- Word limit: no\n- Tone: yes",
    "- Ends with a question: No, it ends with a period.",
    "The second constraint isn't satisfied.",
    "The response does not comply with the format.",
    "So the text does not pass.",
    "The signature is missing.",
    "The response fails to address the second part.",
    "The text ignores the request for bullet points.",
    "Only four of the five tips are given.",
    "The response doesn’t adhere to the format.",
]


@pytest.mark.parametrize("words", WELL)
def test_a_no_beside_words_that_all_is_well_is_unread(words):
    assert vote_of(f"{words}\n\nFinal judgment: no") is None
    assert vote_of(f"{words}\n\nFinal judgment: yes") is True


@pytest.mark.parametrize("words", ILL)
def test_a_yes_beside_a_plain_lack_is_unread(words):
    assert vote_of(f"{words}\n\nFinal judgment: yes") is None
    assert vote_of(f"{words}\n\nFinal judgment: no") is False


@pytest.mark.parametrize("words", WELL)
@pytest.mark.parametrize("lack", ILL)
def test_a_no_beside_both_is_read(words, lack):
    assert vote_of(f"{words}\n\n{lack}\n\nFinal judgment: no") is False


@pytest.mark.parametrize(
    "words",
    [
        "The title is not missing.",
        "The text does not use bullet points, as asked.",
        "- Forbidden words: no\n- Title: yes",
        "- Uses commas: no, as required",
        "It is not too long.",
        "No signature is missing.",
        "The title is missing, as requested.",
        "3. No commas → no commas found",
        "The text says „wahr“ and nothing is violated.",
    ],
)
def test_a_yes_beside_what_is_no_lack_is_read(words):
    assert vote_of(f"{words}\n\nFinal judgment: yes") is True


REASONS = {
    True: [
        "it has five sentences, as asked.",
        "the text is in French as requested.",
        "nothing is missing.",
        "there are no violations.",
        "the response adheres to all instructions.",
        "the poem has four lines and rhymes.",
        "each of the five items is there.",
        "the title was not asked for.",
    ],
    False: [
        "it has six sentences.",
        "the text is in English, not French.",
        "it omits the title.",
        "the response ignores the format.",
        "the poem has five lines instead of four.",
        "there is a comma in line 2.",
        "it does not mention the price.",
        "one of the five items is left out.",
    ],
}
FORMS = [
    "{v}, {r}",
    "{v}. {r}",
    "{v} ({r})",
    "{v} - {r}",
    "{v} because {r}",
    "{v}: {r}",
    "{v}\n\n{r}",
    "{v}\n\n---\n\n{r}",
]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("is_yes", [True, False])
def test_a_usual_reason_behind_a_vote_is_read_whatever_was_said(form, is_yes):
    word = "yes" if is_yes else "no"
    for reason in REASONS[is_yes]:
        for end in ("", "\n\n---", "\n\nI hope this helps!", "\n\nLet me know if you need more.\n"):
            assert vote_of(f"Final judgment: {form.format(v=word, r=reason)}{end}") is is_yes


@pytest.mark.parametrize(
    "remark",
    [
        "yes because the title is missing.", "yes, there are violations.", "yes. It has no title.",
        "yes\n\nThe limit is exceeded.", "yes, mostly.", "yes, it lacks a date.", "no because all are met.",
        "no: nothing is violated.", "no. It follows the request.", "no\n\nViolations: none",
        "no, it is as requested.",
        "no\n\nI hope all constraints are met.",
    ],
)  # fmt: skip
def test_a_reason_for_the_other_vote_behind_it_is_a_doubt(remark):
    assert vote_of(f"Final judgment: {remark}") is None


@pytest.mark.parametrize(
    "unit",
    [
        "“A ",
        "„A “",
        '"A ',
        "no x ",
        "is violated ",
        "- A: no ",
        "so so ",
        "violations: ",
        "not met, ",
        "all ",
        "4 of ",
        "x",
    ],
)
def test_a_vote_behind_a_long_line_is_read_in_no_time(unit):
    for text in (f"x\n{unit * 8000}\n\nFinal judgment: yes", f"Final judgment: no, {unit * 8000}"):
        began = time.perf_counter()
        vote_of(text)

        assert time.perf_counter() - began < 1


@pytest.mark.parametrize(
    "remark",
    [
        "no, all five tips are given", "no, everything is there", "no, each item is listed", "no, flawless",
        "no, 5/5", "no, four of four", "no, zero errors", "no, 0 violations", "no, error-free",
        "no, free of errors", "no, none", "no, nothing is left out", "no, it is free from mistakes",
        "yes. It is off topic.", "yes, it skips the title", "yes, it rambles", "yes, it is bad", "yes, 0/5",
        "yes, 4 of 5", "yes, it covers part of it",
        "yes, three of the five", "yes, nowhere near", "yes, I guess", "yes, more or less",
        "yes, the opposite", "yes, to a degree", "yes, technically", "yes, three titles instead of one",
    ],
)  # fmt: skip
def test_a_reason_that_plainly_says_the_other_side_is_a_doubt(remark):
    assert vote_of(f"Final judgment: {remark}") is None


@pytest.mark.parametrize(
    ("remark", "vote"),
    [
        ("no, the poem is all in capitals", False),
        ("no, each line has six words", False),
        ("no, it has 4 of 5 tips", False),
        ("no, 0 of 3 tips", False),
        ("no, it rambles", False),
        ("no, it skips the title", False),
        ("no, nowhere near", False),
        ("no, both lists given have six items", False),
        ("no, the title is unclear", False),
        ("yes, it names a kind of tree", True),
        ("yes, it is told in a way that a child follows", True),
        ("yes, 5 of 5 tips are given", True),
        ("yes, all five tips are given", True),
        ("yes, zero errors", True),
        ("yes, error-free", True),
        ("yes, it is free of errors", True),
        ("yes, it was posted on 24/12", True),
        ("yes, flawless", True),
        ("yes, nothing is left out", True),
        ("yes, it covers both parts of the question", True),
        ("no, the signature is left out", False),
        ("yes\n\nThank you!", True),
    ],
)
def test_a_reason_of_the_same_side_or_of_none_is_read(remark, vote):
    assert vote_of(f"Final judgment: {remark}") is vote


@pytest.mark.parametrize(
    "text",
    [
        "yes\n\nThank you, it is a no.",
        "yes\n\nI hope this helps, the title is missing.",
        "yes\n\nLet me know whether the missing title matters.",
        "no\n\nFeel free to count it as a yes.",
    ],
)
def test_a_farewell_that_goes_on_is_read_as_what_it_says(text):
    assert vote_of(f"Final judgment: {text}") is None


@pytest.mark.parametrize(
    ("items", "unread", "vote"),
    [
        ("Title: missing", "yes", "no"),
        ("Title: No\nLength: Yes", "yes", "no"),
        ("Length: not met", "yes", "no"),
        ("- Title: absent\n- Length: met", "yes", "no"),
        ("Title: yes\nLength: yes", "no", "yes"),
        ("Title: met\nLength: ok.", "no", "yes"),
        ("Violations: 0", "no", "yes"),
    ],
)
def test_items_without_bullets_speak_as_those_with_them(items, unread, vote):
    assert vote_of(f"{items}\n\nFinal judgment: {unread}") is None
    assert vote_of(f"{items}\n\nFinal judgment: {vote}") is (vote == "yes")


@pytest.mark.parametrize(
    ("items", "vote"),
    [
        ("Title: yes\nLength: 120 words", "no"),
        ("Title: yes\n\nIt has 120 words.", "no"),
        ("Forbidden words: no\nTitle: yes", "yes"),
        ("Violations: no", "yes"),
        ("Title: missing, as requested", "yes"),
    ],
)
def test_items_that_leave_the_vote_open_are_no_doubt(items, vote):
    assert vote_of(f"{items}\n\nFinal judgment: {vote}") is (vote == "yes")


MET, UNMET = "Final judgment: yes", "Final judgment: no"


@pytest.mark.parametrize(
    "words",
    [
        "All 5 of 5 constraints are met.",
        "The text satisfies 5 out of 5 constraints.",
        "5/5",
        "3/3 requirements satisfied.",
        "Tips: 5/5\nTitle: 1/1",
        "Score: 10/10",
        "Title: present\nTips: present",
        "Title: given\nTips: given",
        "- Title: correct\n- Tips: correct",
        "| Item | Result |\n|---|---|\n| Title | yes |\n| Tips | met |",
        "- [x] Title\n- [x] Tips",
        "1. Title: fully met\n2. Tips: all there (five)",
    ],
)
def test_a_count_or_a_list_of_all_leaves_a_no_in_doubt(words):
    assert vote_of(f"{words}\n\n{UNMET}") is None
    assert vote_of(f"{words}\n\n{MET}") is True


@pytest.mark.parametrize(
    "words",
    [
        "4 of 5 constraints are met.",
        "4/5 constraints met.",
        "It meets 4 out of 5 requirements.",
        "Three of the four constraints are satisfied.",
        "Score: 4/5",
        "- Title: 0/1\n- Tips: 1/1",
        "Title: incorrect",
        "Title: wrong",
        "Title: incomplete",
        "Title: lacking",
        "Length: too long",
        "1. Title: partially met",
        "2. Title: mostly done.",
        "Title: not done",
        "Title: not quite",
        "| Title | no |",
        "| Item | Met |\n|---|---|\n| Title | no | it opens with the list |",
        "- [ ] Title\n- [x] Tips",
        "It omits the title.",
        "The response skips the title.",
        "The title is left out.",
    ],
)
def test_a_count_of_less_or_a_failed_item_leaves_a_yes_in_doubt(words):
    assert vote_of(f"{words}\n\n{MET}") is None
    assert vote_of(f"{words}\n\n{UNMET}") is False


@pytest.mark.parametrize(
    "words",
    [
        "Two of the five steps use tools.",
        "It was published on 3/12.",
        "Length: roughly 200 words",
        "- Tone: no complaints",
        "- Topic: errors in Python",
        "- Title: part 2",
        '- Title: "Wrong turn"',
        "Score: 5/5",
        "- Commas: not too many",
    ],
)
def test_values_that_say_nothing_of_their_item_are_no_doubt(words):
    assert vote_of(f"{words}\n\n{MET}") is True


@pytest.mark.parametrize(
    "words", ["5 of 5 tips are given. There is no title.", "1. Tips: 5/5\n2. Title: 0/1"]
)
def test_a_count_of_all_beside_a_lack_is_no_doubt(words):
    assert vote_of(f"{words}\n\n{UNMET}") is False


@pytest.mark.parametrize(
    "name",
    [
        "Uses commas",
        "Contains profanity",
        "Spoilers",
        "Personal opinions",
        "Refusal",
        "Hallucination",
        "Harmful",
    ],
)
def test_a_single_thing_that_is_there_or_is_not_says_nothing_certain(name):
    """Whether it was to be there is not said; of a list of them each counts, for a yes as for a no."""
    for value, word in (("no", "yes"), ("yes", "no")):
        assert vote_of(f"{name}: {value}\n\nFinal judgment: {word}") is (word == "yes")
        assert vote_of(f"{name}: {value}\nTitle: {value}\n\nFinal judgment: {word}") is None


def test_what_a_text_answers_is_no_item():
    said = "The question asks whether whales are fish.\nAnswer: No\nTitle: met"
    assert vote_of(f"{said}\n\n{MET}") is True


HEDGES = [
    "pretty much", "basically", "essentially", "generally", "loosely", "by and large", "just about",
    "probably",
    "likely", "possibly", "in spirit", "with reservations", "with a caveat", "minus the title", "sans title",
    "albeit late", "give or take", "narrowly", "if lenient", "so to speak",
]  # fmt: skip


@pytest.mark.parametrize("words", HEDGES)
def test_a_few_words_that_may_limit_a_vote_leave_it_unread_whichever_it_is(words):
    for form in ("{v}, {r}", "{v} ({r})", "{v}, {r}.", "{v} - {r}"):
        for word in ("yes", "no"):
            if word == "no" and words == "minus the title":
                continue
            assert vote_of(f"Final judgment: {form.format(v=word, r=words)}") is None


@pytest.mark.parametrize(
    "words",
    [
        "absolutely",
        "clearly",
        "without doubt",
        "without any doubt",
        "of course",
        "no doubt",
        "overall",
        "definitely",
    ],
)
def test_a_few_words_that_limit_nothing_go_with_both_votes(words):
    for word in ("yes", "no"):
        assert vote_of(f"Final judgment: {word}, {words}.") in (
            word == "yes",
            None if "doubt" in words else 0,
        )


@pytest.mark.parametrize(
    ("remark", "vote"),
    [
        ("yes, perfectly", True),
        ("yes, fully", True),
        ("yes (200 words)", True),
        ("no (250 words)", False),
        ("yes, five tips", True),
        ("no, four tips", False),
        ("yes, as asked", True),
        ("no, wrong language", False),
        ("yes, I think so", True),
        ("yes, the opposite of what was asked", None),
        ("no, the opposite of what was asked", False),
        ("no, 5 of 5 sentences use commas", False),
        ("no, 2 of 2 titles are in French", False),
        ("no, 5 of 5 are met", None),
    ],
)
def test_a_few_words_that_name_something_go_with_their_vote(remark, vote):
    assert vote_of(f"Final judgment: {remark}") is vote


@pytest.mark.parametrize(
    "unit", ["x ", "| a ", "- a: b - ", "a: b\n", "4/5 ", "5 of 5 ", "all tips ", "oddly "]
)
@pytest.mark.parametrize("vote", ["yes", "no"])
def test_what_stands_before_a_vote_is_read_in_no_time(unit, vote):
    began = time.process_time()
    vote_of(f"{(unit * 20_000)[:40_000]}\n\nFinal judgment: {vote}")

    assert time.process_time() - began < 1


@pytest.mark.parametrize("cross", "❌✗✘✖×✕☒🚫⛔❎👎⚠🔴")
@pytest.mark.parametrize(
    "items", ["1. Title: {}\n2. Tips: ✔", "{} Title\n✔ Tips", "| Title | {} |\n| Tips | ✔ |"]
)
def test_any_cross_of_a_list_makes_a_yes_unread(items, cross):
    said = items.format(cross)
    assert vote_of(f"{said}\n\nFinal judgment: yes") is None
    assert vote_of(f"{said}\n\nFinal judgment: no") is False
    assert vote_of(f"{items.format('✔')}\n\nFinal judgment: yes") is True


ILL = [
    "Not every constraint is met.",
    "All constraints are met except the title.",
    "All but one constraint are met.",
    "Everything but the title is there.",
    "The title constraint is not respected.",
    "The title constraint is not adhered to.",
    "One constraint fails.",
    "That's a violation.",
    "Violation found in line 2.",
    "Failed: 1\nPassed: 4",
    "1. Title: N\n2. Tips: Y",
    "1. Title: partial\n2. Tips: full",
    "Does the text follow all? No.",
    "1. **Title**: The text has no title. **not met**\n2. **Tips**: Five tips are listed. **met**",
    "1. Title (not met): none is there.\n2. Tips (met): five.",
    "Paris is not mentioned → violated",
    "| Mention Paris | Paris is not mentioned | fail |",
    "1. JSON: not valid JSON / violated",
]


@pytest.mark.parametrize("said", ILL)
def test_what_says_that_something_is_not_met_goes_with_a_no_alone(said):
    assert vote_of(f"{said}\n\nFinal judgment: yes") is None
    assert vote_of(f"{said}\n\nFinal judgment: no") is False


@pytest.mark.parametrize(
    "said",
    [
        "1. **No commas**: There are no commas. **met**\n2. **Tips**: Five tips are listed. **met**",
        "1. No commas (met): there are none.\n2. Tips (met): five are there.",
        "1. No errors\n   - Evidence: No error is there.\n   - Result: met\n2. Tips\n   - Result: met",
        "### 1. No errors\nNo error is there.\nmet\n### 2. Tips\nFive.\nmet",
        "There are no commas. satisfied.\nFive tips are listed. satisfied.",
        "1. Avoid errors: There are no errors → met\n2. Tips: five → met",
    ],
)
def test_a_list_of_items_that_all_end_in_met_goes_with_a_yes_alone(said):
    """Also where its sentences deny something: the value behind each is what counts."""
    assert vote_of(f"{said}\n\nFinal judgment: yes") is True
    assert vote_of(f"{said}\n\nFinal judgment: no") is None


@pytest.mark.parametrize(
    "said",
    [
        "1. Title: met\n2. Tips: met\n\nThe text is too long, though.",
        "1. Title: met\n2. Tips: four of five",
        "The size is 2 × 3, and the title is missing.",
    ],
)
def test_a_list_that_goes_on_to_a_fault_goes_with_a_no(said):
    assert vote_of(f"{said}\n\nFinal judgment: no") is False


def test_a_multiplication_is_no_cross():
    assert vote_of("The size is 2 × 3, as asked.\n\nFinal judgment: yes") is True


@pytest.mark.parametrize(("vote", "mark", "contrary"), [("yes", "✅", "❌"), ("no", "❌", "✅")])
@pytest.mark.parametrize("form", ["Final judgment: {} {}", "**Final judgment: {}** {}"])
def test_a_mark_beside_a_vote_must_agree_with_it(form, vote, mark, contrary):
    assert vote_of(form.format(vote, mark)) is (vote == "yes")
    assert vote_of(f"Final judgment: {mark} {vote}") is (vote == "yes")
    assert vote_of(form.format(vote, contrary)) is None
    assert vote_of(f"Final judgment: {contrary} {vote}") is None


ALL_IS_WELL = [
    "All constraints are followed.",
    "Thus, all three items are fully met.",
    "Both requirements are met.",
    "The text follows every instruction.",
    "It meets all of the requirements.",
    "Everything that was asked for is done.",
    "Nothing is violated.",
    "There are no violations.",
]
DENIES_SOMETHING = [
    "The text does not use any commas.",
    "No names are used.",
    'The word "bloom" is absent.',
    "There is no title, as asked.",
    "1. No commas: none are used.\n2. It does not rhyme.\n",
]


@pytest.mark.parametrize("last", ALL_IS_WELL)
@pytest.mark.parametrize("before", DENIES_SOMETHING)
def test_the_last_sentence_says_that_all_is_well_behind_any_denial(before, last):
    assert _vote_or_none(f"{before} {last}\n\nFinal judgment: no") is None
    assert _vote_or_none(f"{before} {last}\n\nFinal judgment: yes") is True


@pytest.mark.parametrize(
    "last",
    [
        "All other constraints are met.",
        "Each line rhymes and is complete.",
        "Both length requirements are met.",
        "All instructions on style are followed.",
    ],
)
def test_what_is_well_in_part_leaves_a_no_readable(last):
    assert _vote_or_none(f"The text does not name a price. {last}\n\nFinal judgment: no") is False


@pytest.mark.parametrize(
    "words",
    [
        "The first item is met, but the second is not.",
        "The constraint is partially met.",
        "The text only partially follows the instructions.",
        "The text mostly follows the instructions, but it has no question.",
        "The text largely follows what was asked.",
        "The constraint is partly followed.",
        "The text mostly follows instructions.",
        "None of the constraints are met.",
        "It is short. None of the requested items are provided.",
        "The title is missing. The length requirement is met.",
        "The title is missing. It is met only in part.",
        "The text lacks what was asked for.",
        "The text lacks a title, which is not what was asked.",
    ],
)
def test_a_yes_beside_what_is_met_in_part_or_not_at_all_is_unread(words):
    assert _vote_or_none(f"{words}\n\nFinal judgment: yes") is None
    assert _vote_or_none(f"{words}\n\nFinal judgment: no") is False


@pytest.mark.parametrize(
    "words",
    [
        'The word "bloom" is absent from the text, so this is met.',
        "- No commas: commas are absent. ✅",
        "- Avoid jargon: jargon is left out → met.",
        "2. Names are omitted. Met.",
        "The greeting is omitted, which is what was asked.",
        "The text lacks any commas, which meets the constraint.",
        "The forbidden words are absent.",
        "All forbidden words are avoided.",
        "1. Wrap it in quotes: satisfied; it starts and ends with a quotation mark.",
    ],
)
def test_a_yes_beside_what_is_absent_as_asked_is_read(words):
    assert _vote_or_none(f"{words}\n\nFinal judgment: yes") is True


@pytest.mark.parametrize(
    "words",
    [
        "The title is absent.",
        "The required keyword is absent.",
        "The required P.S. is absent.",
        "A greeting is absent, though the request asks for one.",
        'The keyword "rain" is absent, although it was required.',
        "The second part of the answer is absent.",
        "A conclusion is completely absent.",
        "The title is absent. The length requirement is met.",
    ],
)
def test_a_yes_beside_what_is_absent_is_unread(words):
    assert _vote_or_none(f"{words}\n\nFinal judgment: yes") is None
    assert _vote_or_none(f"{words}\n\nFinal judgment: no") is False


@pytest.mark.parametrize(
    "words",
    [
        "Commas are absent, so this constraint is met.",
        "Commas are absent. The requirement is met.",
        '2. The word "water" is absent. Met.',
        'The word "bloom" is absent. The only constraint is met.',
        'The word "bloom" is absent. The text does everything that was asked.',
        "Commas are absent from the text, as requested.",
        "The text largely follows a chronological order. It has three paragraphs, as asked.",
        "The text mostly follows iambic pentameter, which is allowed.",
    ],
)
def test_a_yes_beside_what_is_absent_or_followed_in_the_main_as_it_may_be_is_read(words):
    assert _vote_or_none(f"{words}\n\nFinal judgment: yes") is True


@pytest.mark.parametrize(
    "words",
    [
        "The title is missing, bullet points: satisfied.",
        "The title is missing, word limit: respected.",
        "- Title: the title is missing, length: ✅",
        "The greeting is missing - closing line: met.",
        "The word limit is exceeded, but the title: met",
        "The text is too long, title: met.",
        "The title is missing, and the tips are numbered, as requested.",
        "The title is missing and the tips are numbered as requested.",
    ],
)
def test_a_lack_is_not_excused_by_the_next_item(words):
    assert _vote_or_none(f"{words}\n\nFinal judgment: yes") is None
    assert _vote_or_none(f"{words}\n\nFinal judgment: no") is False


def test_a_refusal_that_is_quoted_is_not_the_judges_own():
    refusal = 'The text refuses: "I can\'t help with that." No item is given.\n\nFinal judgment: no'

    assert _vote_or_none(refusal) is False
    assert _vote_or_none("I can't judge this.\n\nFinal judgment: no") is None
