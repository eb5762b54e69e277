"""Rows of two answers whose preference stands in another column. (prefgen/dataset/missing_sides.py)"""

import pytest

from prefgen.dataset.pair import pair_messages
from prefgen.dataset.pair_formats import to_pair_row
from prefgen.errors import RecipeError

GOOD, BAD = "The Nile.", "The Matterhorn."
PUBLIC = {
    "alpaca_farm": (("output_1", "output_2"), {"input": ""}, ({"preference": 1}, {"preference": 2})),
    "WSDM": (("response_a", "response_b"), {}, ({"winner": "model_a"}, {"winner": "model_b"})),
    "arena-55k": (
        ("response_a", "response_b"),
        {"model_a": "gpt-4", "model_b": "llama"},
        tuple({"winner_model_a": a, "winner_model_b": 1 - a, "winner_tie": 0} for a in (1, 0)),
    ),
    "JudgeBench": (("response_A", "response_B"), {"source": "mmlu"}, ({"label": "A>B"}, {"label": "B>A"})),
    "OffsetBias": (("output_1", "output_2"), {}, ({"label": 1}, {"label": 2})),
    "align-anything": (("response_1", "response_2"), {}, ({"overall_response": 1}, {"overall_response": 2})),
    "Prometheus": (
        ("response_A", "response_B"),
        {},
        ({"orig_preference": "A", "orig_score_A": "5"}, {"orig_preference": "B", "orig_score_A": "2"}),
    ),
    "WebGPT": (
        ("answer_0", "answer_1"),
        {"quotes_0": {"title": ["x"]}, "quotes_1": {"title": ["y"]}},
        ({"score_0": 0.5, "score_1": -0.5}, {"score_0": -0.5, "score_1": 0.5}),
    ),
}


@pytest.mark.parametrize(("columns", "beside", "verdicts"), PUBLIC.values(), ids=PUBLIC)
def test_a_verdict_in_a_column_of_its_own_is_named_and_never_mapped_against(columns, beside, verdicts):
    first, second = columns
    for number, verdict in enumerate(verdicts):
        answers = {first: (GOOD, BAD)[number], second: (BAD, GOOD)[number]}
        row = {"prompt": "Name a river.", **answers, **beside, **verdict}
        with pytest.raises(
            RecipeError, match=f"{next(iter(verdict))} may say which of {first} and {second} is"
        ):
            pair_messages(to_pair_row(row, {}, "row"), "row")

        mapping = {"chosen": columns[number], "rejected": columns[1 - number]}
        _, chosen, _ = pair_messages(to_pair_row(row, mapping, "row"), "row")
        assert chosen[0]["content"] == GOOD
        inverted = {"chosen": columns[1 - number], "rejected": columns[number]}
        with pytest.raises(RecipeError, match=r"row: .* a mapping cannot say what differs from row to row"):
            to_pair_row(row, inverted, "row")


def test_a_tie_is_no_pair_whatever_is_mapped():
    row = {"prompt": "Name a river.", "response_a": GOOD, "response_b": BAD, "winner_tie": 1}

    with pytest.raises(RecipeError, match="winner_tie is int '1'"):
        to_pair_row(row, {"chosen": "response_a", "rejected": "response_b"}, "row")


@pytest.mark.parametrize(
    ("beside", "remedy"),
    [
        ({"answer_0": GOOD, "answer_1": BAD}, "no mapping of columns says which of answer_0 and answer_1 is"),
        ({"summaries": [{"text": BAD}, {"text": GOOD}], "choice": 1}, "choice may say which of summaries is"),
        ({"good": GOOD, "bad": BAD}, "they can be named: --columns chosen=NAME --columns rejected=NAME"),
        ({"model_a": "gpt-4", "model_b": "llama-2"}, "they can be named: --columns chosen=NAME"),
        ({"score_0": 1, "score_1": 2, "tags": ["rivers", "maps"]}, "they can be named: --columns"),
    ],
)
def test_columns_are_only_to_be_named_where_their_names_say_which_is_better(beside, remedy):
    with pytest.raises(RecipeError, match=f"expected chosen and rejected, found .*; {remedy}"):
        pair_messages(to_pair_row({"prompt": "Name a river.", **beside}, {}, "row"), "row")


@pytest.mark.parametrize(
    ("asked", "names_prompt"),
    [
        ({"q": "Name a river."}, True),
        ({"question": None, "task": "Name a river."}, True),
        ({"question": "Name a river."}, False),
        ({"good": "\n\nHuman: Name a river.\n\nAssistant: The Nile."}, False),
        (
            {"good": [{"role": "user", "content": "Name a river."}, {"role": "assistant", "content": GOOD}]},
            False,
        ),
        ({"tags": ["rivers"], "n": 3}, True),
    ],
)
def test_the_prompt_is_to_be_named_too_where_nothing_is_known_to_ask(asked, names_prompt):
    row = {"good": GOOD, "bad": BAD, **asked}
    with pytest.raises(RecipeError, match="they can be named: ") as refused:
        pair_messages(to_pair_row(row, {}, "row"), "row")

    remedy = str(refused.value).partition("they can be named: ")[2]
    sides = "--columns chosen=NAME --columns rejected=NAME"
    assert remedy == (f"--columns prompt=NAME {sides}" if names_prompt else sides)


def test_columns_that_differ_by_more_than_a_mark_are_mapped_whatever_stands_beside_them():
    row = {"prompt": "Name a river.", "good": GOOD, "bad": BAD, "winner": "bad", "label": 2}

    mapped = to_pair_row(row, {"chosen": "good", "rejected": "bad"}, "row")

    assert (mapped["chosen"], mapped["rejected"]) == (GOOD, BAD)


@pytest.mark.parametrize(
    "row",
    [
        {"best": GOOD, "worst": BAD, "tags": ["rivers", "africa"]},
        {"preferred_text": GOOD, "other_text": BAD, "source_1": "example", "source_2": "example"},
        {"gpt4": GOOD, "llama": BAD, "reviewer_1": "anna", "reviewer_2": "bert"},
    ],
)
def test_short_columns_beside_two_longer_ones_leave_the_advice_to_name_them(row):
    with pytest.raises(RecipeError, match="--columns chosen=NAME --columns rejected=NAME; else") as caught:
        pair_messages(to_pair_row({"prompt": "Name a river.", **row}, {}, "row"), "row")
    assert "\n" not in str(caught.value)
