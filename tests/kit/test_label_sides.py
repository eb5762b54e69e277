"""What is read of a verdict depends neither on the label nor on which text is named first in its reasons.

(prefgen/kit/label_leanings.py, label_first.py, label_reasons.py, label_objects.py)
"""

import json

import pytest

from tests.kit.test_label_reasons import FIRST, assert_read, assert_unread
from tests.kit.test_whose_verdict import exchanged
from tests.support.judged_replies import label_of


def below(reasons: str, label: str) -> list[str]:
    """Replies with a verdict below its reasons, or in an object beside them."""
    return [
        *(f"{reasons}\n\n{verdict}" for verdict in (f"Answer: {label}", f"Final verdict: [[{label}]]")),
        json.dumps({"reasoning": reasons, "answer": label}),
        json.dumps({"winner": label, "reason": reasons}),
    ]


@pytest.mark.parametrize(
    "reasons",
    [
        "Text A is vague while Text B gives clear steps and is more helpful.",
        "Text A is good but Text B goes further and is better.",
        "Text A is fine but Text B is clearer and is the better reply.",
        "Text A rambles whereas Text B names the river and is more accurate.",
        "Text A answers it but Text B does better.", "Text A performs worse while Text B performs better.",
        "Text A explains tides though Text B explains them more clearly.",
    ],
)  # fmt: skip
def test_praise_behind_a_turn_is_of_the_text_behind_it(reasons):
    for reply in below(reasons, "B"):
        assert_read(reply)
    for reply in below(reasons, "A"):
        assert_unread(reply)


@pytest.mark.parametrize(
    "reasons",
    [
        "Compared to Text A Text B adds an example and is more useful.",
        "Unlike Text A Text B cites a source and is more accurate.", "Text A covers what B covers better.",
        "Text A is longer than Text B and is better organized.",
        "Text A shares what Text B has and is better.",
        "Text A is as good as Text B and is more accurate.",
    ],
)  # fmt: skip
def test_praise_of_one_of_two_texts_before_it_says_nothing(reasons):
    for label in "AB":
        for reply in below(reasons, label):
            assert_read(reply, label)


@pytest.mark.parametrize(
    "reasons",
    [
        "Text A is correct, but Text B also explains the reasoning.",
        "While Text A is correct, Text B is clearer.",
        "Text A is correct and concise. Text B is more detailed and friendlier.",
        "Text B is clearer, although Text A is correct, too.",
        "Text A got it right. Text B got it right and shows the steps.",
        "Text A is right, but it is rude; Text B is polite and helpful.",
        "Text A solves the equation, but Text B explains each step.",
    ],
)  # fmt: skip
def test_that_a_text_is_correct_is_no_verdict(reasons):
    for reply in [*below(reasons, "B"), f"{reasons} Therefore, Text B is better."]:
        assert_read(reply)


@pytest.mark.parametrize(
    "reasons", ["Text A is correct.", "Text A is right and Text B is wrong.", "Only A is right."]
)
def test_that_nothing_but_another_text_is_correct_is_one(reasons):
    for reply in below(reasons, "B"):
        assert_unread(reply)


@pytest.mark.parametrize(
    "reasons",
    [
        "Text B is therefore the better answer.", "Text B is thus preferable.", "I find Text B better.",
        "I consider Text B the better reply.",
        "Text B is more accurate and complete, making it the better response.",
        "Text B shows the steps, which makes it the stronger answer.",
    ],
)  # fmt: skip
def test_a_verdict_in_the_reasons_is_one(reasons):
    for reply in below(reasons, "A"):
        assert_unread(reply)
    for reply in below(reasons, "B"):
        assert_read(reply)


@pytest.mark.parametrize(
    "reasons",
    ["I do not find Text B better.", "Text A is more accurate than Text B, making it the better reply."],
)
def test_what_may_be_a_verdict_on_either_says_nothing(reasons):
    for reply in below(reasons, "A"):
        assert_read(reply, "A")


@pytest.mark.parametrize(
    "reasons",
    [
        "Text A is correct, and Text B has a sign error.", "Text A gets it right. Text B gets it wrong.",
        "Text A is correct. Text B forgets the constant.", "Text A got it right, Text B did not.",
        "Text A is correct: 12. Text B says 14.", "Text B makes a mistake in step 2. Text A is correct.",
    ],
)  # fmt: skip
def test_that_one_text_alone_is_correct_is_a_verdict_where_nothing_is_weighed_against_it(reasons):
    for reply in (*below(reasons, "B"), *below(exchanged(reasons), "A")):
        assert_unread(reply)
    for reply in below(reasons, "A"):
        assert_read(reply, "A")
    for reply in below(exchanged(reasons), "B"):
        assert_read(reply)


@pytest.mark.parametrize(
    "reasons",
    [
        "Text A uses headings, making it better organized. Text B is accurate.",
        "Text A uses simple words, making it better suited for beginners. Text B answers, though.",
        "Text A is shorter, which makes it better for a quick read. However, Text B answers all parts.",
        "Text A is well formatted, making it better looking. Text B has the right content.",
        "Text A has more examples, which makes it better for beginners, but Text B is correct.",
        "The headings make Text A better organized. Text B is accurate.",
        "I find Text A better written. Text B has the right content.",
        "Nothing in Text A makes it the better choice. Text B is on point.",
    ],
)  # fmt: skip
def test_what_makes_a_text_better_in_one_quality_is_no_verdict(reasons):
    assert_read_in_both_directions(reasons)


