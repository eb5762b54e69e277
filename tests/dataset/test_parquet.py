"""Lines of JSON as Parquet, whole or not at all. (prefgen/dataset/parquet.py)"""

import pyarrow.parquet as pq
import pytest

from prefgen.dataset import parquet
from prefgen.dataset.parquet import PAIRS, RECORDS, write_lines
from prefgen.dataset.serialize import pair_lines, record_line, record_of
from tests.support.stored import a_stored_record

RECORDS_STORED = [a_stored_record(number, long=number % 2 == 0) for number in range(20)]


def test_records_and_pairs_come_back(tmp_path):
    write_lines(
        [record_line(record) for record in RECORDS_STORED], RECORDS, tmp_path / "records" / "0.parquet"
    )
    write_lines(
        [line for record in RECORDS_STORED for line in pair_lines(record)], PAIRS, tmp_path / "pairs.parquet"
    )

    assert [
        record_of(row) for row in pq.read_table(tmp_path / "records" / "0.parquet").to_pylist()
    ] == RECORDS_STORED
    pairs = pq.read_table(tmp_path / "pairs.parquet")
    assert pairs.schema.equals(PAIRS) and pairs.num_rows == 20
    assert pairs["chosen"][3].as_py() == [
        {"role": "assistant", "content": RECORDS_STORED[3].responses[0].text}
    ]


def test_no_lines_are_an_empty_table_of_the_same_schema(tmp_path):
    write_lines([], PAIRS, tmp_path / "none.parquet")
    table = pq.read_table(tmp_path / "none.parquet")
    assert table.num_rows == 0 and table.schema.equals(PAIRS)


def test_blocks_do_not_change_what_is_written(tmp_path, monkeypatch):
    lines = [record_line(record) for record in RECORDS_STORED]
    write_lines(lines, RECORDS, tmp_path / "one.parquet")
    monkeypatch.setattr(parquet, "MAX_BLOCK_BYTES", 2000)
    write_lines(lines, RECORDS, tmp_path / "many.parquet")
    assert (tmp_path / "one.parquet").read_bytes() == (tmp_path / "many.parquet").read_bytes()


def test_a_field_that_the_schema_does_not_know_is_no_silent_loss(tmp_path):
    with pytest.raises(Exception, match="unexpected field"):
        write_lines([b'{"id": "1", "of_tomorrow": 3}'], PAIRS, tmp_path / "x.parquet")
    assert not list(tmp_path.iterdir()), "nothing half written is left"
