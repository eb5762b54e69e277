"""Where a run keeps its records while it works: a cache that may be deleted, since the journal can replay everything.

One SQLite file in the run's folder. Input rows and finished records stand under their position; a record that was suspended stands with
the number of stages that it has passed.
"""

import sqlite3
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson
import zstandard
from pydantic import ValidationError

from prefgen.dataset.serialize import pair_lines, record_line, record_of
from prefgen.errors import JournalError
from prefgen.types import Failure, Record

SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT);
CREATE TABLE IF NOT EXISTS input (segment INTEGER, position INTEGER, id TEXT, record BLOB, PRIMARY KEY (segment, position));
CREATE TABLE IF NOT EXISTS state (segment INTEGER, position INTEGER, passed INTEGER, done INTEGER, lines BLOB, failures BLOB,
                                  tally BLOB, counts BLOB, PRIMARY KEY (segment, position));
CREATE TABLE IF NOT EXISTS gone (segment INTEGER, id TEXT, curator TEXT, reason TEXT, neighbour TEXT, text TEXT, rows TEXT);
"""
STATE_COLUMNS = 8
COMMIT_EVERY = 200
WORTH_PACKING = 1000
"""Bytes from which on compressing saves more than it takes."""
StateRow = tuple[int, int, int, bool, bytes, bytes | None, bytes, bytes | None]
"""(segment, position, stages passed, finished, packed lines, packed failures, tally, counts) of a record."""
DroppedRow = tuple[str, str, str, str | None, str, str]
"""(id, curator, reason, neighbour, text, prompts or pairs) of a row that a curator dropped."""
GONE_COLUMNS = ("segment", "id", "curator", "reason", "neighbour", "text", "rows")


_PAIRS = "coalesce(sum(json_extract(CAST(counts AS TEXT), '$.pairs')), 0)"
"""How many pairs some rows of `state` have, in SQL."""


def read_progress(path: Path) -> tuple[int, int, int] | None:
    """(records, finished ones, pairs) of the last segment that a run has begun, without touching its spool; None where that cannot be read."""
    try:
        db = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=5)
        try:
            [(segment, records)] = db.execute(
                "SELECT segment, count(*) FROM input WHERE segment >= 0 GROUP BY segment ORDER BY segment DESC LIMIT 1"
            ).fetchall()
            sql = f"SELECT count(*), {_PAIRS} FROM state WHERE segment = ? AND done = 1"
            [(finished, pairs)] = db.execute(sql, (segment,)).fetchall()
        finally:
            db.close()
    except (sqlite3.Error, ValueError):
        return None
    return records, finished, pairs


def _raw(segment: int) -> int:
    """The number under which the input of a segment stands before its curators thin it."""
    return -segment - 1


class RecordStore:
    """The records of one run, by segment and position."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._pack = zstandard.ZstdCompressor(level=1).compress
        self._decompress = zstandard.ZstdDecompressor().decompress
        self._saved: list[StateRow] = []
        try:
            self._db = self._open()
        except sqlite3.DatabaseError:
            self.remove_files(path)  # a damaged cache: the journal makes it anew
            self._db = self._open()

    def _open(self) -> sqlite3.Connection:
        db = sqlite3.connect(self.path, timeout=60, isolation_level=None, check_same_thread=False)
        db.execute("PRAGMA page_size=16384")  # a row is some kilobytes
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=NORMAL")
        db.execute("PRAGMA wal_autocheckpoint=2000")  # 32 MB: a checkpoint waits for the disk
        db.executescript(SCHEMA)
        columns = {
            table: len(db.execute("SELECT * FROM pragma_table_info(?)", (table,)).fetchall())
            for table in ("state", "gone")
        }
        if columns != {"state": STATE_COLUMNS, "gone": len(GONE_COLUMNS)}:
            db.close()
            raise sqlite3.DatabaseError(f"{self.path} is of another version")
        return db

    @staticmethod
    def remove_files(path: Path) -> None:
        for name in (path, path.with_name(path.name + "-wal"), path.with_name(path.name + "-shm")):
            name.unlink(missing_ok=True)

    def reader(self) -> "RecordStore":
        """A second connection, for another thread."""
        return RecordStore(self.path)

    def meta(self, key: str) -> str | None:
        found = self._db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return found[0] if found else None

    def set_meta(self, key: str, value: str) -> None:
        self.commit()
        self._guard("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))

    def store_inputs(
        self,
        segment: int,
        records: Iterable[Record],
        meta: Callable[[], tuple[str, str]],
        *,
        gone: Iterable[DroppedRow] = (),
        gone_in: int | None = None,
        raw: bool = False,
        seen: Callable[[bytes], object] = len,
    ) -> int:
        """Store the input of a segment, all or nothing, together with the `meta` that says so; returns how many.

        `raw` is what the curators of the segment see; the other input is what they left, and `gone` the rest; it
        goes when what is known of segment `gone_in` (default: this one) goes. `seen` is handed each record as it is stored, before `meta` is called.
        """
        self.commit()
        slot = _raw(segment) if raw else segment
        count = 0

        def rows() -> Iterator[tuple[int, int, str, bytes]]:
            nonlocal count
            for count, record in enumerate(records, 1):
                spelled = record.model_dump_json().encode()
                seen(spelled)
                yield slot, count - 1, record.id, self._packed(spelled)

        with self._transaction():
            self._clear(segment, inputs=raw)
            self._guard("DELETE FROM input WHERE segment = ?", (slot,))
            self._guard("INSERT INTO input VALUES (?, ?, ?, ?)", rows=rows())
            goes_in = segment if gone_in is None else gone_in
            self._guard(
                "INSERT INTO gone VALUES (?, ?, ?, ?, ?, ?, ?)", rows=((goes_in, *row) for row in gone)
            )
            self._guard("INSERT OR REPLACE INTO meta VALUES (?, ?)", meta())
        return count

    def clear_results(self, segment: int) -> None:
        """Forget what was made of a segment (its raw input stays), and everything of later ones."""
        self.commit()
        with self._transaction():
            self._clear(segment, inputs=False)

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
                kind in ("shard", "placed")
                or (kind in ("input", "curated", "segment") and later)
                or (kind in ("curated", "segment") and number == str(segment))
            ):
                self._guard("DELETE FROM meta WHERE key = ?", (key,))

    def shard_digests(self) -> dict[str, str]:
        """{shard number: digest} of the shards that are written."""
        return dict(
            self._db.execute("SELECT substr(key, 7), value FROM meta WHERE key LIKE 'shard %' ORDER BY key")
        )

    def set_shard(self, number: int, digest: str) -> None:
        self.set_meta(f"shard {number:05d}", digest)

    def set_placed(self) -> None:
        """What the run's folder holds now are the shards of this state."""
        self.set_meta("placed", orjson.dumps(self.shard_digests()).decode())

    def placed(self) -> dict[str, str]:
        """{shard number: digest} of the shards that were put in place."""
        return orjson.loads(self.meta("placed") or "{}")

    def input_ids(self, segment: int) -> list[tuple[int, str]]:
        return self._db.execute(
            "SELECT position, id FROM input WHERE segment = ? ORDER BY position", (segment,)
        ).fetchall()

    def input(self, segment: int, positions: Sequence[int]) -> dict[int, Record]:
        """{position: the record that goes into the segment there}."""
        sql = f"SELECT position, record FROM input WHERE segment = ? AND position IN ({', '.join('?' * len(positions))})"
        return {
            position: self._load(blob)
            for position, blob in self._db.execute(sql, (segment, *positions)).fetchall()
        }

    def inputs(self, segment: int) -> Iterator[Record]:
        """The records that go into a segment, in order."""
        for (blob,) in self._db.execute(
            "SELECT record FROM input WHERE segment = ? ORDER BY position", (segment,)
        ):
            yield self._load(blob)

    def raw_inputs(self, segment: int) -> Iterator[Record]:
        """What the curators of a segment see."""
        return self.inputs(_raw(segment))

    def save(
        self,
        segment: int,
        position: int,
        passed: int,
        record: Record,
        failures: Sequence[Failure],
        tally: bytes,
        counts: bytes | None = None,
    ) -> None:
        """Store what a record was after its last passed stage; one that finished has `counts`, and its pairs are stored with it."""
        packed = (
            self._packed(orjson.dumps([f.model_dump(mode="json") for f in failures])) if failures else None
        )
        lines = [record_line(record)] if counts is None else [record_line(record), *pair_lines(record)]
        self.put(
            [
                (
                    segment,
                    position,
                    passed,
                    counts is not None,
                    self._packed(b"\n".join(lines)),
                    packed,
                    tally,
                    counts,
                )
            ]
        )

    def put(self, rows: Iterable[StateRow]) -> None:
        """Store rows as `save` makes them."""
        self._saved += rows
        if len(self._saved) >= COMMIT_EVERY:
            self.commit()

    def done(self, segment: int) -> set[int]:
        return {
            row[0]
            for row in self._db.execute(
                "SELECT position FROM state WHERE segment = ? AND done = 1", (segment,)
            )
        }

    def begun(self, segment: int) -> set[int]:
        """Positions of the records that have passed a stage and are not finished."""
        return {
            row[0]
            for row in self._db.execute(
                "SELECT position FROM state WHERE segment = ? AND done = 0", (segment,)
            )
        }

    def suspended(self, segment: int, position: int) -> tuple[int, Record, list[Failure], bytes]:
        """(stages passed, record, failures, tally) of one of those."""
        found = self._db.execute(
            "SELECT passed, lines, failures, tally FROM state WHERE segment = ? AND position = ? AND done = 0",
            (segment, position),
        ).fetchone()
        return found[0], self._record(found[1]), self._failures(found[2]), found[3]

    def results(self, segment: int) -> Iterator[Record]:
        """Finished records, in order."""
        for (blob,) in self._db.execute(
            "SELECT lines FROM state WHERE segment = ? AND done = 1 ORDER BY position", (segment,)
        ):
            yield self._record(blob)

    def lines(self, segment: int, start: int = 0, end: int = 2**62) -> Iterator[list[bytes]]:
        """Of each finished record at start <= position < end, in order: its line and those of its pairs (`prefgen.dataset.serialize`)."""
        sql = "SELECT lines FROM state WHERE segment = ? AND done = 1 AND position >= ? AND position < ? ORDER BY position"
        for (blob,) in self._db.execute(sql, (segment, start, end)):
            yield self._unpack(blob).split(b"\n")

    def counts(self, segment: int) -> Iterator[tuple[dict[str, Any], list[dict[str, Any]]]]:
        """What the yield table counts of each finished record, and its failures as JSON data, in order."""
        sql = "SELECT counts, failures FROM state WHERE segment = ? AND done = 1 ORDER BY position"
        for counts, failures in self._db.execute(sql, (segment,)):
            yield orjson.loads(counts), orjson.loads(self._unpack(failures)) if failures else []

    def pairs(self, segment: int) -> int:
        """How many pairs the finished records of a segment have."""
        return self._db.execute(
            f"SELECT {_PAIRS} FROM state WHERE segment = ? AND done = 1", (segment,)
        ).fetchone()[0]

    def tallies(self) -> Iterator[bytes]:
        """What each finished record was served and cost, as JSON."""
        for row in self._db.execute("SELECT tally FROM state WHERE done = 1 ORDER BY segment, position"):
            yield row[0]

    def failures_of(self, segment: int) -> Iterator[dict[str, Any]]:
        """Failures that finished records of a segment met, as JSON data."""
        sql = "SELECT failures FROM state WHERE segment = ? AND done = 1 AND failures IS NOT NULL ORDER BY position"
        for (blob,) in self._db.execute(sql, (segment,)):
            yield from orjson.loads(self._unpack(blob))

    def gone(self) -> list[tuple[int, str, str, str, str | None, str, str]]:
        return self._db.execute(f"SELECT {', '.join(GONE_COLUMNS)} FROM gone ORDER BY rowid").fetchall()

    def commit(self) -> None:
        """Put what was saved on the disk; until then nobody reads it."""
        if self._saved:
            saved, self._saved = self._saved, []
            with self._transaction():
                self._guard("INSERT OR REPLACE INTO state VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows=saved)

    def close(self) -> None:
        self.commit()
        self._db.close()

    @contextmanager
    def _transaction(self) -> Generator[None]:
        self._guard("BEGIN IMMEDIATE")
        try:
            yield
            self._guard("COMMIT")
        except BaseException:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise

    def _guard(
        self, sql: str, values: Sequence[object] = (), *, rows: Iterable[Sequence[object]] | None = None
    ) -> None:
        try:
            if rows is None:
                self._db.execute(sql, values)
            else:
                self._db.executemany(sql, rows)
        except sqlite3.OperationalError as wrong:
            if "full" in str(wrong):
                raise JournalError(
                    f"{self.path}: the disk is full. Every reply that was paid for is kept; make room and run again"
                ) from wrong
            raise JournalError(f"{self.path}: {wrong}") from wrong

    def _packed(self, text: bytes) -> bytes:
        return self._pack(text) if len(text) >= WORTH_PACKING else text

    def _unpack(self, blob: bytes) -> bytes:
        try:
            return blob if blob[:1] in (b"{", b"[") else self._decompress(blob)
        except (zstandard.ZstdError, TypeError) as wrong:
            raise sqlite3.DatabaseError(f"{self.path} is damaged: {wrong}") from wrong

    def _load(self, blob: bytes) -> Record:
        return self._read(Record.model_validate_json, self._unpack(blob))

    def _record(self, blob: bytes) -> Record:
        return self._read(
            lambda spelled: record_of(orjson.loads(spelled)), self._unpack(blob).partition(b"\n")[0]
        )

    def _read(self, make: Callable[[bytes], Record], spelled: bytes) -> Record:
        try:
            return make(spelled)
        except (ValidationError, KeyError, ValueError) as wrong:
            raise sqlite3.DatabaseError(f"{self.path} is damaged, or of another version: {wrong}") from wrong

    def _failures(self, blob: bytes | None) -> list[Failure]:
        return [Failure.model_validate(f) for f in orjson.loads(self._unpack(blob))] if blob else []
