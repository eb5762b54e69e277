"""Sides that say which answer is meant, and labels beside sides. (prefgen/dataset/pointers.py)"""

import pytest

from prefgen.dataset.pair_formats import to_pair_row
from prefgen.errors import RecipeError
from prefgen.publish.export import validated_pair

LISTS = ("responses", "generations", "outputs", "candidates", "completions")
TWINS = (
    ("candidate_1", "candidate_2"), ("text_a", "text_b"), ("summary_a", "summary_b"), ("A", "B"),
    ("model_1_answer", "model_2_answer"), ("answer0", "answer1"), ("Response A", "Response B"),
)  # fmt: skip
SIDES = (
    ("0", "1"), ("1", "2"), ("A", "B"), ("Response 1", "Response 2"), ("response1", "response2"),
    ("model_a", "model_b"), ("first", "second"), ("Option B", "Option A"), ("1.0", "0.0"),
    ("ResponseA", "ResponseB"),
)  # fmt: skip


def read(**row):
    return validated_pair(to_pair_row({"prompt": "Q", **row}, {}, "row"), "row")


@pytest.mark.parametrize("column", LISTS)
@pytest.mark.parametrize(("chosen", "rejected"), SIDES)
def test_sides_that_point_into_a_list_are_in_doubt(column, chosen, rejected):
    with pytest.raises(RecipeError, match="is it an answer, or does it say which"):
        read(chosen=chosen, rejected=rejected, **{column: ["x is so", "y is so"]})


@pytest.mark.parametrize("columns", TWINS)
@pytest.mark.parametrize(("chosen", "rejected"), SIDES)
def test_sides_that_point_at_two_columns_are_in_doubt(columns, chosen, rejected):
    with pytest.raises(RecipeError, match="is it an answer, or does it say which|name the columns"):
        read(chosen=chosen, rejected=rejected, **dict(zip(columns, ("x is so", "y is so"), strict=True)))


@pytest.mark.parametrize(
    "beside",
    [
        {"tags": ["maths", "easy"]},
        {"references": ["four", "4.0"]},
        {"grades": ["1", "2", "3"]},
        {"response_1": "1", "response_2": "2"},
        {"score_a": 4, "score_b": 2},
        {"source_1": "x"},
    ],
)
def test_short_answers_are_answers(beside):
    assert read(chosen="1", rejected="2", **beside)[1][0]["content"] == "1"
    assert read(chosen="Cuba", rejected="Canada", candidates=["x", "y"])[1][0]["content"] == "Cuba"


@pytest.mark.parametrize(
    "beside",
    [
        {"steps": ["x is so", "y is so"]}, {"hints": ["Count.", "Add."]}, {"entities": '["Ann", "Bob"]'},
        {"model_1": "gpt-4", "model_2": "llama"}, {"judge_a": "gpt-4", "judge_b": "llama"},
        {"judge_model_1": "gpt-4", "judge_model_2": "llama 3"}, {"answer": "2+2=4 #### 4"},
    ],
)  # fmt: skip
@pytest.mark.parametrize(("chosen", "rejected"), [("4", "5"), ("True", "False"), ("false", "true")])
def test_short_answers_that_can_mean_none_of_what_is_beside_them_are_answers(beside, chosen, rejected):
    assert read(chosen=chosen, rejected=rejected, **beside)[1][0]["content"] == chosen


@pytest.mark.parametrize("beside", [{"model_1": "gpt-4", "model_2": "llama"}, {"answer": "1+0=1 #### 1"}])
def test_small_numbers_beside_no_two_answers_are_answers(beside):
    assert read(chosen="1", rejected="2", **beside)[1][0]["content"] == "1"


@pytest.mark.parametrize(
    ("sides", "beside"),
    [
        (("3", "1"), {"steps": ["x", "y", "z"]}), (("True", "False"), {"text_0": "x", "text_1": "y"}),
        (("1", "2"), {"model_1": "It is so, I say.", "model_2": "It is not so."}),
        (("2", "3"), {"answer_1": "x", "answer_2": "y", "answer_3": "z"}),
    ],
)  # fmt: skip
def test_what_may_point_is_in_doubt(sides, beside):
    with pytest.raises(RecipeError, match="is it an answer, or does it say which"):
        read(chosen=sides[0], rejected=sides[1], **beside)


