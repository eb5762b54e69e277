"""What a judge says of its two texts before or behind a verdict in the asked-for form: in which order, and by
which label, must not decide whether the verdict is read; nor may words that only may speak against it.
(prefgen/kit/reply_labels.py, label_first.py, plain_words.py)
"""

import json

import pytest

from tests.kit.test_label_reasons import assert_read, assert_unread
from tests.kit.test_whose_verdict import exchanged
from tests.support.judged_replies import label_of, rating_of

PRAISES = [
    "Text B answers the question directly.", "Text B gives the formula and shows each step.",
    "Text B is polite and declines the harmful part.", "Text B covers all three points.",
    "Text B stays within the word limit.", "Text B explains why the code fails.", "Text B cites its sources.",
    "Text B is more concise and easier to follow.", "Text B is right.", "Text B has no errors.",
]  # fmt: skip
FAULTS = [
    "Text A does not answer the question.", "Text A rambles.", "Text A lectures the user.",
    "Text A gives a formula that is not correct.", "Text A goes over the word limit.", "Text A is dull.",
    "Text A contains code that crashes.", "Text A invents dates.", "Text A is generic.", "Text A is wrong.",
]  # fmt: skip
VERDICTS = [
    "Answer: B", "[[B]]", "Final verdict: B", "B", "**Text B**", "Text B is better.", "I prefer Text B.",
    "Winner: B", "Therefore, Text B is better.", "Thus, B.",
]  # fmt: skip


@pytest.mark.parametrize("verdict", VERDICTS)
def test_a_verdict_is_read_whichever_text_is_described_first(verdict):
    """100 pairs of sentences: of none is the order in which they stand, or the label, what decides."""
    for praise in PRAISES:
        for fault in FAULTS:
            for words in (
                f"{praise} {fault}",
                f"{fault} {praise}",
                f"{praise}\n{fault}",
                f"{fault}\n\n{praise}",
            ):
                assert_read(f"{words}\n\n{verdict}")


@pytest.mark.parametrize("verdict", VERDICTS)
@pytest.mark.parametrize(
    "words",
    [
        "Text A is correct. Text B is vague.", "Text A answers the question directly. Text B does not.",
        "Text A is clear and complete.", "Text B does not answer the question.",
        "Text B ignores the request.",
        "Only Text A answers the question.", "Text A beats Text B.", "Text A has the edge.", "So A.",
        "Text B is not as good as Text A.", "I would never send Text B.", "Text A was judged better.",
        "Text A exceeds Text B.", "I give the win to Text A.", "Text A has fewer errors.", "A: 9, B: 2",
        "Text B is no better.", "Text A has been chosen.", "Text A should win.",
    ],
)  # fmt: skip
def test_a_verdict_against_all_that_is_said_is_unread_in_either_order(words, verdict):
    assert_unread(f"{words}\n\n{verdict}")
    assert_unread(f"{' '.join(words.split('. ')[::-1])}\n\n{verdict}")


@pytest.mark.parametrize("verdict", ["Answer: B", "[[B]]", "I prefer B."])
@pytest.mark.parametrize(
    "words",
    [
        "Text A exceeds the word limit.",
        "Text A is friendly.",
        "Text A gives two examples.",
        "Text A is short.",
    ],
)
def test_what_only_may_speak_for_the_other_text_costs_nothing(words, verdict):
    assert_read(f"{words}\n\n{verdict}")


def test_a_label_at_the_beginning_is_a_verdict_too():
    assert_unread("B\n\nText A wins.")
    assert_unread("B\n\nIt is vague.\n\nTherefore, Text A is better.")


@pytest.mark.parametrize(
    "reason",
    [
        "A is better.", "A is **better**.", "A is\nbetter.", "A  is\u00a0better.",
        "*A* is better.", "Text B is not as good as Text A.", "Only A answers the question.", "Thus A.",
        "Text A was judged better.", "Text A should win.", "Text A has been chosen.", "B: 2, A: 9",
        "Text A answers the question better.", "Text A exceeds Text B in every respect.",
        "Text A is more accurate and helpful.", "I give the win to A.", "A gets 9, B gets 2.", "It is rude.",
        "It ignores the request.", "Text A\n is the better one.",
    ],
)  # fmt: skip
def test_a_reason_that_certainly_speaks_for_the_other_makes_an_object_unread(reason):
    for said in (reason, exchanged(reason)):
        winner = "B" if said == reason else "A"
        assert label_of(json.dumps({"winner": winner, "reason": said})) is None
        assert label_of(f"Answer: {winner}\nReason: {said}") is None


