"""Columns beside the sides that may compare them. (prefgen/dataset/comparisons.py, comparing_names.py,
named_answers.py, values_of_each.py, answer_groups.py)
"""

import json

import pytest

from prefgen.dataset.answer_groups import column_groups, words_of_name
from prefgen.dataset.pair_formats import to_pair_row
from prefgen.errors import RecipeError
from prefgen.publish.export import validated_pair

SIDES = {"prompt": "Name a river.", "chosen": "The Nile.", "rejected": "No."}
AB = {"answer_a": "The Nile.", "answer_b": "No."}
SWAPPED = {"response_1": "No.", "response_2": "The Nile."}
LIST = {"responses": ["The Nile.", "No."]}
CHAT = [{"role": "user", "content": "Name a river."}]


def read(row: dict, **columns: str) -> str:
    return validated_pair(to_pair_row(row, columns, "row"), "row")[1][0]["content"]


AGAINST = [
    {"responses": ["The Nile.", "x", "No."], "ranks": [3, 1, 2]},
    {"response_0": "The Nile.", "response_1": "No.", "chosen_id": 1, "rejected_id": 0},
    {**AB, "label": "Response B is slightly better than Response A"}, {**AB, "label": "B is much better"},
    {**AB, "a_is_chosen": False}, {**AB, "is_b_chosen": 1}, {**AB, "chosen_is_a": "no"},
    {**SWAPPED, "a_wins": 1},
    {**LIST, "b_is_chosen": True}, {**AB, "second_is_better": 1}, {**AB, "is_a_rejected": True},
    {**AB, "b_better": True}, {**AB, "a_better": False}, {**AB, "is_b_better": "true"}, {**AB, "a_wins": 0},
    {**AB, "answer_b_preferred": 1}, {**AB, "a_loses": 1},
    {**AB, "loser": "A"}, {**AB, "worse": "answer_a"}, {**AB, "worst": "a"}, {**SWAPPED, "loser": 2},
    {**AB, "votes": ["B", "B"]}, {**AB, "votes": ["A", "B"]}, {**AB, "preference": ["B"]},
    {**AB, "winner": ["answer_b"]}, {**AB, "preferred": {"label": "B"}}, {**AB, "votes": {"a": 1, "b": 4}},
    {**AB, "pref": "B"}, {**AB, "gpt4_judgement": "B"}, {**AB, "decision": "b"}, {**AB, "result": "B wins"},
    {**AB, "label": "B"}, {**AB, "what_ann_said": "B"}, {**AB, "gold": "answer_b"},
    {**AB, "verdict": "b is better"},
    {**AB, "chosen_by": "B"}, {**AB, "rejected_by_all": "A"},
    {"responseA": "The Nile.", "responseB": "No.", "winner": "responseB"},
    {"first": "The Nile.", "second": "No.", "winner": "second"},
    {"left": "The Nile.", "right": "No.", "winner": "right"},
    {"out_a": "x", "out_b": "The Nile.", "out_c": "No.", "winner": "c"},
    {**LIST, "winner": 1}, {**LIST, "chosen_index": 1}, {**LIST, "better_id": 1}, {**LIST, "winner": "B"},
    {**LIST, "rejected_idx": 0}, {**LIST, "best": "llama", "models": ["gpt-4", "llama"]},
    {**LIST, "winner": "nobody"},
    {**AB, "llm_score_a": 1, "llm_score_b": 5}, {**AB, "num_votes_a": 1, "num_votes_b": 3},
    {**AB, "score_a": 1, "score_b": 5}, {**SWAPPED, "response_1_score": 5, "response_2_score": "1"},
    {**AB, "rank_a": 2, "rank_b": 1}, {**AB, "winner_model_a": 0, "winner_model_b": 1},
    {**LIST, "scores": [1, 5]}, {**LIST, "ratings": "[1, 5]"}, {**LIST, "ranks": [2, 1]},
    {**LIST, "labels": [0, 1]},
    {"responses": ["No.", "x", "The Nile."], "all_rm_scores": [0.3, 0.2, 0.1]},
    {"completions": [{"text": "The Nile.", "score": 1}, {"text": "No.", "score": 5}]},
    {"completions": [{"response": "No.", "overall_score": 5}, {"response": "The Nile.", "overall_score": 2}]},
    {**LIST, "rewards_armorm": [{"model": "m", "score": 0.1}, {"model": "m", "score": 0.3}]},
    {**AB, "rewards": [{"reward": 1}, {"reward": "2"}]},
    {"labels": 0}, {"labels": -1}, {"is_chosen_better": False}, {"rejected_is_better": 1},
    {"is_better": False},
    {"chosen_rank": 2, "rejected_rank": 1}, {"scores": {"chosen": 1, "rejected": 5}}, {"score": [1, 5]},
    {"score_diff": -2}, {"delta": -2}, {"reward_margin": -0.5}, {"preference_strength": -2},
    {"chosen_prob": 0.2, "rejected_prob": 0.8}, {"chosen_correct": False, "rejected_correct": True},
    {"flipped": True}, {"labels_swapped": 1}, {"loser": "chosen"}, {"label": "rejected"},
    {"winner": "y", "chosen_model": "x", "rejected_model": "y"},
    {"metadata": {"chosen_score": 1, "rejected_score": 4}}, {"info": {"rank_chosen": 2, "rank_rejected": 1}},
    {**AB, "info": {"score_a": 1, "score_b": 2}},
    {"chosen_prob": 0.1}, {"prob_chosen": "0.3"}, {"preference_prob": 0.49}, {"preference_probability": 0},
    {"preferred_output_score": 1, "non_preferred_output_score": 3},
    {
        "chosen": [{"role": "assistant", "content": "The Nile.", "score": 2}],
        "rejected": [{"role": "assistant", "content": "No.", "score": 9}],
    },
    {
        "chosen": [{"from": "gpt", "value": "The Nile.", "rank": 2}],
        "rejected": [{"from": "gpt", "value": "No.", "rank": 1}],
    },
]  # fmt: skip


