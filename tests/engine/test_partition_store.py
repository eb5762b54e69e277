"""What another process replayed, merged when it is whole. (prefgen/engine/partition_store.py)"""

import sqlite3

import pytest

from prefgen.engine.partition_store import merge_partition, partition_path, save_completed
from prefgen.engine.record_store import RecordStore
from tests.support.stored import a_stored_record, save

COMPLETED = [("r1", "sample", b"k1"), ("r1", "judge", b"k2")]


@pytest.fixture
def stores(tmp_path):
    ours = RecordStore(tmp_path / "record_store.sqlite")
    save(ours, 7, a_stored_record(7), finished=False)
    save(ours, 9, a_stored_record(9), failed=True)
    theirs = RecordStore(partition_path(tmp_path, 3))
    save(theirs, 1, a_stored_record(1))
    save(theirs, 2, a_stored_record(2, paired=False))
    save(theirs, 3, a_stored_record(3), finished=False)
    save(theirs, 7, a_stored_record(8), finished=False)
    save_completed(theirs, COMPLETED)
    theirs.close()
    yield ours, partition_path(tmp_path, 3)
    ours.close()


def test_all_of_it_is_merged_and_what_has_begun_here_stays(stores):
    ours, path = stores

    result = merge_partition(ours, path, 0, {7})

    assert (result.finished, result.begun, result.pairs, result.completed) == ([1, 2], [3], 1, COMPLETED)
    assert (ours.done(0), ours.begun(0)) == ({1, 2, 9}, {3, 7})
    assert [record.prompt.text for record in ours.finished(0).records()] == [
        "Question 1?",
        "Question 2?",
        "Question 9?",
    ]
    assert ours.suspended(0, 7)[1] == a_stored_record(7)


@pytest.mark.parametrize("damage", [b"", b"not a store"])
def test_a_store_that_cannot_be_read_changes_nothing(stores, damage):
    ours, path = stores
    path.write_bytes(damage)

    with pytest.raises(sqlite3.Error):
        merge_partition(ours, path, 0, {7})

    assert (ours.done(0), ours.begun(0)) == ({9}, {7})
    merged = RecordStore(path.with_name("other.sqlite"))
    merged.close()
    assert merge_partition(ours, path.with_name("other.sqlite"), 0, set()).finished == [], (
        "the store can still be used"
    )