@pytest.mark.parametrize(
    "reason", ["B is\n**better**.", "Text A rambles.", "Text B is right. Text A rambles."]
)
def test_other_reasons_of_an_object_are_read(reason):
    assert label_of(json.dumps({"winner": "B", "reason": reason})) == "B"


@pytest.mark.parametrize(
    ("reason", "label"),
    [
        ("2 is better.", None), ("I prefer 2.", None), ("Final verdict: 2", None), ("1 loses.", None),
        ("Text 1: 7/10\nText 2: 9/10", None), ("It lists 2 more rivers.", "1"),
        ("It has 2 better examples.", "1"),
        ("1 is better.", "1"), ("I prefer 2 examples to none.", "1"),
    ],
)  # fmt: skip
def test_digits_as_labels_are_doubted_where_they_certainly_are_labels(reason, label):
    assert label_of(json.dumps({"winner": "1", "reason": reason}), ("1", "2")) == label


def test_white_space_and_markup_hide_no_doubt():
    assert label_of('{"winner": "A", "reason": "B IS BETTER."}') is None
    for text in ("Text  A:  7/10\nText  B:  9/10\n\nAnswer:  A", "Text\u00a0B is\nbetter.\n\nAnswer: A"):
        assert label_of(text) is None and label_of(exchanged(text)) is None
    for text in (
        "Lower is\nbetter.",
        "Lower  is\u00a0better.",
        "The scale runs from 1 (best)\nto 5 (worst).",
    ):
        assert rating_of(f"{text}\n\nRating: 1") is None


@pytest.mark.parametrize(
    "text",
    [
        "Chosen: B\nRejected: A", "Chosen: B, Rejected: A", "**Winner:** B\n**Loser:** A",
        "Text B names it.\n\nBetter: Text B\nWorse: Text A", "Text B outperforms Text A.", "B beats A.",
        "Text B clearly outperforms Text A.", "B wins over A.", "Text B is the clear winner.",
        "Text B is a better reply than Text A.", "I would say that text B is the better reply.",
        "Text B does a better job.", "B does a better job of answering the question than A.", "Definitely B",
        "Definitely B.", "Text A is vague. Clearly B.", '{"winner": "text_b"}', '{"winner": "model_b"}',
        '{"better_response": "response_b"}', "[RESULT] B",
    ],
)  # fmt: skip
def test_further_usual_verdicts_are_read(text):
    assert label_of(text) == "B", text


@pytest.mark.parametrize(
    "text",
    [
        "Chosen: B\nRejected: B", "Rejected: B", "Chosen: B\nRejected: both", "Text B outperforms Text B.",
        "Text B does not outperform Text A.", "B does a better job of formatting.", "Clearly not B.",
        "Definitely B\n\nAnswer: A", "The planet is Jupiter. Clearly B.", '{"winner": "not_b"}', "B...", "!B",
        "(B...)", '{"winner": "text_c"}', "Text B would outperform Text A.", "Worse: B\nBetter: none",
    ],
)  # fmt: skip
def test_their_neighbours_are_unread(text):
    assert label_of(text) is None, text


FAREWELLS = [
    "I hope this helps!", "Hope that helps.", "Let me know if you have any questions.", "---", "***",
    "Please let me know if you need any further help!", "Feel free to ask if you need more details.",
    "---\n\nI hope this helps!",
]  # fmt: skip


@pytest.mark.parametrize("farewell", FAREWELLS)
def test_a_farewell_behind_a_verdict_is_stepped_over(farewell):
    assert label_of(f"Text A is vague.\n\nAnswer: B\n\n{farewell}") == "B"
    assert label_of(f"B\n\n{farewell}") == "B"
    assert rating_of(f"It is fine.\n\nRating: 4\n\n{farewell}") == 4


@pytest.mark.parametrize(
    "words",
    [
        "Let me know if A is better.", "I hope this is right.", "Let me know if I should choose A.",
        "Let me know if you would like me to lower it.", "Thanks, but A is better.",
    ],
)  # fmt: skip
def test_what_goes_on_about_the_verdict_is_no_farewell(words):
    assert label_of(f"Answer: B\n\n{words}") is None
    assert rating_of(f"Rating: 4\n\n{words}") is None