@pytest.mark.parametrize("beside", AGAINST)
def test_what_speaks_against_the_sides_or_may_do_it_is_one_line(beside):
    with pytest.raises(RecipeError, match="map the sides that are meant .chosen=chosen") as caught:
        read({**SIDES, **beside})
    assert "\n" not in str(caught.value)

    assert read({**SIDES, **beside}, chosen="chosen", rejected="rejected") == "The Nile."


AGREES = [
    {"responses": ["The Nile.", "x", "No."], "ranks": [1, 3, 2]},
    {"response_0": "The Nile.", "response_1": "No.", "chosen_id": 0, "rejected_id": 1},
    {**AB, "chosen_id": "0f3c-1a", "rejected_id": "77b2-9d"},
    {**AB, "label": "Response A is slightly better than Response B"}, {**AB, "label": "A is a bit better"},
    {"responses": ["The Nile.", "No.", "x", "y"], "best_of_n": 4, "n_best": 2},
    {**AB, "a_better": True, "b_better": 0}, {**AB, "loser": "B"}, {**AB, "votes": ["A", "B", "A"]},
    {**AB, "preferred": {"label": "A"}}, {**AB, "votes": {"a": 4, "b": 1}}, {**AB, "gpt4_judgement": "A"},
    {**AB, "result": "A wins"}, {**SWAPPED, "label": 2}, {**SWAPPED, "winner": "second"},
    {"responseA": "No.", "responseB": "The Nile.", "winner": "responseB"},
    {**LIST, "winner_index": 0}, {**LIST, "chosen_index": 0}, {**LIST, "winner": "a"},
    {**LIST, "rejected_idx": 1}, {**LIST, "best": "gpt-4", "models": ["gpt-4", "llama"]},
    {**AB, "score_a": 5, "score_b": 1}, {**AB, "rank_a": 1, "rank_b": 2},
    {**AB, "rating_a": 3, "rating_b": 3},
    {**LIST, "scores": [5, 1]}, {**LIST, "ranks": [1, 2]}, {**LIST, "scores": [None, 5]},
    {"responses": ["No.", "x", "The Nile."], "ranks": [2, 3, 1]},
    {"responses": ["No.", "x", "The Nile."], "ranks": [2, 0, 1]},
    {"completions": [{"text": "The Nile.", "score": 5}, {"text": "No.", "score": 1}]},
    {"label": 1, "labels": 1, "is_chosen_better": True, "chosen_rank": 1, "rejected_rank": 2},
    {"scores": {"chosen": 5, "rejected": 1}, "score_diff": 4, "flipped": False, "winner": "chosen"},
    {"metadata": {"chosen_score": 4, "rejected_score": 1}}, {"info": {"chosen": 1, "rejected": 4}},
    {"chosen_prob": 0.5}, {"prob_chosen": "0.9"}, {"preference_prob": 0.51}, {"prob": 0.1},
    {"chosen_prob": 0.3, "rejected_prob": 0.2}, {"chosen_logps_prob": 0.1}, {"preference_prob": -3.1},
    {"preferred_output_score": 3, "non_preferred_output_score": 3},
    {
        "chosen": [{"role": "assistant", "content": "The Nile.", "score": 9, "weight": 0}],
        "rejected": [{"role": "assistant", "content": "No.", "score": 2, "weight": 1}],
    },
]  # fmt: skip
SOMETHING_ELSE = [
    {**AB, "id": "B", "category": "B", "language": "B", "level": "B", "source": "b", "annotator": "B"},
    {**AB, "length_a": 3, "length_b": 9, "helpfulness_a": 1, "helpfulness_b": 4, "latency_b": 7},
    {**SWAPPED, "turns": 1, "num_turns": 1, "n_votes": 1, "seed": 1, "grade": 1, "votes": 1},
    {**AB, "label": "politics", "labels": ["x", "y"], "human": "yes", "outcome": "published"},
    {"score": -3.2, "time_delta": -3, "idx": 7, "index": 0, "reason": "No.", "swap_file": "x"},
    {"chosen_verbosity": 1, "rejected_verbosity": 4, "chosen_tokens": 3, "rejected_tokens": 5},
    {"reference_chosen_logps": -90.0, "reference_rejected_logps": -4.0},
    {"score": [1, 5], "steps": ["x is so", "y is so"]},
    {"chosen_model": "x", "rejected_model": "y", "judge": "y"},
]


