"""By which description a row's preference is given. (prefgen/dataset/preference.py, public_forms.py)"""

import json

import pytest

from prefgen.dataset.pair import pair_messages, text_of
from prefgen.dataset.pair_formats import to_pair_row
from prefgen.errors import RecipeError
from prefgen.sources.records import Records

PKU = {"prompt": "q", "response_0": "A", "response_1": "B", "better_response_id": 0, "safer_response_id": 1}
HELPSTEER2 = {"prompt": "q", "response_1": "A", "response_2": "B", "preference_strength": -2}
HELPSTEER3 = {"context": "q", "response1": "A", "response2": "B", "overall_preference": -2}
SHP = {"history": "q", "human_ref_A": "A", "human_ref_B": "B", "labels": 1}
NEMO = {"context": "q", "completions": [{"rank": 0, "completion": "A"}, {"rank": 1, "completion": "B"}]}
KTO = {"prompt": "q", "completion": "A", "label": True}
NECTAR = {"prompt": "q", "answers": [{"answer": "A", "rank": 1}, {"answer": "B", "rank": 2}]}
DESCRIPTIONS = [PKU, HELPSTEER2, HELPSTEER3, SHP, NEMO, KTO, NECTAR]
SIDES = {"chosen": "B", "rejected": "A"}


def sides(row: dict, **columns: str) -> tuple[str, str]:
    prompt, chosen, rejected = pair_messages(to_pair_row(row, columns, "row"), "row")
    assert text_of(prompt) == "q"
    return text_of(chosen), text_of(rejected)