ANSWERS = {"chosen": "good", "rejected": "bad"}
AB = {"response_a": "good", "response_b": "bad"}
NUMBERED = {"response_1": "bad", "response_2": "good"}


@pytest.mark.parametrize(
    "beside",
    [
        {**AB, "winner": "model_b"}, {**AB, "preference": "B"}, {**AB, "winner": "tie"},
        {**AB, "better": "second"},
        {**NUMBERED, "winner": 1}, {**NUMBERED, "preferred": "Response 1"}, {**AB, "choice": 1},
        {**AB, "winner": "tie (bothbad)"}, {"preference": "rejected"}, {"winner": "Rejected"},
        {**NUMBERED, "choice": 0}, {**AB, "winner": "[[B]]"}, {**AB, "preference": "B>A"},
        {**AB, "preference": "B >> A"}, {**AB, "preferred_response": "bad"},
        {**AB, "winner": "llama", "model_a": "gpt-4", "model_b": "llama"}, {**AB, "vote": "b"},
    ],
)  # fmt: skip
def test_a_label_that_prefers_the_other_answer_is_in_doubt(beside):
    with pytest.raises(RecipeError, match="and chosen is another answer"):
        read(**ANSWERS, **beside)


@pytest.mark.parametrize(
    "word", ["both bad", "no preference", "equally good", -1, "-1", "A=B", "gpt-4", 0.3, 0.8]
)
@pytest.mark.parametrize("column", ["winner", "preference", "overall_preference_label", "verdict", "vote"])
def test_a_label_that_is_not_understood_is_in_doubt(column, word):
    with pytest.raises(RecipeError, match="not understood"):
        read(**ANSWERS, **AB, **{column: word})


@pytest.mark.parametrize(
    "beside", [{"chosen_index": 1}, {"best_index": 1}, {"winner": "x", "model_rejected": "x"}]
)
def test_an_index_or_a_name_that_is_not_of_the_chosen_answer_is_in_doubt(beside):
    with pytest.raises(RecipeError, match="not understood"):
        read(**ANSWERS, **AB, **beside)


@pytest.mark.parametrize(
    "beside",
    [
        {**AB, "winner": "model_a"}, {**AB, "preference": "A"}, {**NUMBERED, "winner": 2},
        {**AB, "better": "first"},
        {**AB, "winner": "gpt-4", "model_chosen": "GPT-4"}, {**AB, "preference_strength": 2},
        {**AB, "winner": "gpt-4", "model_a": "gpt-4", "model_b": "llama"}, {**AB, "winner": "[[A]]"},
        {**AB, "preference": "A>B"}, {**AB, "verdict": "A >> B"}, {**AB, "preferred_answer": "Good"},
        {**AB, "preference_type": "helpfulness"}, {**AB, "selected_by": "Ann"},
        {**AB, "preferred_language": "en"}, {**AB, "votes": 7}, {**AB, "vote": "a"},
        {"winner": "no idea"}, {"text_a": "x", "text_b": "y", "winner": "both bad"},
        {"preference": "chosen"}, {"best": 0},
        {"text_a": "x", "text_b": "y", "winner": "b"}, {**AB, "winner": None},
    ],
)  # fmt: skip
def test_a_label_that_agrees_or_says_nothing_is_left(beside):
    assert read(**ANSWERS, **beside)[1][0]["content"] == "good"


@pytest.mark.parametrize(
    ("high", "low"),
    [
        ("chosen_avg_rating", "rejected_avg_rating"), ("reward_chosen", "reward_rejected"),
        ("chosen-overall-score", "rejected-overall-score"), ("mean_score_chosen", "mean_score_rejected"),
        ("Chosen_Rating", "Rejected_Rating"),
    ],
)  # fmt: skip
def test_scores_of_any_naming_speak_for_the_chosen_side(high, low):
    row = to_pair_row({"prompt": "Q", **ANSWERS, high: "5", low: 2}, {}, "row")

    assert (row["score_chosen"], row["score_rejected"]) == (5, 2)


@pytest.mark.parametrize("name", ["length", "rank", "logps", "verbosity_score", "id", "tokens"])
def test_numbers_of_sides_that_are_no_quality_are_no_scores(name):
    row = to_pair_row({"prompt": "Q", **ANSWERS, f"chosen_{name}": 1, f"rejected_{name}": 2}, {}, "row")

    assert "score_chosen" not in row
