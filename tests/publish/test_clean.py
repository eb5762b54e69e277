"""The rows of a dataset that break no rule, as a dataset of their own. (prefgen/publish/clean.py)"""

import json

import pytest

from tests.support.cli import prefgen_here as prefgen

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


LONG = "Explain to a new gardener why tomatoes split after rain, what helps against it, and what not to do"


@pytest.mark.parametrize(
    ("rows", "kept"),
    [
        (
            [
                {**GOOD, "prompt": LONG, "split": "train"},
                {**GOOD, "prompt": LONG + " now", "split": "test"},
                {**GOOD, "prompt": LONG + " now", "split": "test", "rejected": "A hill."},
            ],
            [0],
        ),
        (
            [
                {**GOOD, "chosen": chosen, "rejected": rejected, "id": chosen}
                for chosen, rejected in ("ef", "ab", "bc", "ca")
            ],
            [0],
        ),
        ([{**GOOD, "rejected": ""}, {**GOOD, "chosen": "The Alps.", "rejected": "The Rhine."}], [1]),
    ],
)
def test_what_is_written_is_clean_and_no_more_is_left_out(tmp_path, rows, kept):
    dataset(tmp_path / "a.jsonl", *rows)

    done = prefgen("check", "a.jsonl", "--drop", "-o", "clean", cwd=tmp_path)

    assert done.returncode == 0, done.stderr
    written = [row for path in (tmp_path / "clean").glob("*.jsonl") for row in lines(path) if "prompt" in row]
    assert written == [rows[i] for i in kept]
    assert prefgen("check", "clean", cwd=tmp_path).returncode == 0


def test_what_no_leaving_out_mends_is_said_and_not_written(tmp_path):
    rows = [{"prompt": f"Is {i} a number?", "chosen": "Yes", "rejected": f"No {i}"} for i in range(25)]
    dataset(tmp_path / "a.jsonl", *rows)

    done = prefgen("check", "a.jsonl", "--drop", "-o", "clean", cwd=tmp_path)

    assert done.returncode == 4
    assert "leaving out rows does not mend this" in done.stderr and "'Yes'" in done.stderr
    assert not (tmp_path / "clean").exists()
    found = json.loads(prefgen("check", "a.jsonl", "--json", cwd=tmp_path).stdout)["broken"][
        "repeated_chosen"
    ]
    assert found["rows"] == len(found["all"]) == 25


def test_an_empty_file_proves_nothing(tmp_path):
    dataset(tmp_path / "a.jsonl")

    done = prefgen("check", "a.jsonl", cwd=tmp_path)

    assert done.returncode == 4
    assert done.stdout.startswith("a.jsonl: BROKEN, no row")
    assert (
        "there is no row"
        in json.loads(prefgen("check", "a.jsonl", "--json", cwd=tmp_path).stdout)["notes"][-1]
    )
