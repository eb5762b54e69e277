"""What became of the finished records of a segment, in the order of their positions.
(prefgen/dataset/finished_records.py)
"""

import pytest

from prefgen.dataset.serialize import pair_lines, record_line
from prefgen.engine.record_store import RecordStore, read_progress
from prefgen.types import Record
from tests.support.stored import a_stored_record, save


@pytest.fixture
def store(tmp_path):
    made = RecordStore(tmp_path / "record_store.sqlite")
    records = [a_stored_record(number, paired=number != 2, long=number == 1) for number in range(5)]
    made.store_inputs(0, (Record(prompt=record.prompt) for record in records), lambda: ("prompts", "x"))
    for position in (4, 0, 2, 1):  # the order in which they finished
        save(made, position, records[position], failed=position == 2)
    save(made, 3, records[3], finished=False)
    made.flush()
    yield made
    made.close()


def test_they_are_read_in_the_order_of_positions_whatever_order_they_finished_in(store):
    finished = store.finished(0)
    records = [a_stored_record(number, paired=number != 2, long=number == 1) for number in (0, 1, 2, 4)]

    assert list(finished.records()) == records
    assert list(finished.lines()) == [[record_line(record), *pair_lines(record)] for record in records]
    assert [lines[0] for lines in finished.lines(1, 3)] == [record_line(record) for record in records[1:3]]


def test_counts_and_failures(store):
    finished = store.finished(0)

    assert (finished.count(), finished.pairs()) == (4, 3)
    assert [(counts["pairs"], len(failures)) for counts, failures in finished.counts()] == [
        (1, 0),
        (1, 0),
        (0, 1),
        (1, 0),
    ]
    assert [failure["code"] for failure in finished.failures()] == ["no_rating"]
    assert len(list(finished.usage())) == 4
    assert store.finished(1).count() == store.finished(1).pairs() == 0


def test_what_is_not_finished_is_gone_on_from(store):
    assert (store.done(0), store.begun(0)) == ({0, 1, 2, 4}, {3})
    passed, record, failures, _ = store.suspended(0, 3)
    assert (passed, record, failures) == (2, a_stored_record(3), [])


def test_progress_is_read_without_touching_the_store(store):
    assert read_progress(store.path) == (5, 4, 3)
    assert read_progress(store.path.with_name("gone")) is None
    store.path.with_name("text").write_text("no store")
    assert read_progress(store.path.with_name("text")) is None
