"""Reading Parquet: a damaged file is one line that says which. (prefgen/dataset/read_parquet.py)"""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from prefgen.dataset.read_files import read_rows
from prefgen.dataset.read_parquet import ROWS_A_READ, read_parquet, read_table
from prefgen.dataset.read_run import read_shards
from prefgen.errors import RecipeError

COUNT = 3 * ROWS_A_READ + 5


@pytest.fixture
def path(tmp_path):
    rows = [{"id": number, "text": "x" * (number % 7)} for number in range(COUNT)]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "a.parquet")
    return tmp_path / "a.parquet"


def test_rows_come_in_their_order(path):
    assert [row["id"] for row in read_parquet(path)] == list(range(COUNT))
    assert read_table(path, ("id",)).column_names == ["id"]
    places = [where for where, _ in read_rows(path, "shown.parquet")]
    assert places[0] == "shown.parquet row 1" and places[-1] == f"shown.parquet row {COUNT}"


@pytest.mark.parametrize("damage", ["empty", "cut", "text", "folder", "gone"])
def test_a_damaged_file_is_one_line_that_names_it(path, damage):
    content = path.read_bytes()
    path.unlink()
    if damage == "folder":
        path.mkdir()
    elif damage != "gone":
        path.write_bytes(
            {"empty": b"", "cut": content[: len(content) // 2], "text": b"not parquet at all"}[damage]
        )

    for read in (lambda: list(read_parquet(path, "shown.parquet")), lambda: read_table(path)):
        with pytest.raises(RecipeError) as caught:
            read()
        assert "not a readable Parquet file" in str(caught.value) and "\n" not in str(caught.value)


def test_a_damaged_shard_of_a_run_says_what_to_do(path):
    path.write_bytes(b"PAR1")
    with pytest.raises(RecipeError, match="delete it and run the recipe again"):
        list(read_shards(path.parent))


NO_TEXT = pa.Array.from_buffers(
    pa.string(), 1, [None, pa.py_buffer(b"\0\0\0\0\1\0\0\0"), pa.py_buffer(b"\xe9")]
)


@pytest.mark.parametrize(
    "column",
    [
        NO_TEXT,
        pa.array([2**55], pa.timestamp("ms")),
        pa.array([2**30], pa.int32()).cast(pa.date32()),
        pa.array([0], pa.timestamp("ms", tz="Mars/Phobos")),
    ],
    ids=["text", "time", "day", "zone"],
)
def test_a_cell_that_is_no_value_is_one_line_with_its_column(column, tmp_path):
    pq.write_table(pa.table({"prompt": pa.array(["q"]), "at": column}), tmp_path / "d.parquet")

    with pytest.raises(RecipeError, match="d.parquet: the column 'at' holds what cannot be read") as caught:
        list(read_parquet(tmp_path / "d.parquet", "d.parquet"))
    assert "\n" not in str(caught.value)
