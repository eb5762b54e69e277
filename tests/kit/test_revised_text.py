"""What a reviser wrote as the new text, told from what it says of that text, or says instead of it.
(prefgen/kit/revised_text.py)
"""

import time

import pytest

from prefgen.kit.revised_text import leaves_it_alone, revised_text, speaks_of_the_reply

AROUND_PARIS = [
    "<revised_text>\nParis.\n</revised_text>",
    "<corrected_reply>Paris.</corrected_reply>",
    "Paris.\n\n(I corrected the capital.)",
    "Paris.\n\nKey changes:\n- the capital",
    "Paris.\n\n**Key changes:**\n- the capital",
    "Here is a revised reply that is less harmful:\n\nParis.",
    "Here's a rewritten version of the reply:\n\nParis.",
    'Here is the rewritten reply:\n\n"Paris."',
    "Sure! Here's the revised reply:\n\n---\n\nParis.\n\n---",
    "Here is my revised response:\n\nParis.\n\nThis revision removes the harmful content.",
    "Certainly! Here is a new reply that addresses the critique:\n\nParis.",
    "I understand the critique. Here's a more helpful reply:\n\nParis.",
    "I've rewritten the reply to be less harmful:\n\nParis.",
    "Based on the critique, here’s an improved response:\n\nParis.",
    "Here is a less harmful version of the reply:\nParis.",
    "Here's the reply, rewritten:\n\nParis.",
    "Below is the revised reply.\n\nParis.",
    "The revised reply is as follows:\n\nParis.",
    "Here is the new reply:\n\nParis.",
    "New reply:\n\nParis.",
    "Here's a rewrite:\n\nParis.",
    "**Revised Reply**\n\nParis.",
    "### Revised Response\n\nParis.",
    "**Revised reply:** Paris.",
    "Revised reply: Paris.",
    "Here is the revised reply: Paris.",
    "Revision: Paris.",
    "---\n\nParis.\n\n---",
    "<reply>Paris.</reply>",
    "<revised>Paris.</revised>",
    "Certainly. Below is the improved version.\n\nParis.",
    "<revised_reply>\nParis.\n</revised_reply>",
    "Paris.\n\nThis revision removes the harmful content.",
    "Paris.\n\n(The revised reply no longer lists the steps.)",
    "Paris.\n\n---\n\n**Changes made:**\n- The tone.\n\n  It is softer.\n\n1. The date.",
]
LEFT_ALONE = [
    "Looks good.",
    "Looks good to me!",
    "Keep as is.",
    "Fine as is.",
    "Already good.",
    "No flaws found.",
    "No errors were found in the text.",
    "I wouldn't change anything.",
    "No changes are needed. The original reply is appropriate as it is.",
    "The reply is already correct and complete; no changes are needed.",
    "The reply already meets the principle, so I have left it unchanged:\n\nParis is the capital.",
    "The reply is fine as it is.",
    "No changes needed.",
    "No revision is needed. The original reply is appropriate.",
    "Paris.\n\nNo changes were made to the reply.",
    "There is nothing to change.",
    "I see no need to revise the reply.",
    "I would leave it as it is.",
    "It needs no changes.",
    "The response does not need any changes.",
    "Since the reply is accurate and polite, no revision is necessary.",
    "The original response is already helpful and harmless.",
    "The reply is appropriate.",
    "**No objection.**",
    "[No changes needed]",
    "(No revision needed)",
    "(unchanged)",
    "None needed.",
    "N/A",
    "Same as original.",
]
IN_DOUBT = [
    "Done.",
    "Perfect.",
    "Fixed!",
    "LGTM",
    "As above.",
    "I fixed the capital.",
    "I've made the requested changes.",
    "Below is the revised text.",
    "Here's a better version.",
    "Sure! Here's the new version.",
    "The user wants me to rewrite the reply.",
    "I was asked to revise a reply about France.",
    "I'd be happy to revise the reply.",
    "An improved reply would name Lyon.",
    "There is a factual error in the reply.",
    "Fixed version below.\n\nLyon.",
    "Lyon.\n\nI changed Paris to Lyon.",
    "None.",
    "It is fine.",
    "No issues.",
    "I cannot revise this.",
    "I'm sorry, I can't help with that revision.",
    "I can't rewrite this.",
    "The reply has one flaw: Lyon is not the capital.",
    "The assistant's last response is harmful because it is wrong.",
    "The text names the wrong capital.",
    "1. The reply names the wrong capital.\n2. It is rude.",
    "The problem with the reply is that Lyon isn't the capital.\n\nParis.",
    "To make it less harmful, leave out the insult.",
    "Replace 'Lyon' with 'Paris'.",
    "Change Lyon to Paris.",
    "Before: Lyon.\n\nAfter: Paris.",
    "**Original:** Lyon.\n\n**Revised:** Paris.",
    "Option 1: Paris.\n\nOption 2: Paris, France.",
    "Version A:\nParis.\n\nVersion B:\nIt is Paris.",
    "- Paris.\n+ It is Paris.",
    "~~Lyon~~ Paris is the capital.",
    "Paris. [Removed: the insult]",
    "Paris.\n\nI fixed the capital.",
    "Paris.\n\nIn this version I have corrected the capital.",
    "Paris.\n\nThis version is accurate and avoids harm.",
    "Paris.\n\n**Explanation:** I fixed the capital.",
    "Paris.\n\nFixed the capital and removed the insult.",
    "Paris.\n\n*(Edited for accuracy.)*",
    "Paris.\n\nEdits made:\n- the capital",
    "Paris.\n\nDoes this address the critique?",
    "Final version:\n\nParis.",
    "Here's my attempt:\n\nParis.",
    "How about this?\n\nParis.",
    "A better reply would be:\n\nParis.",
    "You're right, I made a mistake. Paris.",
    "Thank you for the feedback. Paris.",
    "I apologize for the mistake. Paris.",
    "As requested, I removed the insult. Paris.",
    "Let me rewrite the reply.\n\nParis.",
    "Okay, so I need to revise the reply. First, fix the capital.\n\nParis.",
    "Assistant: Paris.",
    "User: capital?\nAssistant: Paris.",
    '{"revised_text": "Paris."}',
    "<think>It is rude.</think>\n\nParis.",
    "I cannot revise this reply.",
    "I'm sorry, but I'm not able to rewrite that response.",
    "I'm unable to provide a revised reply.",
    "The original reply was harmful. Paris is better.",
    "This reply follows the principle. Paris is the capital.",
    "I think the reply is good.",
    "The response doesn't need to be changed.",
    "No need for changes.",
    "There's no need for a revision.",
    "There are no flaws to fix.",
    "The reply remains the same.",
    "The revised reply is the same as the original.",
    "Please provide the text you'd like me to revise.",
    "Could you please share the reply to rewrite?",
    "Final reply:\n\nParis.",
    "Here is a safer version of the reply for all:\n\nParis.",
    "Here is a version without the insult:\n\nParis.",
    "Here's how I'd rewrite it:\n\nParis.",
    "Critique: It is rude.\n\nRevision: Paris.",
    "**Critique:** It is rude.\n\n**Revision:** Paris.",
    "Paris.\n\nChanges:\n- The tone.",
    "Paris.\n\n(Changes: I removed the insult.)",
    "Paris.\n\n**Explanation of changes:** I removed it.",
    "Paris.\n\nI hope this revised version is better!",
    "Paris.\n\n[Note: the original reply contained an insult, which was removed.]",
    "No major changes needed, but I improved the tone:\n\nParis.",
    "The text is fine, but here is a better one:\n\nParis.",
    "Intro.\n\n**Changes made:**\n- x\n\nHere is the final code:\n\n```python\nx=1\n```",
]
ANSWERS = [
    "I fixed it with tape. Then I left.",
    "Done right, it works.",
    "This is a new version of Python.",
    "The updated version would cost 5 dollars.",
    "The user wants a button.",
    "Perfect competition is rare.",
    "There is a new reply from Anna.",
    "You're right to ask. Steel is not magnetic.",
    "You're right, the equation is an estimate.",
    "Here is my attempt at a poem:\n\nI sing to the salt.",
    "The error in this code is that nothing is returned.",
    "The main issue with lists is their speed.",
    "Replace the battery with a new one.",
    "Remove the lid, then pour.",
    "The given text is not offensive.",
    "- How are you?\n+ Fine.",
    "Dear Ann,\n\nWe are sorry for the delay.",
    "I'm sorry, but I can't rewrite history.",
    "Option 1 is cheaper.",
    "Before: wash. Later: dry.",
    "```python\nx = ~~y~~\n```",
    "Use this:\n\n1. Wash it.",
    "Here is the answer:\n\n42",
    "The new version of Python:\n\nIt is out.",
    "It is safe.",
    "It is not necessary.",
    "It is the same.",
    "Here's a Python version:\n\n```python\nx = 1\n```",
    "Here is a reply you can send:\n\nHi Bob",
    "Sort it.\n\nMore efficient version:\n\n1. Use a heap.\n\nThe text can be revised later.",
    "The same to you.",
    "No, that is the original painting.",
    "Here are the steps:\n\n1. Wash it.",
    "Pay in coins, since the machine gives no change.",
    "Your answer is correct.",
    "No changes are needed to the oven settings.",
    "Once installed, restart.\n\nNo further changes are needed.",
    "Leave it unchanged for a night.",
    "The immune response is already under way in a day.",
    "No, there is no need to change trains.",
    "I'm sorry, but I can't help with that.",
    "I can't edit files.",
    "Paris.\n\nThis response is for information only.",
    "Dear John,\n\nThank you for your reply.",
    '"Paris."',
    "A\n\n---\n\nB\n\n---\n\nC",
    "v2.0\n\nThe new version adds support for Linux.",
]
AS_THE_OLD_ONE = [
    ("<answer>Lyon</answer>", "<answer>Paris</answer>"),
    ("It is\n\n<answer>Lyon</answer>", "<answer>Paris</answer>"),
    (
        "Here is a revised version of your email:\n\nHi Bob",
        "Here is a revised version of your email:\n\nDear Bob",
    ),
    ("Here's an edited version:\n\nHe go", "Here's the corrected version of the text:\n\nHe goes"),
    ("### Corrected text\n\nHe go", "### Corrected text\n\nHe goes"),
    ("Corrected version: Y", "Corrected version: X"),
    ("Revision: 3.1", "Revision: 3.2"),
    ("---\n\nB\n\n---", "---\n\nA\n\n---"),
    ("B\n\n---", "A\n\n---"),
    ("```\ny\n```\n\n**Changes made:**\n- y", "```\nx\n```\n\n**Changes made:**\n- x\n- a comment"),
    (
        "Python 3 is old.\n\nThis revision of the language broke code.",
        "Python 3 came in 2008.\n\nThis revision of the language broke compatibility.",
    ),
]