@pytest.mark.parametrize(
    "reasons",
    [
        "Some may consider Text A better because it is longer. Text B is on point.",
        "A beginner might find Text A better. The user is an expert, though, and Text B fits.",
        "Some would find Text A better for its tone. Text B is accurate.",
        "I wouldn't necessarily find Text A better for being longer. Text B is on point.",
        "I can't really consider Text A better. Text B is on point.",
        "It is easy to find Text A better at first glance. Text B is accurate.",
        "Fans of the genre consider Text A the best. Text B keeps the format.",
        "I hardly find Text A better. Text B names the river.",
    ],
)
def test_what_somebody_else_finds_better_is_no_verdict(reasons):
    assert_read_in_both_directions(reasons)


def assert_read_in_both_directions(reasons):
    for reply in below(reasons, "B"):
        assert_read(reply)
    for reply in below(exchanged(reasons), "A"):
        assert_read(reply, "A")


WINS_AND_LOSES = [
    ("explains each step clearly", "skips the second step"), ("gives the correct date",
    "gives the wrong date"),
    ("is concise and easy to follow", "is long and repeats itself"),
    ("answers all three questions", "answers only two of them"), ("names its sources", "names no sources"),
    ("is in Spanish as requested", "is in English"), ("rhymes throughout", "does not rhyme"),
    ("gives a working example", "gives no example"), ("has a clear structure", "lacks structure"),
]  # fmt: skip
ORDERS = [
    "Text {0} {1}. Text {2} {3}.", "Text {0} {1}, while Text {2} {3}.",
    "Text {0} {1}. However, Text {2} {3}.",
    "While Text {0} {1}, Text {2} {3}.", "Text {0} {1}, but Text {2} {3}.", "Text {0} {1}, Text {2} {3}.",
    "Both texts are on topic. Text {0} {1}; Text {2} {3}.",
    "Neither text is perfect. Text {0} {1}, Text {2} {3}.",
]  # fmt: skip


@pytest.mark.parametrize("form", FIRST)
@pytest.mark.parametrize(("win", "lose"), WINS_AND_LOSES)
def test_a_label_above_its_reasons_is_read_whichever_text_they_name_first(form, win, lose):
    read: dict[str, set[str | None]] = {"A": set(), "B": set()}
    for order in ORDERS:
        for reasons in (order.format("A", lose, "B", win), order.format("B", win, "A", lose)):
            assert_read(form.format(reasons))
            read["A"].add(label_of(exchanged(form).format(reasons)))

    assert len(read["A"] - {None}) <= 1 and "B" not in read["A"]


@pytest.mark.parametrize("form", FIRST)
@pytest.mark.parametrize(
    "reasons",
    [
        "Text A is well written. However, Text B is more complete.", "Text A is vague, so Text B is better.",
        "Text A is a good answer, but Text B also gives the number.",
        "Text A is correct, but Text B is clearer.",
        "Text A is vague, which makes Text B the better choice.",
        "Text A is dry, making Text B the better choice.",
        "Unlike Text A, Text B names its sources.", "Compared to Text A, Text B explains each step.",
        "Text A is friendly, but it does not keep the format. Text B does.",
        "Text A starts well but drifts into other subjects; Text B keeps to the question.",
        "Text A answers in one word. The user asked for a paragraph. Text B gives one.",
    ],
)  # fmt: skip
def test_what_is_conceded_or_goes_on_about_the_other_text_turns_nothing(form, reasons):
    assert_read(form.format(reasons))


@pytest.mark.parametrize("form", FIRST)
@pytest.mark.parametrize(
    "reasons",
    [
        "Text A is vague, but it wins. Text B rambles on.", "Text A is short. I prefer it. Text B is long.",
        "Text A is correct. Text B is clear.", "Text B is fine, but it rambles. Text A is short.",
        "Text A is short, which makes it better. Text B is long.", "Text B is clear. It is a tie.",
        "Text A is clear, but Text B is too long.", "Text B is clear. Neither is better.",
    ],
)  # fmt: skip
def test_praise_or_a_tie_behind_a_label_turns_it(form, reasons):
    assert_unread(form.format(reasons))


@pytest.mark.parametrize("form", FIRST)
def test_a_but_between_two_texts_speaks_for_neither(form):
    for reasons in ("Text A is calm, but Text B is dull.", "Text B is dull. However, Text A is calm."):
        assert_read(form.format(reasons))
        assert_read(exchanged(form).format(reasons), "A")


@pytest.mark.parametrize(
    "reasons",
    [
        "Neither text is perfect, but Text B comes closer.",
        "Both texts equally cover the history. Text B adds dates.",
        "Neither response contains harmful content. Text B is more detailed.",
        "All things being equal, Text B adds more.", "Text B says how to draw a map. Text A does not.",
    ],
)  # fmt: skip
def test_what_holds_for_both_texts_is_no_tie(reasons):
    for reply in below(reasons, "B"):
        assert_read(reply)


@pytest.mark.parametrize(
    "reasons",
    [
        "Neither is better. A is first.",
        "Verdict: tie, it is close.",
        "They are equal.",
        "It is a tie.",
        "Both are equally good.",
        "They are tied.",
    ],
)
def test_a_tie_beside_a_label_in_an_object_is_none(reasons):
    for reply in (
        f'{{"winner": "A", "reason": "{reasons}"}}',
        f'{{"reasoning": "{reasons}", "answer": "A"}}',
    ):
        assert_unread(reply)
