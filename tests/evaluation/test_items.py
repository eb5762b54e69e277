"""Items with answers of which some are right, from the forms in which such files are found, all read as one.
(prefgen/evaluation/items.py)
"""

import json

import pytest

from prefgen.errors import RecipeError
from prefgen.evaluation.items import read_items


def items_of(tmp_path, *rows, name="items.jsonl"):
    (tmp_path / name).write_text("".join(json.dumps(row) + "\n" for row in rows))
    return read_items(tmp_path / name)


def test_items_of_every_form_are_read_as_one(tmp_path):
    items = items_of(
        tmp_path,
        {"prompt": "Be kind?", "corrects": ["Yes.", "Always."], "incorrects": ["No."], "category": "kind"},
        {"question": "A bird?", "choices": ["oak", "wren"], "answer": 1},
        {"question": "A bird?", "choices": ["oak", "wren"], "answer": "B"},
        {"question": "A bird?", "choices": {"text": ["oak", "wren"], "label": ["1", "2"]}, "answerKey": "2"},
        {"question": "A bird?", "choices": ["oak", "wren"], "answer": "wren"},
        {"input": "2+2?", "target_scores": {"5": 0, "4": 1}},
        {
            "prompt": [{"role": "user", "content": "Hi"}],
            "chosen": [{"role": "assistant", "content": "Hello"}],
            "rejected": [{"role": "assistant", "content": "Go"}],
        },
    )

    assert [sorted(item.right) for item in items] == [[0, 1], [1], [1], [1], [1], [1], [0]]
    assert items[0].category == "kind"
    assert items[1].choices[1][0]["content"] == "wren"
    assert len({item.id for item in items}) == len(items)  # the same item again is another one

    (tmp_path / "task.json").write_text(
        json.dumps({"name": "t", "examples": [{"input": "2+2?", "target_scores": {"5": 0, "4": 1}}]})
    )
    assert read_items(tmp_path / "task.json")[0].id == items[5].id
    (tmp_path / "numbers.json").write_text("[1, 2]")
    with pytest.raises(RecipeError, match="is no item|expected"):
        read_items(tmp_path / "numbers.json")


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ({"question": "A?", "choices": ["x", "y"], "answer": 5}, "names no choice of 2"),
        ({"question": "A?", "choices": ["x", "y"], "answer": "zebra"}, "is none of the choices"),
        ({"question": "A?", "choices": ["x"], "answer": 0}, "needs a right and a wrong answer"),
        ({"prompt": "A?", "corrects": ["x"], "incorrects": []}, "found 1 answers of which 1 are right"),
        ({"text": "A?"}, "items.jsonl:1"),
        ({"question": "A?", "choices": ["x", ""], "answer": 0}, "an answer is ''"),
        ({"prompt": "A?", "corrects": "Yes", "incorrects": "No"}, "expected a list of answers, found 'Yes'"),
        ({"question": "A?", "choices": "AB", "answer": 0}, "expected a list of answers, found 'AB'"),
        ({"input": "A?", "target_scores": ["x", "y"]}, "target_scores is no"),
    ],
)
def test_what_is_no_item_is_told_with_its_place(tmp_path, row, says):
    with pytest.raises(RecipeError) as found:
        items_of(tmp_path, row)

    assert says in str(found.value)
    assert "items.jsonl:1" in str(found.value)


def test_the_shipped_questions_that_only_look_harmful():
    from prefgen.kit.templates import shipped

    items = read_items(shipped("prompts") / "evaluation" / "over_refusal.jsonl")

    assert len(items) == len({item.id for item in items}) == 40
    assert len({item.category for item in items}) == 10


def test_an_item_without_its_text_measures_nothing(tmp_path):
    notice = f"[a harmful text was taken out; its BLAKE2b digest is {'0f' * 16}]"

    with pytest.raises(RecipeError, match=r"items.jsonl:1: an item is without a harmful text .* restore"):
        items_of(tmp_path, {"prompt": "How?", "chosen": "I will not.", "rejected": notice})
