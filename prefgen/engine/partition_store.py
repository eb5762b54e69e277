"""The record store of one partition: what another process replayed, merged into the run's own store when it
is whole.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import orjson

from prefgen.engine.record_store import RecordStore
from prefgen.storage import sqlite


@dataclass(frozen=True)
class PartitionResult:
    """What was merged: positions that are finished, positions that have passed some stages, the pairs, and
    stages that were completed.
    """

    finished: Sequence[int]
    begun: Sequence[int]
    pairs: int
    completed: Sequence[tuple[str, str, bytes]]


def partition_path(folder: Path, partition: int) -> Path:
    return folder / f"{partition}.sqlite"


def merge_partition(store: RecordStore, path: Path, segment: int, begun: set[int]) -> PartitionResult:
    """Take what the store at `path` holds into `store`. A record that has begun here and is not finished
    there stays as it is here.
    """
    store.flush()
    db = store.connection
    db.execute("ATTACH DATABASE ? AS part", (str(path),))
    try:
        rows = db.execute(
            "SELECT position, done, counts FROM part.state WHERE segment = ? ORDER BY position", (segment,)
        ).fetchall()
        keep_ours = [position for position, done, _ in rows if not done and position in begun]
        marks = ", ".join("?" * len(keep_ours))
        db.execute(
            "INSERT OR REPLACE INTO state SELECT * FROM part.state WHERE segment = ? AND position NOT IN "
            f"({marks})",
            (segment, *keep_ours),
        )
        completed = db.execute("SELECT record, identity, keys FROM part.completed ORDER BY rowid").fetchall()
    finally:
        db.execute("DETACH DATABASE part")
    finished = [(position, orjson.loads(counts)["pairs"]) for position, done, counts in rows if done]
    suspended = [position for position, done, _ in rows if not done and position not in begun]
    return PartitionResult(
        [position for position, _ in finished], suspended, sum(pairs for _, pairs in finished), completed
    )


def save_completed(store: RecordStore, completed: Sequence[tuple[str, str, bytes]]) -> None:
    """Put the stages that records have passed beside them."""
    with sqlite.transaction(store.connection):
        store.connection.executemany("INSERT INTO completed VALUES (?, ?, ?)", completed)
