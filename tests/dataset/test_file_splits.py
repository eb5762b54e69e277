"""Which split the rows of a file are of. (prefgen/dataset/file_splits.py)"""

import json

import pytest

from prefgen.dataset.read_files import read_rows
from prefgen.errors import RecipeError
from prefgen.sources.file import File
from prefgen.sources.records import Records


def written(folder, **files: list[dict]):
    for name, rows in files.items():
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def row(text: str, **more) -> dict:
    return {"prompt": text, "responses": ["a"], **more}


@pytest.mark.parametrize("reader", [File, Records])
def test_a_split_is_honoured_where_the_rows_of_a_file_have_one(reader, tmp_path):
    written(tmp_path, d=[row("1", split="train"), row("2", split="val")], one=[row("3", split="val")])

    assert [r.prompt.text for r in reader(path="d.jsonl", split="val").read(tmp_path)] == ["2"]
    assert [r.prompt.text for r in reader(path="one.jsonl").read(tmp_path)] == ["3"]
    with pytest.raises(RecipeError, match=r"d.jsonl:2: the rows are of several splits \(train, val\)"):
        list(reader(path="d.jsonl").read(tmp_path))
    with pytest.raises(RecipeError, match="has no split 'test'; its splits: val"):
        list(reader(path="one.jsonl", split="test").read(tmp_path))


def test_two_names_of_one_split_stay_as_they_are(tmp_path):
    written(tmp_path, train_prefs=[row("1")], train_sft=[row("2")], test_prefs=[row("3")])

    splits = [found["split"] for _, found in read_rows(tmp_path, "d")]
    assert splits == ["test_prefs", "train_prefs", "train_sft"]
    with pytest.raises(RecipeError, match="its splits: test_prefs, train_prefs, train_sft"):
        list(File(path=".").read(tmp_path))


def test_a_name_behind_the_split_is_no_split_of_its_own(tmp_path):
    written(tmp_path, train_prefs=[row("1")], test_prefs=[row("2")])

    assert [r.prompt.text for r in File(path=".").read(tmp_path)] == ["1"]