@pytest.mark.parametrize("reply", AROUND_PARIS)
def test_what_is_said_of_a_revision_is_no_part_of_it(reply):
    assert revised_text(reply, "London.") == "Paris."
    assert not leaves_it_alone(reply, "London.")
    assert not speaks_of_the_reply("Paris.", "London.")


@pytest.mark.parametrize("reply", LEFT_ALONE)
def test_a_reply_that_says_that_no_revision_is_needed_is_none(reply):
    assert leaves_it_alone(reply, "Paris.")


@pytest.mark.parametrize("reply", IN_DOUBT)
def test_a_reply_about_the_reply_is_no_revision(reply):
    assert not leaves_it_alone(reply, "Paris.")
    assert speaks_of_the_reply(revised_text(reply, "Paris."), "Paris.")


@pytest.mark.parametrize("reply", ANSWERS)
def test_an_answer_about_something_else_stays_whole(reply):
    assert revised_text(reply, "London.") == reply
    assert not leaves_it_alone(reply, "London.")
    assert not speaks_of_the_reply(reply, "London.")


@pytest.mark.parametrize(("old", "new"), AS_THE_OLD_ONE)
def test_nothing_is_cut_whose_kind_stands_in_the_old_text(old, new):
    assert revised_text(new, old) == new
    assert not leaves_it_alone(new, old)
    assert not speaks_of_the_reply(new, old)


