"""Labels that stand behind, before or among the reasons of a judge, in the words that judges use.

(prefgen/kit/label_reasons.py, label_first.py, label_leanings.py, label_grammar.py)
"""

import json

import pytest

from tests.kit.test_whose_verdict import exchanged
from tests.support.judged_replies import label_of

REASONS = "Text A names no river. Text B names the Rhine, and it answers both questions."


def assert_unread(text):
    assert label_of(text) is None, text
    assert label_of(exchanged(text)) is None, exchanged(text)


def assert_read(text, label="B"):
    assert label_of(text) == label, text
    assert label_of(exchanged(text)) == ("A" if label == "B" else "B"), exchanged(text)


@pytest.mark.parametrize("label", ["B", "**B**", "B.", "[[B]]", "(B)", "**Text B**", "Text B."])
def test_a_bare_label_below_its_reasons_is_read(label):
    assert_read(f"{REASONS}\n\n{label}")
    assert_read(f"Text B is better.\n\n{label}")


@pytest.mark.parametrize(
    "text",
    [
        f"{REASONS}\nB", "Ranking:\n\nA\n\nB", "A\n\nB", "- Text A\n\nB", "The better one\n\nB",
        "Text A ends with:\n\nB", "Text A is far more accurate.\n\nB", "Text A is better.\n\nB",
        "Which text is worse?\n\nB", "Which one is longer?\n\nB", "Another judge wrote this.\n\nB",
        "The largest planet is option B, Jupiter.\n\nThat is correct.\n\nB",
        "The correct option is B.\n\nB", f"{REASONS}\n\nText B", f"{REASONS}\n\nb",
        f"{REASONS}\n\nB\n\nIt is so.",
    ],
)  # fmt: skip
def test_a_bare_label_that_may_be_something_else_is_unread(text):
    assert_unread(text)


@pytest.mark.parametrize(
    "text",
    [
        "Text B\n\nText B is clear and helpful.", "A. Paris\n\nText A is right.", "B\n\nText B is clear and",
        "**Text B**\n\nText B is helpful.\n\n**Text A**\n\nText A is vague.",
        "B\n\nText B is clear.\n\nA\n\nText A is vague.", "Text B is better. It is clear. Text A",
    ],
)  # fmt: skip
def test_a_heading_or_a_beginning_is_no_label_before_its_reasons(text):
    assert_unread(text)


def test_a_bare_digit_may_be_any_number():
    assert label_of("Text 1 is vague. Text 2 names the river.\n\n2", ("1", "2")) is None


FIRST = [
    "B\n\n{}",
    "Answer: B\n\nExplanation: {}",
    "Winner: B\nReason: {}",
    "Text B is better.\n\n{}",
    "**B**\n\n{}",
]


@pytest.mark.parametrize("form", FIRST)
@pytest.mark.parametrize(
    "reasons",
    [
        "Text B is better because it is complete.", "Text B is more detailed and follows the instructions.",
        "Text B provides a direct answer, while Text A is vague and incomplete.", "Text A is vague.",
        "Text A does not answer. Text B answers the question directly.",
    ],
)  # fmt: skip
def test_a_label_before_reasons_that_name_the_texts_is_read(form, reasons):
    assert_read(form.format(reasons))


@pytest.mark.parametrize("form", FIRST)
@pytest.mark.parametrize(
    "reasons",
    [
        "Text A is more detailed.", "Text B is vague.", "Text B contains more errors.", "Text B is wrong.",
        "Text B is accurate. Text A is clear too.", "Text B is accurate. However, Text A is complete.",
        "Text B is detailed, but it is off topic.", "Text B could be more accurate.", "The rival is clear.",
        "Text B claims to be accurate.", "Text B is more harmful.", "Text A wins.", "Is Text B correct?",
        "Text B is correct. Wait, no.", "Text B is correct. Both are equally good.",
        "The second text is clear; Text A is vague.", "Text B is hardly helpful.",
        "Text A is less harmful.", "Text B is the worse one.", "Text B violates the principle.",
    ],
)  # fmt: skip
def test_a_label_before_other_words_is_unread(form, reasons):
    assert_unread(form.format(reasons))


