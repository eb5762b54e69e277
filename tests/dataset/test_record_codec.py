"""How the record store spells what it holds. (prefgen/dataset/record_codec.py)"""

import sqlite3
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefgen.dataset.record_codec import WORTH_PACKING, load_failures, load_input, load_state, pack, unpack
from prefgen.dataset.serialize import record_line
from tests.support.stored import a_stored_record

HERE = Path("store.sqlite")


@given(st.integers(0, 3 * WORTH_PACKING))
def test_what_is_packed_is_unpacked_and_long_text_takes_less(length):
    text = b"{" + b"x" * length
    assert unpack(pack(text), HERE) == text
    assert len(pack(text)) <= len(text)


def test_records_come_back_as_they_went_in():
    for number, long in ((1, False), (2, True)):
        record = a_stored_record(number, long=long)
        assert load_input(pack(record.model_dump_json().encode()), HERE) == record
        assert load_state(pack(record_line(record) + b"\nits pairs"), HERE) == record


@pytest.mark.parametrize(
    "blob", [b"", b"not packed", b"{", b"{}", b'{"prompt": 3}', b"\x28\xb5\x2f\xfdrubbish", None]
)
def test_what_cannot_be_read_is_damage_and_no_other_error(blob):
    for load in (load_input, load_state):
        with pytest.raises(sqlite3.DatabaseError, match=r"store\.sqlite is damaged"):
            load(blob, HERE)


def test_no_failures_are_no_failures():
    assert load_failures(None, HERE) == []