def test_what_stands_around_a_part_of_the_same_kind_is_cut():
    old = "Here is a revised version of your email:\n\nHi Bob"
    new = "Here is a revised version of your email:\n\nDear Bob"

    assert revised_text(f"Here is the revised reply:\n\n{new}", old) == new
    assert revised_text("<reply><answer>Paris</answer></reply>", "<answer>Lyon</answer>") == (
        "<answer>Paris</answer>"
    )


def test_what_stands_behind_a_list_of_changes_is_not_cut():
    new = "Intro.\n\n**Changes made:**\n- x\n\nHere is the final code:\n\n```python\nx=1\n```"

    assert revised_text(new, "Intro.") == new


def test_what_the_old_answer_says_too_is_about_something_else():
    old = "The reply is fine as it is, and polite."

    assert not leaves_it_alone("The reply is fine as it is.", old)


@pytest.mark.parametrize(
    "reply",
    [
        "Paris." + "\n" * 30_000 + "x",
        "Paris." + " \n" * 30_000 + "(",
        "Paris." + "\n" * 30_000,
        " " * 30_000 + "x",
        "<text>" + "\n" * 30_000 + "x",
        "<reply>" + "\n " * 30_000 + "</reply",
        "---\n" + "\n" * 30_000 + "--",
        "Paris.\n\nThis revision" + " " * 30_000 + "\nx",
        "Here is the revised reply:" + "\n" * 30_000 + "x",
        "Revision:" + " \t" * 30_000 + "\nx",
    ],
    ids=lambda reply: repr(reply.strip()[:10]),
)
def test_a_reply_that_runs_away_is_read_in_no_time(reply):
    began = time.perf_counter()
    text = revised_text(reply, "Paris.")
    leaves_it_alone(reply, "Paris.")
    speaks_of_the_reply(text, "Paris.")

    assert time.perf_counter() - began < 1