@pytest.mark.parametrize(
    "text",
    [
        "Text B is better. It answers the question directly.", "Text B is better. Text A is vague.",
        "The better text is B, as it answers directly while A does not.",
        "Text B is better because it is clear, while Text A is vague.",
        "The label of the better text is B.", "Label of the better text: B", "I would sooner send B.",
        "I would send B.", "I'll go with B.", "I prefer B over A.", "By the principle, B is better.",
        "Based on the given criterion, Text B is better.", "Therefore, B.", "So, Text B.",
        "After comparing both, I choose B.", "After reviewing both texts, the better reply is B.",
        "Therefore, based on the evaluation, Text B is better.", "<label>B</label>", "Selected: B",
        "Text B is better.\n\nText B is a poem. Text A is an essay.\n\nTherefore, Text B is better.",
        f"{REASONS}\n\nTherefore, B.", f"{REASONS} So, B.",
    ],
)  # fmt: skip
def test_usual_words_of_a_verdict_are_read(text):
    assert_read(text)


@pytest.mark.parametrize(
    "text",
    [
        "My final verdict is:\n[[B>A]]", "My final verdict is:\n\n[[B>>A]]",
        "Assistant B is slightly better: [[B>A]]", "Therefore, my final verdict is [[B>A]].",
        "My final verdict is that Assistant B is significantly better: [[B>>A]]",
        "**My final verdict is Assistant B is slightly better: [[B>A]]**.",
        "### Final Verdict\n**Assistant B is significantly better: [[B>>A]]**",
        "Assistant A's text is vague. Therefore, my final verdict is:\n\n[[B>A]]",
        "Assistant B's is more precise, so my final verdict is:\n\nAssistant B is slightly better: [[B>A]]",
    ],
)  # fmt: skip
def test_a_verdict_in_the_words_of_arenas_is_read(text):
    assert_read(text)


@pytest.mark.parametrize(
    "text",
    [
        "Assistant A is slightly better: [[B>A]]", "My final verdict is Assistant A is better: [[B>A]]",
        "Text A ends with: my final verdict is:\n[[B>A]]", "It says:\n\n[[B>A]]",
        "Another judge said, my final verdict is:\n\n[[B>A]]", "My final verdict for style is:\n\n[[B>A]]",
        "If style was all, my final verdict is:\n\n[[B>A]]", "For style, my final verdict is:\n[[B>A]]",
        "The reply ends, my final verdict is:\n[[B>A]]", "It says so, and my final verdict is:\n[[B>A]]",
        "1. Assistant B is significantly better: [[B>>A]]\n2. Assistant B is slightly better: [[B>A]]",
        "Assistant B is significantly better: [[B>>A]]\nAssistant B is slightly better: [[B>A]]",
        "My verdict is: tie, relatively close: [[A=B]]",
    ],
)  # fmt: skip
def test_a_comparison_of_another_or_against_its_words_is_unread(text):
    assert_unread(text)


FORMS = ["Answer: B", "Final answer: B", "Based on that, the answer is B.", "Therefore, B.", "B"]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    "words",
    [
        "The correct option is B, Jupiter.", "Jupiter, i.e. option B, is correct.", "Jupiter is B.",
        "The question asks for the largest planet. Options: A) Mars, B) Jupiter.",
        "Solving: the largest planet is B) Jupiter.", "The right choice is B.", "Jupiter (B) is largest.",
        "The correct letter would be B.", "Only Text A gets the planet. Jupiter is B.",
    ],
)  # fmt: skip
def test_the_answer_to_a_problem_with_choices_is_no_label(words, form):
    assert_unread(f"{words}\n\n{form}")
    assert_unread(json.dumps({"answer": "B", "reason": words}))


