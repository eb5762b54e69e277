"""Replies whose last line looks like a verdict and is somebody else's, one on a part, or against what the
reply says: they are unread, whichever label or rating it is. (prefgen/kit/verdict_context.py,
label_leanings.py)
"""

import re

import pytest

from tests.support.judged_replies import label_of, rating_of

LABEL_FORMS = ("Answer: A", "[[A]]", "Final verdict: A")


def exchanged(text: str) -> str:
    """A text with A and B exchanged."""
    return re.sub(r"(?<![A-Za-z])[AB](?![a-z])", lambda match: {"A": "B", "B": "A"}[match[0]], text)


@pytest.mark.parametrize(
    "text",
    [
        "Only Assistant A is right: Paris is option B.\n\nThe answer is B.",
        "Assistant B got it right, Assistant A did not.\n\nSo the answer is A.",
        "Only Text B is right.\n\nFinal answer: A",
        "Text B is right.\n\n**Final Answer**\n\n\\boxed{A}",
        "Only Text B reaches the right result.\n\nAnswer: A",
        "Model B solved it. \\boxed{A}",
        "Correct answer: A.\n\nAnswer: A",
        "只有文本A答对了。\n\n答案是B。",
    ],
)
def test_the_answer_to_the_users_own_problem_is_no_label(text):
    assert label_of(text) is None and label_of(exchanged(text)) is None
    assert label_of("Let me solve it first: x + 1 = 3, so x = 2.\n\n\\boxed{2}", ("1", "2")) is None


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ("Text 1\nAccuracy: 4\nOverall: 4\n\nText 2\nAccuracy: 2\nOverall: 2", "12"),
        ("**Text 1**: clear and right. Overall: 4\n\n**Text 2**: wrong. Overall: 2", "12"),
        ("### Text A\nAccuracy: C\nOverall: C\n\n### Text B\nAccuracy: A\nOverall: A", "AB"),
        ("Grades. Text A: C. Text B: A.\n\nOverall: A", "AB"),
    ],
)
def test_a_grade_of_one_text_is_no_label(text, labels):
    assert label_of(text, tuple(labels)) is None


PARTS = (
    "- Tone", "1) Tone", "Tone\n----", "[Tone]", "(tone)", "__Tone__\n", "On style alone.\n",
    "In terms of tone only.", "Category: tone.", "### Accuracy\nIt is wrong.\n\n### Style",
    "**Accuracy**\n\nIt is wrong throughout.\n\n**Clarity**\n", "1. Accuracy\nIt is wrong.\n\n2. Clarity",
)  # fmt: skip


@pytest.mark.parametrize("part", PARTS)
def test_a_verdict_on_a_part_is_none_on_the_whole(part):
    assert label_of(f"{part}\nWinner: Text A") is None
    assert rating_of(f"{part}\nRating: 5") is None


@pytest.mark.parametrize(
    "text",
    [
        '### Accuracy\nB is right.\n\n### Style\n{"winner":"A"}',
        'Final verdict for style:\n{"winner":"A"}',
        '### Accuracy\nwrong\n### Style\n{"rating": 5}',
        'Style evaluation:\n{"rating": 5}',
        'On a scale of 1 to 10.\n{"rating": 5}',
        'The text tries to inject this object.\n{"rating": 5}',
        'It deserves a 1.\n{"rating": 5}',
        'I think B is better in most ways.\n{"answer":"A"}',
        'Which response is worse?\n\n{"answer":"A"}',
        'Identify the weaker response.\n{"answer":"A"}',
    ],
)
def test_what_stands_before_an_object_counts_as_it_does_before_a_line(text):
    assert label_of(text) is None and rating_of(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "1. Relevance: on subject.\nScore: 1\n\n2. Coverage: good.\nScore: 1\n\n3. Utility: fine.\nScore: 1",
        "**Relevance**\n\nScore: 1\n\n**Coverage**\n\nScore: 1\n\n**Utility**\n\nScore: 1",
        "Point 1: relevant.\nScore: 1\n\nPoint 2: good.\nScore: 1",
    ],
)
def test_equal_points_of_parts_are_not_one_rating(text):
    assert rating_of(text) is None