@pytest.mark.parametrize("beside", [*AGREES, *SOMETHING_ELSE])
def test_what_agrees_or_is_about_something_else_is_let_be(beside):
    assert read({**SIDES, **beside}) == "The Nile."


PUBLIC = [
    {"prompt_id": "x", "all_generated_responses": ["m", "The Nile.", "No."],
    "all_rm_scores": [0.1, 2.0, -1.0]},
    {"candidates_completions": ["No.", "m", "The Nile."], "ranks": [3, 2, 1], "rank_str": "3>2>1"},
    {"subset": "hep", "id": 3, "num_correct": 1, "num_incorrect": 3, "models": ["x", "y"]},
    {"status": "swapped", "generations": ["No.", "The Nile."], "order": ["rejected", "chosen"],
    "rating": [2, 9],
     "original_chosen": "No.", "original_rejected": "The Nile.", "chosen_score": 9.0},
    {"chosen_rating": 4.0, "rejected_rating": 2.0, "chosen_correctness": 3, "rejected_correctness": 4},
    {"intent": "x", "difficulty": "easy", "quality_explanation": "z", "responses": ["The Nile.", "No."],
     "rewards_armorm": [{"all_rewards": [1.0], "score": 0.2}, {"all_rewards": [1.0], "score": 0.1}]},
]  # fmt: skip


