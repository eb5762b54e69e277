"""The records of a segment that are finished, as the record store holds them: read in the order of their
positions.
"""

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

from prefgen.dataset.record_codec import load_state, unpack
from prefgen.types import Record

_DONE = "FROM state WHERE segment = ? AND done = 1"
_PAIRS = "coalesce(sum(json_extract(CAST(counts AS TEXT), '$.pairs')), 0)"
"""How many pairs some rows of `state` have, in SQL."""


class FinishedRecords:
    """What became of the finished records of one segment."""

    def __init__(self, db: sqlite3.Connection, segment: int, path: Path) -> None:
        self._db, self._segment, self._path = db, segment, path

    def count(self) -> int:
        return self._db.execute(f"SELECT count(*) {_DONE}", (self._segment,)).fetchone()[0]

    def pairs(self) -> int:
        """How many pairs they have."""
        return self._db.execute(f"SELECT {_PAIRS} {_DONE}", (self._segment,)).fetchone()[0]

    def records(self) -> Iterator[Record]:
        for (blob,) in self._db.execute(f"SELECT lines {_DONE} ORDER BY position", (self._segment,)):
            yield load_state(blob, self._path)

    def lines(self, start: int = 0, end: int = 2**62) -> Iterator[list[bytes]]:
        """Of each at start <= position < end: its line and those of its pairs
        (`prefgen.dataset.serialize`).
        """
        sql = f"SELECT lines {_DONE} AND position >= ? AND position < ? ORDER BY position"
        for (blob,) in self._db.execute(sql, (self._segment, start, end)):
            yield unpack(blob, self._path).split(b"\n")

    def counts(self) -> Iterator[tuple[dict[str, Any], list[dict[str, Any]]]]:
        """What the yield table counts of each, and its failures as JSON data."""
        sql = f"SELECT counts, failures {_DONE} ORDER BY position"
        for counts, failures in self._db.execute(sql, (self._segment,)):
            yield orjson.loads(counts), orjson.loads(unpack(failures, self._path)) if failures else []

    def failures(self) -> Iterator[dict[str, Any]]:
        """Every failure that they met, as JSON data."""
        sql = f"SELECT failures {_DONE} AND failures IS NOT NULL ORDER BY position"
        for (blob,) in self._db.execute(sql, (self._segment,)):
            yield from orjson.loads(unpack(blob, self._path))

    def usage(self) -> Iterator[bytes]:
        """What each was served and cost, as JSON."""
        for row in self._db.execute(f"SELECT usage {_DONE} ORDER BY position", (self._segment,)):
            yield row[0]
