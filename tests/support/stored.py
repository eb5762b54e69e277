"""Records in a record store."""

import orjson

from prefgen.dataset.record_codec import state_row
from prefgen.engine.record_store import RecordStore
from prefgen.engine.yield_table import yield_counts
from prefgen.testing import a_record
from prefgen.types import Failure, Pair, Record


def a_stored_record(number: int, *, paired: bool = True, long: bool = False) -> Record:
    """A record with two rated responses and, if wanted, their pair."""
    words = " ".join(f"word{number}-{i}" for i in range(400 if long else 3))
    record = a_record(f"Question {number}?", f"Yes, {words}", f"No {number}", scores={"quality": [5, 2]})
    pair = Pair(
        chosen_id="r0",
        rejected_id="r1",
        rule="best_vs_worst",
        chosen_score=5.0,
        rejected_score=2.0,
        margin=3.0,
    )
    return record.replacing(pairs=(pair,)) if paired else record


def a_failure(record: Record) -> Failure:
    return Failure(
        record_id=record.id, stage="judge", plugin="quality", code="no_rating", reason="cannot be read"
    )


def save(
    store: RecordStore, position: int, record: Record, *, finished: bool = True, failed: bool = False
) -> None:
    failures = [a_failure(record)] if failed else []
    counts = yield_counts(record) if finished else None
    passed = 4 if finished else 2
    store.save(state_row(0, position, passed, record, failures, orjson.dumps([[], []]), counts))