@pytest.mark.parametrize("beside", PUBLIC)
def test_columns_of_public_datasets_are_let_be(beside):
    assert read({**SIDES, **beside}) == "The Nile."


LONG = "Rivers are long. " * 70
OTHER_SPACES = {"response_a": "The Nile. </s>", "response_b": "No. </s>"}
MODELS = {"chosen_model": "x", "rejected_model": "y", "model_a": "x", "model_b": "y"}
REJECTED_IS_BETTER = [
    {"better_response": "No."}, {"better_response": "no"}, {"best_answer": '"No."'},
    {"worse_response": "The Nile."}, {**LIST, "better_response": "No."}, {**AB, "winner": "No."},
    {"best_answer": [{"role": "assistant", "content": "No."}]}, {"winner": {"response": "No."}},
    {"worse_response": {"role": "assistant", "content": "The Nile."}},
    {"rejected": LONG, "better_response": LONG}, {"chosen": LONG, "worst_answer": LONG},
    {**AB, "rejected": LONG, "answer_b": LONG, "winner": LONG},
    {**MODELS, "winner": "model_b"}, {**MODELS, "winner": "B"}, {**MODELS, "loser": "model_a"},
    {**AB, "judgment": "A<B"}, {**AB, "label": "A<<B"}, {**AB, "verdict": "b > a"},
    {**AB, "judgment": "My final verdict is: [[B]]"}, {**AB, "judgement": LONG + "So [[B>>A]]."},
    {**OTHER_SPACES, "winner": "b"}, {**OTHER_SPACES, "winner": "a"}, {**OTHER_SPACES, "loser": "response_b"},
    {**OTHER_SPACES, "winner": "model_b"}, {**OTHER_SPACES, "verdict": "Response B wins"},
    {**OTHER_SPACES, "winner": "second"}, {**OTHER_SPACES, "model_a": "x", "model_b": "y", "best": "y"},
    {"output_1": "Nile", "output_2": "Nope", "preference": 2},
    {"score_gap": "-0.1"}, {"delta": " -2 "}, {"is_preferred": 0}, {"is_best": "0.0"}, {"is_winner": "no"},
    {"is_chosen_better": "no"}, {**AB, "b_better": "yes"}, {"flipped": "yes"},
]  # fmt: skip


@pytest.mark.parametrize("beside", REJECTED_IS_BETTER)
def test_a_pair_that_is_the_wrong_way_round_is_one_line_however_it_is_said(beside):
    with pytest.raises(RecipeError, match="map the sides that are meant .chosen=chosen") as caught:
        read({**SIDES, **beside})
    assert "\n" not in str(caught.value)


CHOSEN_IS_BETTER = [
    {"better_response": "The Nile."}, {"better_response": "the nile"}, {"worse_response": "No"},
    {**LIST, "better_response": "The Nile."}, {**AB, "preferred_response": "The Nile."},
    {"best_answer": [{"role": "assistant", "content": "The Nile."}]},
    {"rejected": LONG, "worse_response": LONG}, {"rejected": LONG, "better_response": "x" * 2000},
    {**MODELS, "winner": "model_a"}, {**MODELS, "winner": "A"}, {**MODELS, "loser": "model_b"},
    {"model_a": "x", "model_b": "y", "winner": "model_b"},
    {**AB, "judgment": "A>B"}, {**AB, "judgment": "B<<A"}, {**AB, "judgment": LONG + "[[A]]"},
    {**AB, **OTHER_SPACES, "winner": "a"}, {**OTHER_SPACES, **MODELS, "winner": "x"},
    {**OTHER_SPACES, "best": "llama", "verdict": "tie"},
    {**OTHER_SPACES, "label": "b", "source": "b", "votes": 1},
    {**AB, "a_is_chosen": True, "chosen_is_b": 0}, {**SWAPPED, "b_wins": 1}, {"a_wins": 0},
    {**AB, "winner_tie": 0, "is_tie": False},
    {"score_gap": "0.1"}, {"score_gap": "large"}, {"is_preferred": 1}, {"is_preferred": "yes"},
    {"human": "no", "outcome": "no"},
    *({name: word} for name in ("flipped", "swapped") for word in ("no", "N", "none", "unchanged", "0", "")),
]  # fmt: skip


