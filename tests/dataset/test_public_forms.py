"""The forms of well-known preference datasets. (prefgen/dataset/public_forms.py)"""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefgen.dataset.columns import prompt_messages
from prefgen.dataset.pair import NotAPair, pair_messages, validated_pair
from prefgen.dataset.pair_formats import to_pair_row
from prefgen.dataset.read_run import read_records
from prefgen.errors import RecipeError
from prefgen.sources.records import Records
from tests.support.recipes import a_recipe, run

ASKED = [{"role": "user", "content": "Name a river."}]
HH = "\n\nHuman: Name a river.\n\nAssistant: "
FORMS = {
    "PKU-SafeRLHF": {
        "prompt": "Name a river.", "response_0": "No.", "response_1": "The Nile.", "better_response_id": 1,
        "safer_response_id": 0, "is_response_0_safe": True,
    },
    "HelpSteer3": {
        "domain": "general", "language": "english", "context": ASKED, "response1": "The Nile.",
        "response2": "No.", "overall_preference": -2, "individual_preference": [],
    },
    "HelpSteer2-preference": {
        "prompt": "Name a river.", "response_1": "No.", "response_2": "The Nile.", "preference_strength": 3,
    },
    "SHP": {"history": "Name a river.", "human_ref_A": "The Nile.", "human_ref_B": "No.", "labels": 1},
    "UltraFeedback binarized": {
        "prompt": "Name a river.", "prompt_id": "p",
        "chosen": [*ASKED, {"role": "assistant", "content": "The Nile."}],
        "rejected": [*ASKED, {"role": "assistant", "content": "No."}],
        "messages": [*ASKED, {"role": "assistant", "content": "The Nile."}],
        "score_chosen": 8.5, "score_rejected": 3.0,
    },
    "Argilla's UltraFeedback": {
        "source": "x", "prompt": "Name a river.", "chosen": "The Nile.", "chosen-rating": 4.5,
        "chosen-model": "a", "rejected": "No.", "rejected-rating": 2.0, "rejected-model": "b",
    },
    "Argilla's orca pairs": {
        "system": "Be brief.", "input": "Name a river.", "chosen": "The Nile.", "rejected": "No.",
        "status": "unchanged", "rating": [9, 2], "generations": ["The Nile.", "No."], "chosen_score": 9.0,
    },
    "Intel's orca pairs": {
        "system": "Be brief.", "question": "Name a river.", "chosen": "The Nile.", "rejected": "No.",
    },
    "LLaMA-Factory's Alpaca": {
        "instruction": "Name a", "input": "river.", "chosen": "The Nile.", "rejected": "No.",
    },
    "RewardBench": {
        "prompt": "Name a river.", "chosen": "The Nile.", "chosen_model": "a", "rejected": "No.",
        "rejected_model": "b", "subset": "chat",
    },
    "OpenAI's preferences": {
        "input": {"messages": ASKED, "tools": [], "parallel_tool_calls": True},
        "preferred_output": [{"role": "assistant", "content": "The Nile."}],
        "non_preferred_output": [{"role": "assistant", "content": "No."}],
    },
    "Responses": {
        "instruction": "Name a river.", "chosen_response": "The Nile.", "rejected_response": "No.",
    },
    "RewardBench 2": {"prompt": "Name a river.", "chosen": ["The Nile."], "rejected": ["No."]},
    "ms-swift": {
        "messages": [*ASKED, {"role": "assistant", "content": "The Nile."}], "rejected_response": "No.",
    },
    "ms-swift's messages": {
        "messages": [*ASKED, {"role": "assistant", "content": "The Nile."}],
        "rejected_messages": [*ASKED, {"role": "assistant", "content": "No."}],
    },
    "Chatbot Arena": {
        "question_id": "x", "model_a": "a", "model_b": "b", "winner": "model_b", "turn": 1,
        "conversation_a": [*ASKED, {"role": "assistant", "content": "No."}],
        "conversation_b": [*ASKED, {"role": "assistant", "content": "The Nile."}], "language": "English",
    },
    "MT-Bench": {
        "winner": "model_a", "turn": 1,
        "conversation_a": [
            *ASKED, {"role": "assistant", "content": "The Nile."}, {"role": "user", "content": "Another."},
            {"role": "assistant", "content": "?"},
        ],
        "conversation_b": [
            *ASKED, {"role": "assistant", "content": "No."}, {"role": "user", "content": "Another."},
            {"role": "assistant", "content": "The Rhine."},
        ],
    },
    "hh-rlhf": {"chosen": f"{HH}The Nile.", "rejected": f"{HH}No."},
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("as_text", [False, True])
def test_every_form_is_the_same_pair(form, as_text):
    """Also where lists stand as JSON text, as in a CSV."""
    row = FORMS[form]
    if as_text and form != "RewardBench 2":  # a text that is JSON of texts is an answer
        row = {k: json.dumps(v) if isinstance(v, list | dict) else v for k, v in row.items()}

    prompt, chosen, rejected = pair_messages(to_pair_row(row, {}, "row 1"), "row 1")

    said = " ".join(turn["content"] for turn in prompt if turn["role"] == "user").replace("\n\n", " ")
    assert said == "Name a river."
    assert [turn["content"] for turn in (chosen[-1], rejected[-1])] == ["The Nile.", "No."]
    assert ("system" in [turn["role"] for turn in prompt]) == ("system" in row)


def test_scores_and_models_come_along_under_one_name():
    row = to_pair_row(FORMS["Argilla's UltraFeedback"], {}, "row 1")

    assert (row["score_chosen"], row["score_rejected"]) == (4.5, 2.0)
    assert (row["chosen_model"], row["rejected_model"]) == ("a", "b")


@pytest.mark.parametrize(
    ("form", "changes", "found"),
    [
        ("HelpSteer3", {"overall_preference": 0}, "neither response is preferred"),
        ("HelpSteer2-preference", {"preference_strength": None}, "neither response is preferred"),
        ("PKU-SafeRLHF", {"better_response_id": 2}, "must be 0 or 1"),
        ("SHP", {"labels": -1}, "must be true or false"),
        ("Argilla's orca pairs", {"status": "tie"}, "neither side is preferred"),
        *(
            ("Chatbot Arena", {"winner": word}, "neither side is preferred")
            for word in ("tie", "tie (bothbad)", "both_bad")
        ),
        *(
            ("Chatbot Arena", {"winner": word}, "names neither model_a nor model_b")
            for word in (1, "A", "gpt-4", "tiers")
        ),
        (
            "RewardBench 2",
            {"rejected": ["No.", "Never."]},
            "rejected has 2 answers, and a pair has one a side",
        ),
        ("Chatbot Arena", {"turn": 2}, "turn is 2, and conversation_a has 1 answers"),
        ("Chatbot Arena", {"chosen": "No.", "rejected": "The Nile."}, "do not say the same"),
        ("Responses", {"chosen": "No.", "rejected": "The Nile."}, "do not say the same"),
        ("OpenAI's preferences", {"input": {"messages": ASKED, "image": "x"}}, "input has 'image'"),
        (
            "OpenAI's preferences",
            {"input": {"messages": ASKED, "tools": [{"name": "f"}]}, "tools": [{"name": "g"}]},
            "tools stand in input",
        ),
    ],
)
def test_what_is_no_preference_is_one_line(form, changes, found):
    with pytest.raises(RecipeError, match=f"row 1: .*{found}"):
        to_pair_row({**FORMS[form], **changes}, {}, "row 1")


def test_tools_of_an_input_are_the_tools_of_the_row():
    tools = [{"type": "function", "function": {"name": "f"}}]
    form = FORMS["OpenAI's preferences"]
    row = to_pair_row({**form, "input": {"messages": ASKED, "tools": tools}}, {}, "row 1")

    assert (row["prompt"], row["tools"]) == (ASKED, tools)


@pytest.mark.parametrize(
    "row",
    [
        {"conversations": [{"from": "human", "value": "Name a"}, {"from": "gpt", "value": "The Nile."}]},
        {"messages": [{"role": "user", "content": "Name a"}, {"role": "assistant", "content": "The Nile."}]},
        {"instruction": "Name", "input": "a", "output": "The Nile."},
    ],
)
@pytest.mark.parametrize("tag", [True, False])
def test_a_tag_of_kto_is_a_label(tmp_path, row, tag):
    (tmp_path / "kto.jsonl").write_text(json.dumps({**row, "kto_tag": tag}))

    [record] = Records(path="kto.jsonl", keep=("responses", "scores")).read(tmp_path)

    assert record.prompt.text.split() == ["Name", "a"]
    assert [(r.text, s.value) for r, s in zip(record.responses, record.scores, strict=True)] == [
        ("The Nile.", float(tag))
    ]


def test_another_column_may_say_which_is_better():
    row = to_pair_row(FORMS["PKU-SafeRLHF"], {"better_response_id": "safer_response_id"}, "row 1")

    assert row["chosen"] == "No."


def nectar(*ranks):
    answers = [{"answer": f"Answer {rank:g}.", "model": f"m{rank:g}", "rank": rank} for rank in ranks]
    return {"prompt": HH, "answers": answers, "turns": 1, "num_responses": len(ranks), "source": ["x"]}


async def test_ranked_answers_are_records_with_scores(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    row = {k: v for k, v in nectar(2.0, 1.0, 3.0).items() if k != "source"}
    (tmp_path / "nectar.jsonl").write_text(json.dumps(row))
    recipe = a_recipe(models={}, run={"endpoints": {}})
    recipe["stages"] = [
        {"prompts": {"use": "records", "path": "nectar.jsonl", "keep": ["responses", "scores"]}},
        {"pair": {"use": "best_vs_worst", "score": "imported"}},
    ]

    await run(recipe, tmp_path / "out")

    [record] = read_records(tmp_path / "out")
    texts = {r.id: r.text for r in record.responses}
    [pair] = record.pairs
    assert record.prompt.text == "Name a river."
    assert (texts[pair.chosen_id], texts[pair.rejected_id]) == ("Answer 1.", "Answer 3.")


def test_ranked_answers_are_no_pair_and_ranks_are_numbers(tmp_path):
    with pytest.raises(RecipeError, match="ranked answers are no pair"):
        to_pair_row(nectar(1, 2), {}, "row 1")
    (tmp_path / "bad.jsonl").write_text(json.dumps({**nectar(1, 2), "answers": [{"rank": 9}, {"rank": 1}]}))
    with pytest.raises(RecipeError, match="a rank lies within 1 and 2"):
        list(Records(path="bad.jsonl").read(tmp_path))


CELLS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
COLUMNS = sorted(
    {name for row in FORMS.values() for name in row} | {"answers", "completion", "label", "responses"}
)


@given(st.dictionaries(st.sampled_from(COLUMNS), CELLS, max_size=7), st.sampled_from(list(FORMS)))
def test_any_row_is_a_pair_or_one_line(cells, form):
    for row in (cells, {**FORMS[form], **cells}):
        try:
            prompt, chosen, rejected = pair_messages(to_pair_row(row, {}, "row 1"), "row 1")
        except (NotAPair, RecipeError) as error:
            said = str(error)
        else:
            said = (
                "row 1: "
                if all(turn["role"] for turn in (*prompt, *chosen, *rejected))
                else "a turn of nobody"
            )
        assert said.startswith("row 1: ")
        assert "\n" not in said


@pytest.mark.parametrize("asking", ["prompt", "question"])
@pytest.mark.parametrize("encode", [json.dumps, list])
def test_lists_of_one_text_are_that_text_where_all_are_lists(asking, encode):
    cells = {asking: ["What is the capital?"], "chosen": ["Paris."], "rejected": ["Rome."]}
    row = to_pair_row({name: encode(texts) for name, texts in cells.items()}, {}, "row")
    assert (row["prompt"], row["chosen"], row["rejected"]) == ("What is the capital?", "Paris.", "Rome.")


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        ((["q1", "q2"], ["a1", "a2"], ["b1", "b2"]), "prompt is a list of 2 texts"),
        ((["q1"], ["a1", "a2"], ["b1"]), "chosen is a list of 2 texts"),
        ((["q1", "q2"], ["a1", None], ["b1", "b2"]), "prompt is a list of 2 texts"),
        ((["q1"], "a1", "b1"), "prompt is a list of texts in JSON"),
        ((["q1", "q2"], "a1", "b1"), "prompt is a list of texts in JSON"),
    ],
)
def test_lists_of_texts_are_no_prompt(cells, words):
    texts = [cell if isinstance(cell, str) else json.dumps(cell) for cell in cells]
    row = dict(zip(("prompt", "chosen", "rejected"), texts, strict=True))
    with pytest.raises(RecipeError, match=words):
        validated_pair(to_pair_row(row, {}, "row"), "row")
    with pytest.raises(RecipeError, match="is a list of texts in JSON"):
        prompt_messages({"prompt": '["q1"]'}, {}, "row")


@pytest.mark.parametrize("answer", ['["a"]', '["a", "b"]', "[1, 2]"])
def test_an_answer_may_be_a_list_in_json(answer):
    row = to_pair_row({"prompt": "As a list of JSON: a", "chosen": answer, "rejected": '["x"]'}, {}, "row")
    assert validated_pair(row, "row")[1][0]["content"] == answer
    assert prompt_messages({"prompt": "[1, 2]"}, {}, "row")[0].text == "[1, 2]"
