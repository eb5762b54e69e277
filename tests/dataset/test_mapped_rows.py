"""Rows of which some lack a column that is mapped. (prefgen/dataset/pair_formats.py)"""

import json

import pytest

from prefgen.dataset.bad_rows import BadRows
from prefgen.dataset.open_pairs import open_pairs
from prefgen.errors import RecipeError
from prefgen.sources.records import Records

NAMES = {"chosen": "win", "rejected": "lose"}
ROW = {"prompt": "q", "win": "a", "lose": "b"}


def written(folder, *rows: dict) -> str:
    (folder / "d.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(folder / "d.jsonl")


def test_a_row_without_a_mapped_column_is_a_bad_row(tmp_path):
    path, bad_rows = written(tmp_path, {"prompt": "q", "win": "a"}, ROW), BadRows("drop")

    assert len(list(open_pairs(path, columns=NAMES, bad_rows=bad_rows).rows)) == 1
    assert [row.reason for row in bad_rows.rows] == ["there is no column 'lose'; there are prompt, win"]
    record, bad = Records(path=path, columns=NAMES, on_bad_rows="drop").read(tmp_path)
    assert record.prompt.text == "q" and bad.where.endswith("d.jsonl:1")


def test_a_mapping_that_fits_no_row_is_an_error_of_its_own(tmp_path):
    path = written(tmp_path, ROW)

    with pytest.raises(RecipeError, match="there is no column 'winner'"):
        list(open_pairs(path, columns={"chosen": "winner"}, bad_rows=BadRows("drop")).rows)
    with pytest.raises(RecipeError, match="there is no column 'winner'"):
        list(Records(path=path, columns={"chosen": "winner"}, on_bad_rows="drop").read(tmp_path))