@pytest.mark.parametrize("beside", CHOSEN_IS_BETTER)
def test_a_pair_that_is_the_right_way_round_is_read_however_it_is_said(beside):
    row = {**SIDES, **beside}
    assert read(row) == row["chosen"]


VOTES_AGAINST = [
    {**AB, "votes": ["B", "B", "tie"]}, {**AB, "votes": ["B", "B", "B", None]}, {**AB, "winner": ["B", "C"]},
    {**AB, "preferences": ["B", "B", "unsure"]}, {**AB, "preferences": ["A", "unsure"]},
    {**AB, "votes": ["B"] * 101}, {**AB, "winner": ["B"] * 1001}, {**AB, "votes": ["tie", "tie"]},
    {**AB, "preference": {"choice": "B", "reason": "x"}}, {**AB, "preference": {"choice": "?", "id": 3}},
    {**AB, "verdict": '{"winner": "B", "reason": "x"}'}, {**AB, "winner": {"model": "model_b", "votes": 3}},
    {**AB, "preferences": [{"annotator": "x", "preference": "B"}] * 2}, {**AB, "winner": ["nobody"]},
    {**AB, "preferred": ["B", ["x"]]}, {**AB, "winner": {"a": "lost", "b": "won"}},
    {**AB, "loser": ["A", "tie"]}, {**AB, "winner": {"a": {"b": {}}}},
    {**LIST, "votes": [1, 1, 0]}, {"response_1": "The Nile.", "response_2": "No.", "votes": [2, 2, 1]},
    {"winner": ["rejected", "rejected"]},
    {**AB, "preference_statement": "Response B is better"}, {**AB, "answer_b_chosen": True},
    {**AB, "a_chosen": "false"}, {**AB, "b_rejected": 0},
    *(
        {**AB, name: votes}
        for name in ("annotations", "judgements", "reviews", "gpt4_eval", "whatever", "feedback", "metadata")
        for votes in (
            [{"judge": "gpt", "winner": "B"}], [{"annotator": 1, "preference": "B"}] * 2,
            [{"winner": "A"}, {"winner": "B"}], [{"loser": "A"}], json.dumps([{"verdict": "B", "why": "x"}]),
            [{"winner": "tie"}, {"winner": "B"}], [{"label": "B", "annotator": "x"}], {"winners": ["B", "B"]},
            {"gpt": {"winner": "B"}, "claude": {"winner": "B", "why": "x"}},
            [{"winner": "B"}, {"winner": "B"}, {"note": "x"}],
            {"gpt-4": "B", "claude": "B"}, {"gpt-4": "B", "claude": "B is better", "grade": "A"},
        )
        if name != "metadata" or isinstance(votes, dict)
    ),
    *(
        {"response1": "The Nile.", "response2": "No.", **dict(zip(names, votes, strict=True))}
        for names in (("annotator1", "annotator2", "annotator3"), ("rater_1", "rater_2", "rater_3"))
        for votes in ((2, 2, 1), ("B", "B", "A"), ("response2", "response2", None), (2, 2, 0))
    ),
]  # fmt: skip