@pytest.mark.parametrize(
    "text",
    [
        'I corrected the sentence: "She goes to school."', "I'd be happy to fix it: send me the code.",
        'I\'ve rewritten your sentence: "He does not know."', "Here's the new one-pot recipe: rice, beans.",
        "The user wants me to be notified: set the flag.", "The user asked me to stop, said the robot.",
    ],
)  # fmt: skip
def test_a_sentence_that_gives_its_text_behind_a_colon_is_no_remark(text):
    assert not speaks_of_the_reply(revised_text(text, "London."), "London.")


@pytest.mark.parametrize(
    "words",
    [
        "We are asked to revise the text.", "The request is to revise the reply.", "I fixed the capital.",
        "The task is to rewrite the reply so that it is right.",
        "The instruction asks me to correct the reply.",
    ],
)  # fmt: skip
def test_a_task_that_is_told_before_a_revision_is_a_remark(words):
    assert speaks_of_the_reply(revised_text(f"{words}\n\nParis.", "London."), "London.")


OLD = "Lyon is the capital of France. It lies on the Seine."
NEW = "Paris is the capital of France. It lies on the Seine."


@pytest.mark.parametrize(
    "frame",
    [
        "<output>{}</output>", "Corrected version: {}", "Here is the revised reply:\n\n{}",
    ],
)  # fmt: skip
def test_a_frame_that_says_what_it_is_is_taken_off(frame):
    text = revised_text(frame.format(NEW), OLD)
    assert text == NEW
    assert not speaks_of_the_reply(text, OLD)