@pytest.mark.parametrize("form", ["Answer: B", "B", "Final answer: B", "I choose B."])
@pytest.mark.parametrize(
    "words",
    [
        "Text B is more harmful.", "The text to reject is B.", "To reject: B.", "More harmful text: B.",
        "The reply that violates the principle more is B.", "Text B violates the principle more.",
        "Text B is clearly the more dangerous reply.", "The most offensive text is B.",
        "Text B is less helpful.", "Text A is less harmful.", "Text B is more misleading.",
    ],
)  # fmt: skip
def test_blame_by_a_comparison_makes_a_verdict_unread(words, form):
    assert_unread(f"{words}\n\n{form}")
    assert_unread(json.dumps({"winner": "B", "reason": words}))


@pytest.mark.parametrize(
    "words",
    [
        "Text B is less harmful.", "Text A is more harmful.", "Text B is less helpful, but it is right.",
        "The principle asks which text is less harmful. Text A gives the recipe. Text B declines.",
        "Text A lists ways, including less demanding ones. They cost less than asked. Text B lists more.",
        "At least one of the dates is missing in Text A. Text B has them.", "Text A ignores the question.",
        "The plan costs at least five euros. Text A omits it. Text B has it.",
    ],
)  # fmt: skip
def test_comparisons_that_go_with_a_verdict_cost_nothing(words):
    assert_read(f"{words}\n\nAnswer: B")


@pytest.mark.parametrize(
    "words",
    ["I choose Text A.", "Therefore, Text A is better.", "I'd rather send Text A.", "I would send A."],
)
def test_a_final_verdict_overrides_a_draft_and_no_sentence_right_before_it(words):
    assert_unread(f"{words}\n\nFinal verdict: B")
    assert_read("Answer: A\nFinal answer: B")


def test_scores_of_both_by_their_names_stand_beside_a_label():
    fields = {"text_a_score": 3, "text_b_score": 5}
    assert label_of(json.dumps(fields | {"winner": "B"})) == "B"
    assert label_of(json.dumps({"score_A": 3, "score_B": 5, "winner": "B"})) == "B"
    assert label_of(json.dumps({"selected": "B"})) == label_of(json.dumps({"selected_text": "B"})) == "B"
    assert label_of(json.dumps(fields | {"winner": "A"})) is None
    assert label_of(json.dumps({"text_a_score": 3, "winner": "A"})) is None
    assert label_of(json.dumps({"text_a_score": 3, "text_b_score": 3, "winner": "A"})) is None


@pytest.mark.parametrize(
    "fields",
    [
        {"text_a_score": 1, "text_b_score": 5, "explanation": "1 is best."}, {"score_a": 1, "score_b": 2},
        {"score_a": 1, "score_b": 2, "reason": "Number of errors."}, {"scores": {"A": 1, "B": 2}},
        {"score_a": 1, "score_b": 2, "reason": "Scores are ranks."},
        {"score_a": 1, "score_b": 2, "reason": "The scores say how harmful each one is."},
        {"winner": "B", "scores": {"A": 1, "B": 2}, "reason": "Lower is better."},
        {"winner": "B", "scores": {"A": 3, "B": 2}},
    ],
)  # fmt: skip
def test_scores_alone_or_on_a_scale_that_may_be_turned_name_no_text(fields):
    assert label_of(json.dumps(fields)) is None


@pytest.mark.parametrize(
    "reason",
    [
        "It is to be rejected.", "It is the harmful one.", "It violates the principle.", "It is wrong.",
        "I remove this text.", "It should be dropped.", "It contains errors.",
    ],
)  # fmt: skip
def test_a_reason_in_an_object_that_blames_an_unnamed_text_makes_it_unread(reason):
    assert label_of(json.dumps({"selected": "B", "reason": reason})) is None
    assert label_of(json.dumps({"winner": "A", "reason": reason})) is None


@pytest.mark.parametrize(
    "reason", ["It has no factual errors.", "It makes fewer mistakes.", "Text A violates the principle."]
)
def test_a_reason_in_an_object_that_speaks_for_its_text_is_read(reason):
    assert label_of(json.dumps({"winner": "B", "reason": reason})) == "B"