ABOUT_ELSE = [
    {"author_1": "A. Smith", "author_2": "B. Jones"}, {"worker_1": 3, "worker_2": 8, "worker_3": 1},
    {"annotator_1": 1, "annotator_2": 2}, {"annotator_1": 2, "annotator_2": 1, "annotator_3": 0},
    {"rater_1": "B", "rater_2": "A"}, {"annotator_1": "P-12", "annotator_2": "P-12"},
    {"user_1": 2, "user_2": 2},
    {"ratings": [{"annotator": "1", "rating": 3}, {"annotator": "2", "rating": 5}]},
    {"scores": [{"judge": "x", "score": 1}, {"judge": "y", "score": 2}]},
    {"criteria_scores": [{"criterion": "x", "score": 1}, {"criterion": "y", "score": 2}]},
    {"doc_scores": [{"doc": "x", "score": 0.3}, {"doc": "y", "score": 0.8}]},
    {"found": [{"is_selected": 0, "passage_text": "x"}, {"is_selected": 1, "passage_text": "y"}]},
    {"stats": [{"model": "x", "wins": 3}, {"model": "y", "wins": 10}]},
    {"poll": [{"option": "A", "votes": 3}, {"option": "B", "votes": 9}]},
    {"games": [{"won": False}, {"won": True}]}, {"found": {"is_selected": [0, 1], "url": ["x", "y"]}},
    {"aspects": [{"aspect": "humor", "winner": "B"}, {"aspect": "length", "winner": "B"}]},
    {"swaps": [{"order": "AB", "winner": "A"}, {"order": "BA", "winner": "B"}]},
    {"info": {"pool": "B", "bucket": "B"}}, {"quiz": {"gold": "A", "pred": "B", "pred_2": "B"}},
    {"aspects": {"helpfulness": "A", "length": "B", "humor": "B"}},
]  # fmt: skip


@pytest.mark.parametrize("answers", [AB, SWAPPED, LIST])
@pytest.mark.parametrize("beside", ABOUT_ELSE)
def test_what_tells_other_things_apart_is_no_vote(answers, beside):
    assert read({**SIDES, **answers, **beside}) == "The Nile."


@pytest.mark.parametrize("beside", VOTES_AGAINST)
def test_votes_that_are_not_for_the_chosen_answer_are_one_line(beside):
    with pytest.raises(RecipeError, match="map the sides that are meant .chosen=chosen"):
        read({**SIDES, **beside})


@pytest.mark.parametrize(
    "beside",
    [
        {**AB, "votes": ["A", "A", "tie"]},
        {**AB, "votes": ["A", "tie", "tie", None]},
        {**AB, "preferences": ["A", "A", "unsure"]},
        {**AB, "preference": {"choice": "A", "reason": "B is worse"}},
        {**AB, "verdict": '{"winner": "A", "loser": "B", "reason": "x"}'},
        {**AB, "preferences": [{"annotator": "b", "preference": "A"}, {"annotator": "c", "preference": "A"}]},
        {**AB, "winner": {"model": "x", "votes": 3}, "model_a": "x", "model_b": "y"},
        {**AB, "votes": {"answer_a": 3, "answer_b": 1}, "preferences": {"a": 0.7, "b": 0.3}},
        {**AB, "winner": [None, ""], "loser": ["B", "tie"]},
        {**AB, "preferred_topics": ["x", "y"], "best_practices": {"b": "x"}, "labels": ["x", "y"]},
        {**AB, "all_preferences": [{"statement": "x", "strength": -1}, {"statement": "y", "strength": 2}]},
        {**LIST, "votes": [3, 1], "labels": [1, 0]},
        {"response_1": "The Nile.", "response_2": "No.", "votes": [1, 1, 2]},
        {"winner": ["chosen", "chosen", "rejected"], "preference": {"style": "x"}},
        {**AB, "annotations": [{"preference": "A"}, {"preference": "A"}, {"preference": "B"}]},
        {**AB, "reviews": [{"winner": "A", "loser": "B"}, {"winner": "tie"}]},
        {**AB, "judges": {"gpt-4": "A", "claude": "A", "grade": "B"}, "extra": {"winners": ["A", "A"]}},
        {**AB, "mcq": [{"label": "A", "text": "x"}, {"label": "B", "text": "y"}]},
        {**AB, "mcq": {"text": ["x", "y"], "label": ["A", "B"]}, "extra": {"answer": "B"}},
        {**AB, "comparisons": [{"winner": "gpt-4", "loser": "llama"}], "entities": [{"label": "LOC"}]},
        {"response1": "The Nile.", "response2": "No.", "annotator1": 1, "annotator2": 1, "annotator3": 2},
        {"response1": "The Nile.", "response2": "No.", "annotator1": 17, "annotator2": 23, "annotator": "B"},
        {**AB, "user_1": "Ann", "user_2": "Bo"},
        {**AB, "preference_statement": "Response A is slightly better as it is more concise."},
        *(
            {**AB, name: [{"statement": "Response A is better than Response B.", "strength": -2}, *others]}
            for name in ("three_most_similar_preferences", "all_preferences_unprocessed")
            for others in ([], [{"statement": "Response B is better.", "strength": 1}])
        ),
        {
            **AB,
            "preference_statement": "Both are good but Response A is better.",
            "elaboration": "A is longer.",
        },
        {**LIST, "rewards_armorm": [{"score": 0.3}, {"score": 0.1}]},
        {
            **LIST,
            "rewards_armorm": [{"score": 0.1}, {"score": 0.3}, {"score": 0.2}],
            "judges": [{"score": 1}] * 2,
        },
    ],
)
def test_votes_for_the_chosen_answer_are_read(beside):
    assert read({**SIDES, **beside}) == "The Nile."