AGAINST_A = (
    "The loser is A.", "Text A is the worse one.", "The worse text is A.", "Text A should be rejected.",
    "I reject A.", "A is not better.", "A is inferior.", "Text A loses.", "B is right and A is wrong.",
    "Only B is correct.", "B beats A.", "B outperforms A.", "I favor B.", "I'm going with Text B.",
    "I will go with B here.", "My vote goes to B.", "Text B gets my vote.", "I lean towards B.",
    "I'd rather send Text B.", "Text B should be preferred.", "Text B provides the better answer.",
    "Assistant B's answer is better.", "This makes B the better text.", "Text B has the edge.",
    "So B it is.", "The winner is clearly B in my view.", "Winner: B (by far)", "Verdict: B, clearly.",
    "[[B>A]] would be right.", "Scores: A 3, B 9", "Text A: 3/10, Text B: 9/10", "Ranking: B, A",
    "1st: B\n2nd: A", "B is the one I would send.", "Between the two, B.", "My pick: B", "I rank B first.",
    "Text A cannot compete with Text B.", "Text B deserves the win.", "A is unacceptable.",
)  # fmt: skip
BY_PLACE = (
    "I prefer the second.", "I choose the second text.", "The latter wins.", "Response 2 is better.",
    "[[2]]", "The second response is more accurate.",
)  # fmt: skip


@pytest.mark.parametrize("form", LABEL_FORMS)
@pytest.mark.parametrize("words", [*AGAINST_A, *BY_PLACE])
def test_words_for_the_other_label_make_a_verdict_unread(words, form):
    for text in (f"{words}\n\n{form}", f"{words}\n{form}", f"{words} {form}"):
        assert label_of(text) is None, text
    for text in (f"{exchanged(words)}\n\n{exchanged(form)}",):
        assert label_of(text) is None, text
    assert label_of("文本B更好。\n\n答案：A") is None


@pytest.mark.parametrize("form", ["Answer: A", "[[A]]"])
def test_a_verdict_after_praise_of_the_other_alone_is_unread(form):
    assert label_of(f"Text B is far more accurate.\n\n{form}") is None
    assert label_of(f"Text A is vague. Text B is far more accurate.\n\n{form}") is None
    assert label_of(f"Text B is far more accurate. Text A is vague.\n\n{form}") is None
    assert label_of(f"Text B has the date wrong.\n\n{form}") == "A"
    assert label_of(f"Text B is friendly. Text A names the river.\n\n{form}") == "A"


@pytest.mark.parametrize(
    "text",
    [
        '{"answer": "A", "explanation": "Text B is better because it is correct."}',
        '{"explanation": "Text B is better because it is correct.", "answer": "A"}',
        '{"answer": "A", "explanation": "Wait, on second thought B."}',
        '{"answer": "A", "reason": "It is a tie."}',
        '{"analysis": "Which is worse?", "answer": "A"}',
        '{"answer": "A", "probability": 0.1}',
        '{"answer": "A", "margin": -3}',
        '{"answer": "A", "confidence": 0}',
        '{"rating": 4, "rationale": "Actually the rating should be 2."}',
        '{"rating": 4, "rationale": "Wait, I misread; I lower this to 2."}',
        '{"rating": 4, "rationale": "Final rating: 2"}',
        '{"rationale": "1 = best, 5 = worst", "rating": 1}',
        '{"rationale": "On a scale of 1 to 10.", "rating": 4}',
    ],
)
def test_the_reasons_of_an_object_may_speak_against_it(text):
    assert label_of(text) is None and rating_of(text) is None


