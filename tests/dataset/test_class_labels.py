"""Numbers that a schema gives names are read as the names. (prefgen/dataset/class_labels.py)"""

import datasets
import pytest

from prefgen.dataset.class_labels import with_names
from prefgen.dataset.read_files import read_rows
from prefgen.errors import RecipeError
from prefgen.sources.records import Records

ROWS = {"prompt": ["q"] * 3, "completion": ["A", "B", "C"], "label": [0, 1, -1]}


def saved(folder, *names: str):
    features = datasets.Features(
        prompt=datasets.Value("string"),
        completion=datasets.Value("string"),
        label=datasets.ClassLabel(names=list(names)),
    )
    rows = datasets.Dataset.from_dict(ROWS, features=features)
    rows.save_to_disk(folder / "saved")
    rows.to_parquet(folder / "d.parquet")


@pytest.mark.parametrize("path", ["saved", "d.parquet"])
def test_a_label_is_its_name_wherever_the_schema_stands(path, tmp_path):
    saved(tmp_path, "good", "bad")

    assert [row["label"] for _, row in read_rows(tmp_path / path, path)] == ["good", "bad", None]
    with pytest.raises(RecipeError, match=r"label must be true or false \(or 1 or 0\), found str 'good'"):
        list(Records(path=path).read(tmp_path))


def test_names_that_are_truth_values_are_these(tmp_path):
    saved(tmp_path, "true", "false")

    *rows, bad = Records(path="d.parquet", keep=("responses", "scores"), on_bad_rows="drop").read(tmp_path)

    assert [score.value for row in rows for score in row.scores] == [1.0, 0.0]
    assert "row 3" in bad.where


def test_a_number_without_a_name_is_one_line():
    with pytest.raises(RecipeError, match="row: label has no name for int '2'"):
        with_names({"label": 2}, {"label": ["a", "b"]}, "row")