@pytest.mark.parametrize(
    "frame",
    [
        "```\n{}\n```", "```text\n{}\n```", '"{}"', "“{}”", "**{}**", "*{}*", "> {}",  # or what was asked for
        "Corrected:\n{}", "Fixed:\n\n{}", "## Revised\n{}", "[Revised]\n{}", "Minimal edit:\n\n{}",
        "Please find the revised reply below.\n\n{}", "Suggested revision: {}", "Updated reply - {}",
        'Here is the text with "Lyon" replaced by "Paris":\n\n{}', "Reply: {}", "Here you go:\n\n{}",
        "Only one name needed changing:\n\n{}", '```json\n{{"revised_reply": "{}"}}\n```', "{} (revised)",
        "{}\n\nThe capital has been corrected from Lyon to Paris.", '{}\n\nChange: "Lyon" → "Paris"',
        "{}\n\n[Corrected: Lyon → Paris]", "{}\n\nRationale: Lyon is no capital.", "{}\n\n(11 words)",
        "{}\n\nLet me know if you'd like further changes.",
        "{}\n\nIs there anything else you would like me to revise?",
        "Here is the whole new text:\n\n{}", "Here is the full text:\n{}", "Mended text:\n\n{}",
        "Amended text: {}", "Okay, here is the text:\n\n{}", "Text 1:\n{}", "**Text 1**\n\n{}",
        "Text 1 (mended): {}", "With the flaw mended:\n\n{}",
        "The flaw is that Lyon is no capital. Here is the text:\n\n{}", "Sure, here you go:\n\n{}",
        "Below is the whole new text.\n\n{}", "The same text with one name put right:\n{}",
        "{}\n\nI mended only the name.", "{}\n\nThe flaw has been mended.",
        "{}\n\nThe only change is the name.", "{}\n\nEverything else remains the same.",
        "{}\n\nThe rest stands as it was.", "{}\n\nThe text now names the right city.",
        "{}\n\nThis version names the right city.", '{}\n\nMended: "Lyon" to "Paris".',
        "{}\n\nNo other changes are needed.", "{}\n\nThe order, style and length are kept.",
    ],
)  # fmt: skip
def test_a_line_or_remark_that_the_old_text_lacks_is_in_doubt(frame):
    assert speaks_of_the_reply(revised_text(frame.format(NEW), OLD), OLD)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (OLD, f"# The capital of France\n\n{NEW}"),
        (OLD, f"# Geography\n\n{NEW}"),
        (OLD, f"Subject: Rivers\n\n{NEW}"),
        (OLD, f"Overview:\n\n{NEW}"),
        (OLD, f"In short: {NEW}"),
        (OLD, f"Note: {NEW}"),
        (OLD, f"{NEW}\n\nIf the course of the river changes, maps change, too."),
        (OLD, f"{NEW}\n\nLet me know if you have any further questions!"),
        (OLD, f"{NEW}\n\nPlease ask a geographer before changing your maps."),
        (OLD, f"{NEW}\n\nLooking forward to your reply."),
        (OLD, f"{NEW}\n\nThe reason is that both grew along it. This holds in all versions of the story."),
        (OLD, f"{NEW}\n\nIs there anything else I can help you with?"),
        (OLD, f"{NEW}\n\nExplanation: the river reached the sea before the town did."),
        (
            "for name in names: print(name) if name else None",
            "```python\nfor name in names: print(name) if name else None\n```",
        ),
        (OLD, f"{NEW}\n\nThe river flows to the north-west."),
        (f"{OLD}\n\nMy notes changed.", f"{NEW}\n\nMy old notes changed."),
        (f"Updated in May:\n\n{OLD}", f"Updated in June:\n\n{NEW}"),
        (f"Reply: {OLD}", f"Reply: {NEW}"),
        ("To be or not to be, that is it.", '"To be or not to be" is what the prince of Denmark asks.'),
        (
            "Print it with a loop over all the names.",
            "```python\nfor name in names:\n    print(name)\n```",
        ),
        (OLD, "**Paris** is the capital of France. It lies on the Seine."),
        (f'"{OLD}"', f'"{NEW}"'),
        (f"```\n{OLD}\n```", f"```\n{NEW}\n```"),
        (OLD, f"{NEW[:-1]} (in the north)."),
        (OLD, f"{NEW}\n\nThe rest of the country lies around it."),
        (OLD, f"{NEW}\n\nThe length of the river is 775 km."),
        (OLD, f"Three facts:\n\n{NEW}"),
    ],
)
def test_what_is_no_frame_stays(old, new):
    assert revised_text(new, old) == new
    assert not speaks_of_the_reply(new, old)