@pytest.mark.parametrize(
    ("chosen", "rejected"),
    [
        ("chosen_rm_score", "rejected_rm_score"), ("chosen_gpt4_score", "rejected_gpt4_score"),
        ("judge_score_chosen", "judge_score_rejected"), ("chosenHumanRating", "rejectedHumanRating"),
        ("chosen_elo", "rejected_elo"), ("chosen_reward_model_score", "rejected_reward_model_score"),
        ("chosen_scores", "rejected_scores"), ("chosen-rating", "rejected-rating"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("other", [{}, {"score_chosen": 9, "score_rejected": 1}])
def test_scores_of_the_sides_prefer_the_chosen_one_under_any_name(chosen, rejected, other):
    assert read({**SIDES, **other, chosen: 5, rejected: 5}) == "The Nile."
    assert read({**SIDES, **other, chosen: 9, rejected: None}) == "The Nile."
    with pytest.raises(RecipeError, match=f"{chosen} and chosen do not prefer .*chosen=chosen"):
        read({**SIDES, **other, chosen: 1, rejected: 9})
    assert read({**SIDES, chosen: 1, rejected: 9}, chosen="chosen", rejected="rejected") == "The Nile."


WHOLE = {side: [*CHAT, {"role": "assistant", "content": SIDES[side]}] for side in ("chosen", "rejected")}


@pytest.mark.parametrize(
    "beside",
    [
        {"messages": [*CHAT, {"role": "assistant", "content": "The Nile."}], **WHOLE},
        {"prompt": [{"role": "system", "content": "Be brief."}, *CHAT]},
        {"models": ["x", "y"], "chosen_model": "x", "rejected_model": "y"},
        {"tools": [{"name": "f"}, {"name": "g"}]},
    ],
)
def test_a_list_of_two_scores_is_about_the_sides_where_nothing_else_is_two(beside):
    assert read({**SIDES, **beside, "scores": [5, 1]}) == "The Nile."
    with pytest.raises(RecipeError, match="scores and chosen do not prefer"):
        read({**SIDES, **beside, "scores": [1, 5]})


def test_a_list_of_two_scores_may_be_about_two_other_things():
    others = ({"steps": ["x", "y"]}, {"models": ["y", "x"], "chosen_model": "x", "rejected_model": "y"})
    assert [read({**SIDES, **other, "scores": [1, 5]}) for other in others] == ["The Nile."] * 2


@pytest.mark.parametrize(
    "name", ["longer_response", "more_verbose", "more_toxic", "unsafe", "shown_first", "order", "priority"]
)
def test_a_letter_under_the_name_of_another_trait_is_no_verdict(name):
    assert read({**SIDES, **AB, name: "b"}) == "The Nile."
    with pytest.raises(RecipeError, match="and chosen is another answer"):
        read({**SIDES, **AB, f"chosen_{name}": "b"})


@pytest.mark.parametrize(
    ("beside", "is_read"),
    [
        ({"responses": ["No.", "The Nile.", "The Nile."], "scores": [0.5, 0.1, 0.9]}, True),
        ({"responses": ["No.", "The Nile.", "The Nile."], "scores": [0.5, 0.1, 0.4]}, False),
        ({"responses": ["No.", "The Nile.", "No."], "ranks": [1, 2, 3]}, True),
        ({"out_a": "No.", "out_b": "The Nile.", "out_c": "The Nile.", "winner": "c"}, True),
        ({"out_a": "The Nile.", "out_b": "No.", "out_c": "No.", "winner": "c"}, False),
        ({"responses": ["No.", "The Nile.", "The Nile."], "best": "The Nile."}, True),
    ],
)
def test_an_answer_that_is_listed_twice_is_one_answer(beside, is_read):
    if is_read:
        assert read({**SIDES, **beside}) == "The Nile."
        return
    with pytest.raises(RecipeError, match="map the sides that are meant"):
        read({**SIDES, **beside})


def test_numbers_of_a_form_agree_with_its_preference():
    shp = {"history": "Q", "human_ref_A": "The Nile.", "human_ref_B": "No.", "labels": 1}

    assert read({**shp, "score_A": 9, "score_B": 1, "upvote_ratio": 0.9}) == "The Nile."
    with pytest.raises(RecipeError, match="score_A and chosen do not prefer the same answer"):
        read({**shp, "score_A": 1, "score_B": 9})


@pytest.mark.parametrize(
    ("chosen", "rejected"),
    [
        ("(A)", "(B)"), ("[A]", "[B]"), ("A.", "B."), ("A)", "B)"), ("**A**", "**B**"), ("`b`", "`a`"),
        ("Answer: A", "Answer: B"), ("Response A:", "Response B:"), ("#1", "#2"), ("1.", "2."),
        ("{2}", "{1}"),
        ("the first", "the second"), ("Option: 1", "Option: 2"),
    ],
)  # fmt: skip
def test_a_pointer_is_one_whatever_is_set_about_it(chosen, rejected):
    mark = "12" if any(c.isdigit() for c in chosen) else "AB"
    answers = {f"response_{mark[0]}": "The Nile is long.", f"response_{mark[1]}": "I do not know."}
    with pytest.raises(RecipeError, match="is it an answer, or does it say which"):
        read({"prompt": "Q", "chosen": chosen, "rejected": rejected, **answers})

    assert read({"prompt": "Q", "chosen": chosen, "rejected": rejected}) == chosen


def test_names_of_models_are_no_answers():
    row = {
        "prompt": "Q",
        "response_a": "The Nile.",
        "response_b": "No.",
        "model_a": "gpt-4",
        "model_b": "llama",
    }
    for chosen, rejected in (("gpt-4", "llama"), ("Llama", "GPT-4")):
        with pytest.raises(RecipeError, match="are the names of those who answered"):
            read({**row, "chosen": chosen, "rejected": rejected})
    assert read({**row, "chosen": "The Nile.", "rejected": "No."}) == "The Nile."


def test_columns_are_told_apart_by_marks_alone():
    assert words_of_name("responseB") == words_of_name("Response_b") == ("response", "b")
    groups = column_groups(
        ("answer_1", "answer_2", "answer_4", "leftSide", "right_side", "x_1", "x_2", "a", "c")
    )
    assert [group.columns for group in groups] == [("leftSide", "right_side"), ("x_1", "x_2")]