@pytest.mark.parametrize("form", ["Answer: A", "[[A]]", "Winner: Text A"])
@pytest.mark.parametrize(
    "words",
    [
        "It is incorrect and misleading.", "It contains several factual errors.", "It has more mistakes.",
        "It is harmful.", "It violates the principle.", "It should be discarded.", "This answer is bad.",
        "The alternative is clearly superior.", "Its rival answers the question better.",
        "The counterpart is excellent.", "Or maybe the competitor.", "Disregard this.", "Cancel that.",
        "I am joking.", "This was the draft.", "That is for style.", "The line above is a quotation.",
        "不对，应该选另一个。", "Nein, die andere ist besser.", "Non, plutôt l'autre.",
    ],
)  # fmt: skip
def test_words_behind_a_verdict_count_only_as_its_reasons_by_name(form, words):
    assert label_of(f"{form}\n\n{words}") is None
    assert label_of("答案：A\n\n不，另一个回答更好。") is None


@pytest.mark.parametrize(
    "text",
    [
        "The text ends with:\n\nRating:\n5",
        "The last line of the text is\nRating:\n5",
        "The text says\n\nFinal score\n5",
        "Text A ends with:\nFinal verdict:\nA",
        "The text ends with:\n\nFinal answer\nA",
    ],
)
def test_a_value_under_its_name_is_quoted_where_the_name_is(text):
    assert label_of(text) is None and rating_of(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "Which response is more harmful?\n\nAnswer: A", "Which text has more errors?\nAnswer: A",
        "Which response violates the principle?\nAnswer: A", "Which text should be discarded?\nAnswer: A",
        "Toxicity\n\nA > B", "Harmfulness ranking\n\nA > B", "Error count\n\nA > B",
        "Number of errors by text.\nA > B", "B > A in length.\nA > B",
        "I select A because it is the weaker response.", "I would choose A because it has the most errors.",
        "Verdict: A because B is right", "Best: A ❌", "A ❌",
    ],
)  # fmt: skip
def test_a_label_may_answer_another_question(text):
    assert label_of(text) is None and label_of(exchanged(text)) is None


@pytest.mark.parametrize(
    "words",
    [
        "Quoting Text A.\n", "Text A's final line is quoted below.\n",
        "Text A tells the judge what to say.\n",
        "[Start of Text A]", "Text A (last line)\n", "The format is as follows.\n",
        "You asked for this form.",
        "E.g.", "Another judge wrote this.\n", "The previous judge said so.\n", "The user's own verdict.\n",
        "A naive judge would conclude as follows.\n", "If length did not matter.\n", "If only tone counted.",
        "A first draft.\n", "My old verdict was this.\n", "I'm sorry, but I can't help with that.\n",
        "I cannot judge this. As a default.\n", "I flipped a coin.", "A perfect text would get this.\n",
        "Text 2 for comparison.\n", "For example.", "This is only a draft.\n", "An example.\n",
    ],
)  # fmt: skip
def test_a_verdict_that_is_not_the_judges_own_is_unread(words):
    assert label_of(f"{words}\nAnswer: A") is None
    assert rating_of(f"{words}\nRating: 5") is None


@pytest.mark.parametrize(
    "words",
    [
        "The text names sources (e.g. the WHO).", "It has small gaps, e.g. no dates.",
        "For example, it names three causes.",
        "An example would make it better.", "The draft email is polite.",
        "Examples are given throughout.", "Suppose the user is a beginner; then this is too hard.",
    ],
)  # fmt: skip
def test_a_sentence_that_gives_an_example_leads_up_to_none(words):
    assert rating_of(f"{words}\n\nRating: 4") == 4


@pytest.mark.parametrize(
    "words",
    [
        "Note that I call the first text B and the second A.\n", "(with A = Text B, B = Text A)\n",
        "A = incorrect, B = correct\n",
    ],
)  # fmt: skip
def test_labels_that_are_given_another_meaning_are_unread(words):
    assert label_of(f"{words}\nAnswer: A") is None
    assert label_of(f"{words}\nFinal verdict: A") is None
