"""Which replies have the form of a task of distilabel. (prefgen/integrations/task_replies.py)"""

import pytest

from prefgen.integrations.task_replies import has_form

SCALE = (1.0, 5.0)
BLOCKS = "{}\nRating: 2\nRationale: w\n\n{}\nRating: 4\nRationale: w"
TYPED = "Type: 1\nRationale: w\nRating: 2\nRationale: w"


@pytest.mark.parametrize(
    "text",
    [
        "#### Output for Text 1\nRating: 2\nRationale: w\n\n#### Output for Text 2\nRating: 4\nRationale: w",
        "### Output\n#### Output for Text 1\nRating: 2\nRationale: w\n\nText 2:\nRating: 4\nRationale: w.",
        "Rating: 2\nRationale: It names 3 birds.\nAnd more.\n\nRating: 4\nRationale: w",
        "[1]\nRating: 2\nRationale: w\n\n[2]\nRating: 4\nRationale: w",
        "Rating: 2\nRationale: It has 2 of the 5 points.\n\nRating: 4\nRationale: Unlike Text 1, w",
        "Rating: 2\nRationale: It adjusts the recipe.\n\nRating: 4\nRationale: Two of three hold.",
        f"Text 1\n{TYPED}\n\nText 2\n{TYPED.replace('Rating: 2', 'Rating: 4')}",
    ],
)
def test_an_annotation_of_each_text_in_order_is_taken(text):
    assert has_form("UltraFeedback", text, [2, 4], SCALE)


@pytest.mark.parametrize(
    "text",
    [
        *(BLOCKS.format(f"{head} 2", f"{head} 1") for head in ("Output", "Model", "Candidate", "Text")),
        BLOCKS.format("2.", "1."),
        BLOCKS.format("#2", "#1"),
        BLOCKS.format("(2)", "(1)"),
        BLOCKS.format("Text two", "Text one"),
        BLOCKS.format("Output for the second text", "Output for the first text"),
        "Text 1\nRating: 2\nRationale: w\n\nRating: 4\nRationale: w",
        "Rating: 2 or 4\nRationale: w\n\nRating: 4\nRationale: w",
        "Rating: 2.9\nRationale: w\n\nRating: 4.1\nRationale: w",
        "Rating: 2-5, 3\nRationale: w\n\nRating: 4\nRationale: w",
        "Rating: 2/10\nRationale: w\n\nRating: 4/10\nRationale: w",
        "Rating: 2\nRationale: w\n\nRating: 4\nRationale: w. Wait, the two are swapped.",
        "Rating: 2\nRationale: w\nRating: 3\n\nRating: 4\nRationale: w",
        "Rating: 2\nRationale: w\n#### Output for Text 2\n\nRating: 4\nRationale: w",
        "Ratings (1-10):\nRating: 2\nRationale: w\n\nRating: 4\nRationale: w",
    ],
)
def test_an_annotation_that_may_be_of_the_other_text_or_of_another_number_is_not(text):
    assert not has_form("UltraFeedback", text, [2, 4], SCALE)


@pytest.mark.parametrize(
    ("task", "text", "value"),
    [
        ("InstructionBacktranslation", "It is short.\n\nScore: 4", 4),
        ("PrometheusEval", "Feedback: It is clear. So the overall score is 4. [RESULT] 4", 4),
        ("PrometheusEval", "It fits the description of score 4 rather than score 5. [RESULT] 4", 4),
        ("PrometheusEval", "It does not reach a score of 5 for want of an example. [RESULT] 4", 4),
        ("PrometheusEval", "It meets the criteria for a score of 4, but not of 5. [RESULT] 4", 4),
        ("PrometheusEval", "It gives 2 of the 3 tips. Therefore, a 4 is fair. [RESULT] 4", 4),
        ("PrometheusEval", "It is right throughout, so it deserves the highest score. [RESULT] 5", 5),
        ("PrometheusEval", "Feedback: A score of 5 needs sources. It has none. [RESULT] 4", 4),
        ("PrometheusEval", "Feedback: Response A is right. Therefore Response A is better. [RESULT] A", "A"),
    ],
)
def test_a_reply_that_agrees_with_itself_is_taken(task, text, value):
    assert has_form(task, text, [value], SCALE)


@pytest.mark.parametrize(
    ("task", "text", "value"),
    [
        ("InstructionBacktranslation", "Clarity Score: 1\nScore: 4", 1),
        ("InstructionBacktranslation", "Good.\nScore: 4\nWait, Score: 2", 4),
        ("InstructionBacktranslation", "Good.\nScore: 10", 1),
        ("PrometheusEval", "Feedback: good. So the overall score is 4. [RESULT] 2", 2),
        ("PrometheusEval", "Feedback: Response B is better. [RESULT] A", "A"),
        ("PrometheusEval", "It lacks a date. Therefore, a 2 is fair. [RESULT] 4", 4),
        ("PrometheusEval", "It deserves 2 out of 5. [RESULT] 4", 4),
        ("PrometheusEval", "This aligns with a 2 on the rubric. [RESULT] 4", 4),
        ("PrometheusEval", "Hence it is rated 2. [RESULT] 4", 4),
        ("PrometheusEval", "So it merits a 5. It has no slip. [RESULT] 4", 4),
        ("PrometheusEval", "It does not deserve more than a 2. [RESULT] 4", 4),
        ("PrometheusEval", "It does not reach a score of 3. [RESULT] 4", 4),
    ],
)
def test_a_reply_that_says_something_else_too_is_not(task, text, value):
    assert not has_form(task, text, [value], SCALE)


@pytest.mark.parametrize(
    "text",
    [
        "[1] score: 4.5\n[2] score: 2",
        "[2] score: 4\n[1] score: 2",
        "[1] score: 4\n[2] score: 2\nWait, they are swapped.",
        "[1] score: 4 or 5\n[2] score: 2",
    ],
)
def test_a_list_of_scores_holds_a_whole_number_a_line_and_nothing_else(text):
    assert has_form("QualityScorer", "[1] Score: 4\n[2] Score: 2\n", [4.0, 2.0], SCALE)
    assert has_form("QualityScorer", "[1] Score: 4\n\n[2] Score: 2\n", [4.0, 2.0], SCALE)
    assert not has_form("QualityScorer", text, [4.0, 2.0], SCALE)