def records(folder, *rows: dict, **fields):
    (folder / "d.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return list(Records(path="d.jsonl", keep=("responses", "scores", "pairs"), **fields).read(folder))


@pytest.mark.parametrize("row", DESCRIPTIONS)
def test_two_descriptions_of_a_preference_agree_or_are_one_line(row, tmp_path):
    with pytest.raises(RecipeError, match="row: .*(do not say the same|do not prefer the same)"):
        sides({**row, **SIDES})
    with pytest.raises(RecipeError, match="d.jsonl:1: .*(do not say the same|do not prefer the same)"):
        records(tmp_path, {**row, **SIDES})

    assert sides({**row, "chosen": "A", "rejected": "B"}) == ("A", "B")
    [record] = records(tmp_path, {**row, "chosen": "A", "rejected": "B"})
    assert [r.text for r in record.responses] == ["A", "B"] and len(record.pairs) == 1


@pytest.mark.parametrize("row", DESCRIPTIONS)
def test_mapped_columns_win(row, tmp_path):
    named = {"chosen": "safe", "rejected": "unsafe"}
    told = {"safe": "B", "unsafe": "A"}
    asks = {"prompt": next(name for name in ("prompt", "context", "history") if name in row)}

    assert sides({**row, **told}, **named, **asks) == ("B", "A")
    assert sides({**row, **SIDES}, chosen="chosen", rejected="rejected", **asks) == ("B", "A")
    [record] = records(tmp_path, {**row, **told}, columns={**named, **asks})
    assert [r.text for r in record.responses] == ["B", "A"]


def test_a_mapped_column_of_a_form_wins_over_the_sides():
    assert sides({**PKU, "chosen": "A", "rejected": "B"}, better_response_id="safer_response_id") == (
        "B",
        "A",
    )


def test_a_form_is_recognised_by_what_is_filled():
    empty = {name: None for row in (PKU, HELPSTEER2, HELPSTEER3, SHP, NEMO) for name in row}

    assert sides({**empty, "prompt": "q", **SIDES}) == ("B", "A")
    assert sides({**empty, **SIDES, **SHP, "chosen": None, "rejected": None}) == ("A", "B")
    with pytest.raises(RecipeError, match="do not prefer the same"):
        sides({**PKU, **HELPSTEER2, "preference_strength": 2, "chosen": None})


@pytest.mark.parametrize(
    "row",
    [
        {"response_0": "A text", "response_1": "B text", "chosen": "0", "rejected": "1"},
        {"response_a": "good text", "response_b": "bad", "chosen": "response_b", "rejected": "response_a"},
        {"response": "A text", "chosen": "True", "rejected": "False"},
        {"response_a": "x y", "response_b": "z", "chosen": "B", "rejected": "A"},
    ],
)
def test_sides_that_only_say_which_column_is_meant_are_one_line(row):
    with pytest.raises(RecipeError, match="row: chosen .*into chosen and rejected"):
        sides({"prompt": "q", **row})


@pytest.mark.parametrize(
    "row",
    [
        {"chosen": "1", "rejected": "0"},
        {"answer": "True", "chosen": "True", "rejected": "False"},
        {"chosen": "prompt", "rejected": "a question"},
        {"response_a": "yes", "response_b": "no", "chosen": "yes", "rejected": "no"},
    ],
)
def test_short_answers_are_answers(row):
    assert sides({"prompt": "q", **row}) == (row["chosen"], row["rejected"])


ARGILLA = {"input": "q", "chosen": "A", "rejected": "B", "rating": [9, 2], "generations": ["A", "B"]}


@pytest.mark.parametrize("status", ["Tie", "tie ", None, "Swapped back", 1])
def test_a_status_is_one_of_a_table(status):
    assert sides({**ARGILLA, "status": "swapped"}) == ("A", "B")
    with pytest.raises(RecipeError, match="row: status"):
        sides({**ARGILLA, "status": status})


def test_a_status_of_ones_own_is_no_preference():
    plain = {"input": "q", "chosen": "A", "rejected": "B"}
    assert sides({**plain, "status": "reviewed"}) == sides({**plain, "status": None}) == ("A", "B")


@pytest.mark.parametrize("value", [-50, "1_0", "٣"])
def test_a_preference_lies_within_its_range(value):
    with pytest.raises(RecipeError, match="overall_preference"):
        sides({**HELPSTEER3, "overall_preference": value})


def test_a_list_with_labels_is_no_list_of_answers(tmp_path):
    row = {"prompt": "1+1?", "completions": ["Step 1: add.", "Step 2: so 3."], "labels": [True, False]}
    with pytest.raises(RecipeError, match="labels says something of each of the completions"):
        records(tmp_path, row)


ANSWERS = {"prompt": "q", "responses": ["A", "B"]}


@pytest.mark.parametrize(
    "beside",
    [
        {"ratings": [5, 1]}, {"scores": "[5, 1]"}, {"rewards": [0.5, -1]}, {"rank": [1, 2]},
        {"rm_scores": [5, None]},
        {"responses": [{"text": "A", "score": 5}, {"text": "B", "score": 1}]},
        {"responses": None, "completions": [{"response": "A", "overall_score": 9.0}] * 2},
    ],
)  # fmt: skip
def test_ratings_of_answers_are_not_dropped(beside, tmp_path):
    row = {**ANSWERS, **beside}
    name = "completions" if "completions" in row else "responses"

    with pytest.raises(RecipeError, match="says something of each of the .*take the answers alone"):
        records(tmp_path, row)
    [record] = records(tmp_path, row, columns={name: name})
    assert len(record.responses) == 2


@pytest.mark.parametrize(
    "beside",
    [{"lengths": [5, 1]}, {"ids": [1, 2]}, {"models": ["m", "n"]}, {"ratings": [5, 1, 2]}, {"score": 3}],
)
def test_other_lists_beside_answers_are_let_be(beside, tmp_path):
    [record] = records(tmp_path, {**ANSWERS, **beside})
    assert [r.text for r in record.responses] == ["A", "B"]


def test_a_strength_is_a_whole_number():
    with pytest.raises(RecipeError, match="overall_preference is a whole number from -3 to 3"):
        sides({**HELPSTEER3, "overall_preference": 0.5})
    assert sides({**HELPSTEER3, "overall_preference": "-2.0"}) == ("A", "B")


def test_what_is_bad_in_a_row_costs_that_row(tmp_path):
    bad = [{**KTO, "tools": "calc"}, {**KTO, "source": "x\ud800"}, {**KTO, "label": -1}]
    *read, one, two, three = records(tmp_path, *bad, KTO, on_bad_rows="drop")
    assert len(read) == 1
    assert [row.where for row in (one, two, three)] == ["d.jsonl:1", "d.jsonl:2", "d.jsonl:3"]


def test_answers_stand_under_either_name(tmp_path):
    [record] = records(tmp_path, {"prompt": "q", "completions": None, "responses": ["A", "B"]})
    assert [r.text for r in record.responses] == ["A", "B"]


def test_models_come_along_with_their_answers(tmp_path):
    one, other = records(
        tmp_path,
        {"prompt": "q", "responses": [{"text": "A", "model": "m1"}, {"text": "B", "model": "m2"}]},
        {"prompt": "q", "responses": ["A", "B"], "models": ["m1", "m2"]},
    )
    assert [r.model for r in (*one.responses, *other.responses)] == ["m1", "m2"] * 2


def test_rows_of_kto_of_two_licenses_are_two_records(tmp_path):
    rows = [{**KTO, "license": "mit"}, {**KTO, "completion": "B", "license": "cc-by-4.0"}]
    assert [r.prompt.license for r in records(tmp_path, *rows)] == ["mit", "cc-by-4.0"]


def test_both_scores_are_of_one_naming(tmp_path):
    row = {"prompt": "q", "chosen": "A", "rejected": "B"}

    mixed = to_pair_row({**row, "chosen_score": 9, "rejected_rating": 2}, {}, "row")
    assert not {"score_chosen", "score_rejected"} <= mixed.keys()
    with pytest.raises(RecipeError, match="chosen_reward and chosen do not prefer"):
        records(tmp_path, {**row, "chosen_reward": 1.0, "rejected_reward": 5.0})


@pytest.mark.parametrize("label", [-1, False, 0, "false", "-1"])
def test_a_label_against_the_sides_is_one_line(label):
    row = {"prompt": "q", "chosen": "A", "rejected": "B", "label": label}

    with pytest.raises(RecipeError, match="beside chosen and rejected"):
        sides(row)


@pytest.mark.parametrize("label", [True, 1, None, "politics", 3])
def test_a_label_that_speaks_not_against_the_sides_leaves_them(label):
    assert sides({"prompt": "q", "chosen": "A", "rejected": "B", "label": label}) == ("A", "B")


CONVERSATIONS = {
    f"conversation_{mark}": [{"role": "user", "content": "q"}, {"role": "assistant", "content": text}]
    for mark, text in (("a", "A"), ("b", "B"))
}
RESPONSES = {"prompt": "q", "chosen_response": "A", "rejected_response": "B"}
OPENAI = {
    "input": {"messages": [{"role": "user", "content": "q"}]},
    "preferred_output": [{"role": "assistant", "content": "A"}],
    "non_preferred_output": [{"role": "assistant", "content": "B"}],
}
MARKED = {"response_a": "A", "response_b": "B"}
LISTED = {"responses": ["A", "B"]}
AGAINST_A_FORM = [
    {**RESPONSES, **MARKED, "winner": "B"}, {**RESPONSES, "label": 0}, {**RESPONSES, "flipped": True},
    {**RESPONSES, **LISTED, "scores": [1, 9]}, {**RESPONSES, **MARKED, "votes": ["B", "B"]},
    {**SHP, "preferred": "B"}, {**SHP, "score_A": 1, "score_B": 9}, {**PKU, "winner": "response_1"},
    {**PKU, "chosen": "A", "rejected": "B", "winner": "response_1"}, {**HELPSTEER3, "winner": "response2"},
    {**HELPSTEER2, "loser": 1}, {**CONVERSATIONS, "winner": "model_a", "preference": "B"},
    {**CONVERSATIONS, "winner": "model_a", "model_a": "x", "model_b": "y", "best": "y"},
    {**OPENAI, "winner": "non_preferred_output"},
    {**NEMO, "completions": [{**item, "score": n} for n, item in enumerate(NEMO["completions"])]},
]  # fmt: skip


@pytest.mark.parametrize("row", AGAINST_A_FORM)
def test_what_speaks_against_the_preference_of_a_form_is_one_line(row):
    with pytest.raises(RecipeError, match=r"row: .*map the sides that are meant \((\w+)=\w+") as caught:
        sides(row)
    assert "\n" not in str(caught.value)

    meant = str(caught.value).rpartition("(")[2].partition(")")[0].split(" and ")
    assert sides(row, **dict(each.split("=") for each in meant)) == ("A", "B")


@pytest.mark.parametrize(
    "row",
    [
        {**RESPONSES, **MARKED, "winner": "A", "flipped": False},
        {**RESPONSES, "label": 1},
        {**RESPONSES, **LISTED, "scores": [9, 1]},
        {**SHP, "preferred": "A", "score_A": 9, "score_B": 1, "upvote_ratio": 0.9},
        {**PKU, "winner": "response_0", "is_response_0_safe": False, "is_response_1_safe": True},
        {**PKU, "chosen": "A", "rejected": "B", "winner": "response_0"},
        {**HELPSTEER3, "winner": "response1", "language": "b"},
        {**HELPSTEER2, "loser": 2, "preference_statement": "@Response 1 is better."},
        {**CONVERSATIONS, "winner": "model_a", "preference": "A", "model_a": "x", "model_b": "y"},
        {**OPENAI, "winner": "preferred_output"},
        {"prompt": "q", "chosen": "A", "rejected": "B", "preferred_answer": "A", "non_preferred_answer": "B"},
    ],
)
def test_what_agrees_with_the_preference_of_a_form_is_let_be(row):
    assert sides(row) == ("A", "B")
