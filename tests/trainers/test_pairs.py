"""The pairs of a dataset as a trainer gets them. (prefgen/trainers/pairs.py)"""

from prefgen.trainers.pairs import read_training_pairs
from tests.support.near_texts import near_texts, similar_pairs
from tests.support.training import file_of


def test_no_prompt_that_is_nearly_held_out_in_another_dataset_is_trained_on(tmp_path):
    texts = near_texts(60)
    splits = ["test" if i % 4 == 0 else "train" for i in range(len(texts))]
    rows = [{"prompt": text, "chosen": "x", "rejected": "y"} for text in texts]
    held_out = [{**row, "split": split} for row, split in zip(rows, splits, strict=True) if split == "test"]
    others = [row for row, split in zip(rows, splits, strict=True) if split == "train"]
    names = [file_of(tmp_path, held_out, "a.jsonl"), file_of(tmp_path, others, "b.jsonl")]
    near = {
        (texts[i], texts[j]) if splits[i] == "train" else (texts[j], texts[i])
        for i, j in similar_pairs(texts)
        if splits[i] != splits[j]
    }

    data = read_training_pairs(names, max_repeated_chosen=1.0, seed=0)

    leaking = {train for train, _ in near}
    assert data.leaking == len(leaking) > 20
    asked = [row["prompt"][0]["content"] for row in data.train]
    assert asked == [row["prompt"] for row in others if row["prompt"] not in leaking]
