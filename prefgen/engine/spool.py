"""Where a run keeps its records while it works: a cache that may be deleted, since the journal can replay everything.

One SQLite file in the run's folder. Input rows and finished records stand under their position; a record that was suspended stands with
the number of stages that it has passed.
"""

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import orjson
import zstandard
from pydantic import ValidationError

from prefgen.errors import JournalError
from prefgen.types import Failure, Record

SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT);
CREATE TABLE IF NOT EXISTS input (segment INTEGER, position INTEGER, id TEXT, record BLOB, PRIMARY KEY (segment, position)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS state (segment INTEGER, position INTEGER, passed INTEGER, done INTEGER, record BLOB, failures BLOB,
                                  tally TEXT, PRIMARY KEY (segment, position)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS gone (segment INTEGER, id TEXT, curator TEXT, reason TEXT, neighbour TEXT, text TEXT);
"""
COMMIT_EVERY = 200
Gone = tuple[str, str, str, str | None, str]
"""(id, curator, reason, neighbour, text) of a row that a curator dropped."""


def _raw(segment: int) -> int:
    """The number under which the input of a segment stands before its curators thin it."""
    return -segment - 1


class Spool:
    """The records of one run, by segment and position."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._pack = zstandard.ZstdCompressor(level=1).compress
        self._decompress = zstandard.ZstdDecompressor().decompress
        self._pending = 0
        try:
            self._db = self._open()
        except sqlite3.DatabaseError:
            self.remove_files(path)  # a damaged cache: the journal makes it anew
            self._db = self._open()

    def _open(self) -> sqlite3.Connection:
        db = sqlite3.connect(self.path, timeout=60, isolation_level=None, check_same_thread=False)
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=NORMAL")
        db.executescript(SCHEMA)
        return db

    @staticmethod
    def remove_files(path: Path) -> None:
        for name in (path, path.with_name(path.name + "-wal"), path.with_name(path.name + "-shm")):
            name.unlink(missing_ok=True)

    def reader(self) -> "Spool":
        """A second connection, for another thread."""
        return Spool(self.path)

    def meta(self, key: str) -> str | None:
        found = self._db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return found[0] if found else None

    def set_meta(self, key: str, value: str) -> None:
        self._change("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))
        self.commit()

    def store_inputs(
        self, segment: int, records: Iterable[Record], meta: Callable[[], tuple[str, str]], *, gone: Iterable[Gone] = (), raw: bool = False
    ) -> int:
        """Store the input of a segment, all or nothing, together with the `meta` that says so; returns how many.

        `raw` is what the curators of the segment see; the other input is what they left, and `gone` the rest.
        """
        self.commit()
        slot = _raw(segment) if raw else segment
        self._guard("BEGIN IMMEDIATE")
        try:
            self._clear(segment, inputs=raw)
            self._guard("DELETE FROM input WHERE segment = ?", (slot,))
            count = 0
            for count, record in enumerate(records, 1):
                self._guard("INSERT INTO input VALUES (?, ?, ?, ?)", (slot, count - 1, record.id, self._dump(record)))
            for row in gone:
                self._guard("INSERT INTO gone VALUES (?, ?, ?, ?, ?, ?)", (segment, *row))
            self._guard("INSERT OR REPLACE INTO meta VALUES (?, ?)", meta())
            self._guard("COMMIT")
        except BaseException:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise
        return count

    def clear_results(self, segment: int) -> None:
        """Forget what was made of a segment (its raw input stays), and everything of later ones."""
        self.commit()
        self._guard("BEGIN IMMEDIATE")
        self._clear(segment, inputs=False)
        self._guard("COMMIT")

    def _clear(self, segment: int, *, inputs: bool) -> None:
        self._guard("DELETE FROM state WHERE segment >= ?", (segment,))
        self._guard("DELETE FROM gone WHERE segment >= ?", (segment,))
        self._guard("DELETE FROM input WHERE segment > ? OR segment < ?", (segment, _raw(segment)))
        if inputs:
            self._guard("DELETE FROM input WHERE segment = ? OR segment = ?", (segment, _raw(segment)))
        for (key,) in self._db.execute("SELECT key FROM meta").fetchall():
            kind, _, number = key.partition(" ")
            later = int(number) > segment if number.isdigit() else False
            if (
                kind == "shard"
                or (kind in ("input", "curated", "segment") and later)
                or (kind in ("curated", "segment") and number == str(segment))
            ):
                self._guard("DELETE FROM meta WHERE key = ?", (key,))

    def shard_digests(self) -> dict[str, str]:
        """{shard number: digest} of the shards that are written."""
        return dict(self._db.execute("SELECT substr(key, 7), value FROM meta WHERE key LIKE 'shard %' ORDER BY key"))

    def set_shard(self, number: int, digest: str) -> None:
        self.set_meta(f"shard {number:05d}", digest)

    def input_ids(self, segment: int) -> list[tuple[int, str]]:
        return self._db.execute("SELECT position, id FROM input WHERE segment = ? ORDER BY position", (segment,)).fetchall()

    def input(self, segment: int, position: int) -> Record:
        found = self._db.execute("SELECT record FROM input WHERE segment = ? AND position = ?", (segment, position)).fetchone()
        return self._load(found[0])

    def raw_inputs(self, segment: int) -> Iterator[Record]:
        """What the curators of a segment see."""
        for (blob,) in self._db.execute("SELECT record FROM input WHERE segment = ? ORDER BY position", (_raw(segment),)):
            yield self._load(blob)

    def save(
        self, segment: int, position: int, passed: int, record: Record, failures: Sequence[Failure], tally: str, *, done: bool
    ) -> None:
        """Store a record that finished, or what it was after its last passed stage."""
        packed = self._pack(orjson.dumps([f.model_dump(mode="json") for f in failures])) if failures else None
        self._change(
            "INSERT OR REPLACE INTO state VALUES (?, ?, ?, ?, ?, ?, ?)",
            (segment, position, passed, done, self._dump(record), packed, tally),
        )

    def done(self, segment: int) -> set[int]:
        return {row[0] for row in self._db.execute("SELECT position FROM state WHERE segment = ? AND done = 1", (segment,))}

    def suspended(self, segment: int, position: int) -> tuple[int, Record, list[Failure], str] | None:
        found = self._db.execute(
            "SELECT passed, record, failures, tally FROM state WHERE segment = ? AND position = ? AND done = 0", (segment, position)
        ).fetchone()
        return (found[0], self._load(found[1]), self._failures(found[2]), found[3]) if found else None

    def results(self, segment: int, start: int = 0, end: int | None = None) -> Iterator[tuple[int, Record, list[Failure]]]:
        """Finished records at positions start <= p < end, in order."""
        sql = "SELECT position, record, failures FROM state WHERE segment = ? AND done = 1 AND position >= ? AND position < ? ORDER BY position"
        for position, blob, failures in self._db.execute(sql, (segment, start, 2**62 if end is None else end)):
            yield position, self._load(blob), self._failures(failures)

    def raw_results(self, segment: int, start: int = 0, end: int | None = None) -> Iterator[tuple[bytes, list[dict[str, Any]]]]:
        """Finished records as their JSON, and their failures as JSON data, in order."""
        sql = "SELECT record, failures FROM state WHERE segment = ? AND done = 1 AND position >= ? AND position < ? ORDER BY position"
        for blob, failures in self._db.execute(sql, (segment, start, 2**62 if end is None else end)):
            yield self._unpack(blob), orjson.loads(self._unpack(failures)) if failures else []

    def tallies(self) -> Iterator[str]:
        """What each finished record was served and cost, as JSON."""
        for row in self._db.execute("SELECT tally FROM state WHERE done = 1"):
            yield row[0]

    def failures_of(self, segment: int) -> Iterator[dict[str, Any]]:
        """Failures that finished records of a segment met, as JSON data."""
        sql = "SELECT failures FROM state WHERE segment = ? AND done = 1 AND failures IS NOT NULL ORDER BY position"
        for (blob,) in self._db.execute(sql, (segment,)):
            yield from orjson.loads(self._unpack(blob))

    def gone(self) -> list[tuple[int, str, str, str, str | None, str]]:
        return self._db.execute("SELECT segment, id, curator, reason, neighbour, text FROM gone ORDER BY rowid").fetchall()

    def commit(self) -> None:
        if self._db.in_transaction:
            self._guard("COMMIT")
        self._pending = 0

    def close(self) -> None:
        self.commit()
        self._db.close()

    def _change(self, sql: str, values: Sequence[object] = ()) -> None:
        if not self._db.in_transaction:
            self._guard("BEGIN")
        self._guard(sql, values)
        self._pending += 1
        if self._pending >= COMMIT_EVERY:
            self.commit()

    def _guard(self, sql: str, values: Sequence[object] = ()) -> None:
        try:
            self._db.execute(sql, values)
        except sqlite3.OperationalError as wrong:
            if "full" in str(wrong):
                raise JournalError(
                    f"{self.path}: the disk is full. Every reply that was paid for is kept; make room and run again"
                ) from wrong
            raise JournalError(f"{self.path}: {wrong}") from wrong

    def _dump(self, record: Record) -> bytes:
        return self._pack(record.model_dump_json().encode())

    def _unpack(self, blob: bytes) -> bytes:
        try:
            return self._decompress(blob)
        except (zstandard.ZstdError, TypeError) as wrong:
            raise sqlite3.DatabaseError(f"{self.path} is damaged: {wrong}") from wrong

    def _load(self, blob: bytes) -> Record:
        spelled = self._unpack(blob)
        try:
            return Record.model_validate_json(spelled)
        except ValidationError as wrong:
            raise sqlite3.DatabaseError(f"{self.path} is damaged, or of another version: {wrong}") from wrong

    def _failures(self, blob: bytes | None) -> list[Failure]:
        return [Failure.model_validate(f) for f in orjson.loads(self._unpack(blob))] if blob else []
