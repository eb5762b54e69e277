"""The rows of a dataset that break no rule, as a dataset of their own. (prefgen/publish/clean.py)"""

import json

import pytest

from tests.support.cli import prefgen

GOOD = {"prompt": "Name a river.", "chosen": "The Rhine.", "rejected": "The Alps."}


def dataset(path, *rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.mark.parametrize(
    "split",
    ["../../evil", "bad_rows", "a/b", "", ".", "Test", "license", "train\x00", "x" * 300, 5, ["a"], None],
)
def test_a_split_is_no_file_name(tmp_path, split):
    (tmp_path / "in" / "deep").mkdir(parents=True)
    bad = {**GOOD, "prompt": "Name a lake.", "rejected": "the rhine."}
    dataset(tmp_path / "in" / "deep" / "a.jsonl", {**GOOD, "split": split}, bad)

    done = prefgen("check", "a.jsonl", "--drop", "-o", "clean", cwd=tmp_path / "in" / "deep")

    assert done.returncode == 0, done.stderr
    clean = tmp_path / "in" / "deep" / "clean"
    assert {path.name for path in clean.iterdir()} == {"pairs.jsonl", "bad_rows.jsonl"}
    assert lines(clean / "pairs.jsonl") == [{**GOOD, "split": split}]
    assert not list(tmp_path.glob("*.jsonl")) and not list((tmp_path / "in").glob("*.jsonl"))


def test_splits_of_usual_names_have_files_of_their_own(tmp_path):
    rows = [
        {**GOOD, "prompt": f"Name {i} rivers.", "chosen": f"{i}", "split": split}
        for i, split in enumerate(["train_sft", "validation", "test"])
    ]
    dataset(tmp_path / "a.jsonl", *rows)

    assert prefgen("check", "a.jsonl", "--drop", "-o", "clean", cwd=tmp_path).returncode == 0
    files = {path.name for path in (tmp_path / "clean").iterdir()}
    assert files == {"train_sft.jsonl", "validation.jsonl", "test.jsonl"}