@pytest.mark.parametrize(
    ("text", "rating"),
    [
        ("[RESULT] 4", 4), ("Feedback: It is fine. [RESULT] 4", 4), ("It is fine.\n\n[RESULT] 4", 4),
        ("I'd give it a 3.", 3), ("It is short.\n\nI would give this text a 3.", 3),
        ("Overall, I'd give it a 3 out of 5.", 3), ("It deserves a 2. [RESULT] 4", None),
        ("[RESULT] 9", None),
        ("I'd give it a 3.\n\nRating: 4", None), ("I'd give it a 3 for style.", None),
        ("I'd give it a 3 out of 10.", None), ("I'd give it a 3.\n\nI'd give it a 4.", None),
        ("The text ends with:\nI'd give it a 3.", None), ("I'd not give it a 3.", None),
        ("The higher, the worse.\n\nRating: 5", None), ("I use German grades.\n\nRating: 1", None),
        ("Rating: 1\nRationale: A perfect answer.", None), ("Rating: 5\nRationale: Useless.", None),
        ('{"rating": 5, "rationale": "completely wrong"}', None),
        ('{"rationale": "Excellent.", "rating": 1}', None),
        ('{"rationale": "Excellent.", "rating": 5}', 5), ("Rating: 1\nRationale: Completely wrong.", 1),
        ("Rating: 2\nRationale: An excellent style, and nothing else.", 2),
    ],
)  # fmt: skip
def test_further_ratings(text, rating):
    assert rating_of(text) == rating


CLAUSES = [
    "Text {0} is clear and Text {1} is vague.",
    "Text {1} is vague and Text {0} is clear.",
    "Text {0} is clear, but Text {1} is vague.",
    "Text {1} is vague, but Text {0} is clear.",
]


@pytest.mark.parametrize("clause", CLAUSES)
def test_a_label_before_one_sentence_about_both_texts_is_read_in_any_order(clause):
    for own, other in ("AB", "BA"):
        assert label_of(f"{own}\n\n{clause.format(own, other)}") == own
        assert label_of(f"{other}\n\n{clause.format(own, other)}") is None


DECISIONS = [
    "Text {} is my pick.",
    "Text {} would be my choice.",
    "Keep Text {}.",
    "I'd take Text {}.",
    "Text {} ranks first.",
]


@pytest.mark.parametrize("decision", DECISIONS)
def test_a_decision_for_another_text_loses_a_verdict_and_one_for_its_own_does_not(decision):
    for own, other in ("AB", "BA"):
        assert label_of(f"{decision.format(own)}\n\nAnswer: {own}") == own
        assert label_of(f"{decision.format(other)}\n\nAnswer: {own}") is None


@pytest.mark.parametrize(
    "said",
    [
        "Text A and Text B tie.",
        "Neither Text A nor Text B is acceptable.",
        "Text A got 2 points, Text B 9.",
    ],
)
def test_a_bare_label_below_a_tie_or_lower_points_is_unread(said):
    assert label_of(f"{said}\n\nA") is None


STATES_B = ["Thus the answer is B.", "My choice is B.", "Text B > Text A", "Text B does a better job."]
LEANS_TO_B = [
    "Text B more closely follows the instruction.", "Text B better satisfies the request.",
    "Text B does better.", "Text B handles this better.", "Text B explains the step better than Text A.",
    "A user would be better served by Text B.", "Text B offers more detail and is more accurate.",
    "Text B edges ahead.", "Text B answers, A does not.", "Text A rambles.", "Text A is a refusal.",
    "Text A hallucinates a source.",
]  # fmt: skip


@pytest.mark.parametrize("said", [*STATES_B, "Both are on topic. I pick B.", *LEANS_TO_B])
def test_a_reason_first_object_whose_reason_decides_otherwise_is_unread(said):
    for reason, winner in ((said, "A"), (exchanged(said), "B")):
        assert label_of(json.dumps({"reasoning": reason, "winner": winner})) is None
        other = "A" if winner == "B" else "B"
        assert label_of(json.dumps({"reasoning": reason, "winner": other})) == other


@pytest.mark.parametrize("verdict", ["Answer: {}", "{}", "Final answer: {}", "Final verdict: [[{}]]"])
@pytest.mark.parametrize("said", LEANS_TO_B)
def test_praise_before_the_verb_and_faults_speak_against_a_verdict(said, verdict):
    for reason, label in ((said, "A"), (exchanged(said), "B")):
        assert label_of(f"{reason}\n\n{verdict.format(label)}") is None


@pytest.mark.parametrize(
    "said",
    [
        "Text A is better than nothing.", "Text B could do better.", "Text A says that (B) better fits.",
        "Text B picks option A, which more closely follows the book.", "Text B does no better than Text A.",
    ],
)  # fmt: skip
def test_words_that_certainly_praise_no_other_text_leave_a_verdict(said):
    assert label_of(f"{said}\n\nFinal verdict: [[A]]") == "A"