@pytest.mark.parametrize(
    "remark",
    [
        "The rest of the text is unchanged.", "I left the rest of the text unchanged.",
        "(The rest of the text is unchanged.)", "Everything else in the text was left as it was.",
        "The text is otherwise unchanged.", "No other changes were made to the text.",
        "No other changes are needed.",
    ],
)  # fmt: skip
@pytest.mark.parametrize("frame", ["{text}\n\n{remark}", "{remark}\n\n{text}"])
def test_a_text_is_not_left_alone_where_it_is_the_rest_of_it_that_is(remark, frame):
    edited = frame.format(text=NEW, remark=remark)

    assert not leaves_it_alone(edited, OLD)
    assert speaks_of_the_reply(revised_text(edited, OLD), OLD)


@pytest.mark.parametrize(
    "frame", ["No changes are needed.\n\n{}", '"{}"\n\nI left the text unchanged.', "No changes needed.\n{}"]
)
def test_the_old_text_beside_words_that_it_stays_is_left_alone(frame):
    assert leaves_it_alone(frame.format(OLD), OLD)


MARKED = "It lies on the Seine — it’s “old” and large…\n\n- The Louvre\n- The Opera\n- Rest"
PLAIN = {"’": "'", "“": '"', "”": '"', "…": "...", " — ": ", ", "- ": "* "}


@pytest.mark.parametrize(
    "frame",
    [
        "The text is fine as it is.\n\n{}", "{}\n\nThe text is fine as it is.",
        "No changes are needed.\n\n{}", "No change is needed: the interval is correct.\n\n{}",
        "The text does not have this flaw, so I leave it unchanged:\n\n{}",
    ],
)  # fmt: skip
def test_a_copy_with_other_marks_is_the_old_text(frame):
    copy = MARKED
    for mark, plain_mark in PLAIN.items():
        copy = copy.replace(mark, plain_mark)
    quoted = "\n".join(f"> {line}" for line in MARKED.split("\n"))

    for same in (MARKED, copy, quoted):
        assert leaves_it_alone(frame.format(same), MARKED)
    for edited in (copy.replace("old", "young"), copy.replace("Seine", "seine"), copy[:-12]):
        assert not leaves_it_alone(frame.format(edited), MARKED)


def test_a_mark_may_be_the_edit_where_the_rest_is_spoken_of():
    edited = MARKED.replace("Seine —", "Seine;")

    assert not leaves_it_alone(f"{edited}\n\nThe rest of the text is unchanged.", MARKED)


@pytest.mark.parametrize(
    "added",
    [
        "The rest of the dough can be kept in the fridge.",
        "Leave the rest of the dough as it is until the oven is hot.",
        "It was amended in 1970 and 1975.", "The bridge will be mended in May.",
        "A torn seam can be mended with a simple stitch.", "Use git commit --amend to change the message.",
        "The text has three stanzas.", "The text is available online.", "The text is best read twice.",
        "This version needs Android 10 or later.", "The order of the steps is important and should be kept.",
        "Everything else being the same, the north is colder.",
    ],
)  # fmt: skip
def test_a_last_paragraph_that_an_edit_adds_is_text(added):
    edited = f"{NEW}\n\n{added}"

    assert revised_text(edited, OLD) == edited
    assert not speaks_of_the_reply(edited, OLD)


@pytest.mark.parametrize(
    "remark",
    [
        "I have only mended the name.", "The name is now mended.", "The mistake has been mended.",
        "There is nothing to mend.", "This version gives the right city.", "Amended: the name.",
        "The text now has the right name.", "The style and length are the same as they were.",
        "Everything else is left as it was.",
    ],
)  # fmt: skip
def test_a_remark_on_mending_or_on_the_rest_is_no_text(remark):
    assert speaks_of_the_reply(revised_text(f"{NEW}\n\n{remark}", OLD), OLD)
