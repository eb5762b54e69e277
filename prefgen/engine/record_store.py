"""Where a run keeps its records while it works: a cache that may be deleted, since the journal can replay
everything.

One SQLite file in the run's folder. Input rows and finished records stand under their position; a record that
was suspended stands with the number of stages that it has passed.
"""

import sqlite3
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import orjson

from prefgen.dataset.finished_records import FinishedRecords
from prefgen.dataset.record_codec import (
    DROPPED_COLUMNS,
    StateRow,
    StoredDrop,
    load_failures,
    load_input,
    load_state,
    pack,
)
from prefgen.dataset.unfinished_run import BEGUN, SEGMENT, STORE_VERSION
from prefgen.errors import JournalError
from prefgen.storage import sqlite
from prefgen.types import Failure, Record

__all__ = ["RecordStore", "StoredDrop"]

STORE_TABLES = """
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT);
CREATE TABLE IF NOT EXISTS input (segment INTEGER, position INTEGER, id TEXT, record BLOB,
    PRIMARY KEY (segment, position));
CREATE TABLE IF NOT EXISTS state (segment INTEGER, position INTEGER, passed INTEGER, done INTEGER, lines BLOB,
    failures BLOB,
                                  usage BLOB, counts BLOB, PRIMARY KEY (segment, position));
CREATE TABLE IF NOT EXISTS dropped (segment INTEGER, id TEXT, curator TEXT, reason TEXT, neighbour TEXT,
    text TEXT, rows TEXT);
CREATE TABLE IF NOT EXISTS completed (record TEXT, identity TEXT, keys BLOB);
"""

PAGE_SIZE = "page_size=16384"  # a row is some kilobytes
STORE_PRAGMAS = (
    PAGE_SIZE,
    "synchronous=NORMAL",
    "wal_autocheckpoint=2000",  # 32 MB: a checkpoint waits for the disk
)
SCRATCH_PRAGMAS = (PAGE_SIZE, "synchronous=OFF")
FLUSH_EVERY = 200
FLUSH_SECONDS = 5.0
"""Of a slow run, after how long it is written down how far it is, for who looks on (`prefgen status`)."""
STAGED = -(2**31)
"""The number under which an input stands until it is known whether it differs from the one that is there."""


def _raw(segment: int) -> int:
    """The number under which the input of a segment stands before its curators thin it."""
    return -segment - 1


class RecordStore:
    """The records of one run, by segment and position. Raises JournalError where the disk is full,
    DatabaseError where it is damaged. One that is `scratch` never waits for the disk: what a crash leaves of
    it is thrown away.
    """

    def __init__(self, path: Path, *, scratch: bool = False) -> None:
        self.path = path
        self._unwritten: list[StateRow] = []
        self._flushed_at = time.monotonic()
        try:
            self._db = _open(path, scratch)
        except sqlite3.DatabaseError:
            remove_store(path)  # a damaged cache: the journal makes it anew
            self._db = _open(path, scratch)

    def finished(self, segment: int) -> FinishedRecords:
        """What became of the records of a segment that are finished."""
        return FinishedRecords(self._db, segment, self.path)

    @property
    def connection(self) -> sqlite3.Connection:
        """For merging the stores of partitions, whose tables are the same."""
        return self._db

    # --- what is known of the whole -------------------------------------------------------------------------

    def meta(self, key: str) -> str | None:
        row = self._db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return row[0] if row else None

    def set_meta(self, key: str, value: str) -> None:
        self.flush()
        self._write("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))

    def shard_digests(self) -> dict[str, str]:
        """{shard number: digest} of the shards that are written."""
        sql = "SELECT substr(key, 7), value FROM meta WHERE key LIKE 'shard %' ORDER BY key"
        return dict(self._db.execute(sql))

    def set_shard(self, number: int, digest: str) -> None:
        self.set_meta(f"shard {number:05d}", digest)

    def set_placed(self) -> None:
        """What the run's folder holds now are the shards of this state."""
        self.set_meta("placed", orjson.dumps(self.shard_digests()).decode())

    def placed(self) -> dict[str, str]:
        """{shard number: digest} of the shards that were put in place."""
        return orjson.loads(self.meta("placed") or "{}")

    # --- inputs ---------------------------------------------------------------------------------------------

    def store_inputs(
        self,
        segment: int,
        records: Iterable[Record],
        meta: Callable[[], tuple[str, str]],
        *,
        dropped: Iterable[StoredDrop] = (),
        dropped_in: int | None = None,
        raw: bool = False,
        seen: Callable[[bytes], object] = len,
    ) -> int:
        """Store the input of a segment, all or nothing, unless just this input is there: then nothing
        changes. Returns how many.

        `meta` (called after the last record) says which input it is. `raw` is what the curators of the
        segment see; the other input is what they left, and `dropped` the rest; it goes when what is known of
        segment `dropped_in` (default: this one) goes. `seen` is handed each record as it is stored.
        """
        self.flush()
        slot = _raw(segment) if raw else segment
        count = 0

        def rows() -> Iterator[tuple[int, int, str, bytes]]:
            nonlocal count
            for count, record in enumerate(records, 1):
                spelled = record.model_dump_json().encode()
                seen(spelled)
                yield STAGED, count - 1, record.id, pack(spelled)

        with self._transaction():
            self._write_many("INSERT INTO input VALUES (?, ?, ?, ?)", rows())
            key, value = meta()
            if self.meta(key) == value:
                self._write("DELETE FROM input WHERE segment = ?", (STAGED,))
                return count
            self._clear(segment, inputs=raw)
            self._write("DELETE FROM input WHERE segment = ?", (slot,))
            self._write("UPDATE input SET segment = ? WHERE segment = ?", (slot, STAGED))
            stored = ((segment if dropped_in is None else dropped_in, *row) for row in dropped)
            self._write_many("INSERT INTO dropped VALUES (?, ?, ?, ?, ?, ?, ?)", stored)
            self._write("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))
        return count

    def input_ids(self, segment: int) -> list[tuple[int, str]]:
        sql = "SELECT position, id FROM input WHERE segment = ? ORDER BY position"
        return self._db.execute(sql, (segment,)).fetchall()

    def input(self, segment: int, positions: Sequence[int]) -> dict[int, Record]:
        """{position: the record that goes into the segment there}."""
        marks = ", ".join("?" * len(positions))
        sql = f"SELECT position, record FROM input WHERE segment = ? AND position IN ({marks})"
        rows = self._db.execute(sql, (segment, *positions)).fetchall()
        return {position: load_input(blob, self.path) for position, blob in rows}

    def inputs(self, segment: int) -> Iterator[Record]:
        """The records that go into a segment, in order."""
        sql = "SELECT record FROM input WHERE segment = ? ORDER BY position"
        for (blob,) in self._db.execute(sql, (segment,)):
            yield load_input(blob, self.path)

    def raw_inputs(self, segment: int) -> Iterator[Record]:
        """What the curators of a segment see."""
        return self.inputs(_raw(segment))

    def dropped(self) -> list[tuple[int, StoredDrop]]:
        """(segment, row) of everything that curators took out."""
        rows = self._db.execute(f"SELECT {', '.join(DROPPED_COLUMNS)} FROM dropped ORDER BY rowid")
        return [(segment, StoredDrop(*fields)) for segment, *fields in rows]

    # --- records at work ------------------------------------------------------------------------------------

    def save(self, row: StateRow) -> None:
        """Store what a record was after its last passed stage (`prefgen.dataset.record_codec.state_row`)."""
        self._unwritten.append(row)
        if len(self._unwritten) >= FLUSH_EVERY or time.monotonic() - self._flushed_at >= FLUSH_SECONDS:
            self.flush()

    def done(self, segment: int) -> set[int]:
        sql = "SELECT position FROM state WHERE segment = ? AND done = 1"
        return {row[0] for row in self._db.execute(sql, (segment,))}

    def begun(self, segment: int) -> set[int]:
        """Positions of the records that have passed a stage and are not finished."""
        sql = "SELECT position FROM state WHERE segment = ? AND done = 0"
        return {row[0] for row in self._db.execute(sql, (segment,))}

    def suspended(self, segment: int, position: int) -> tuple[int, Record, list[Failure], bytes]:
        """(stages passed, record, failures, usage) of one of those."""
        sql = (
            "SELECT passed, lines, failures, usage FROM state WHERE segment = ? AND position = ? AND done = 0"
        )
        passed, lines, failures, usage = self._db.execute(sql, (segment, position)).fetchone()
        return passed, load_state(lines, self.path), load_failures(failures, self.path), usage

    # --- writing --------------------------------------------------------------------------------------------

    def clear_results(self, segment: int) -> None:
        """Forget what was made of a segment (its raw input stays), and everything of later ones."""
        self.begin_segment(segment, "", None)

    def begin_segment(self, segment: int, fingerprint: str, begun: str | None) -> None:
        """Forget the same, and say by what the segment's records are made from now on."""
        self.flush()
        with self._transaction():
            self._clear(segment, inputs=False)
            for key, value in ((SEGMENT, fingerprint), (BEGUN, begun)):
                if value:
                    self._write("INSERT OR REPLACE INTO meta VALUES (?, ?)", (f"{key} {segment}", value))

    def _clear(self, segment: int, *, inputs: bool) -> None:
        self._write("DELETE FROM state WHERE segment >= ?", (segment,))
        self._write("DELETE FROM dropped WHERE segment >= ?", (segment,))
        self._write(
            "DELETE FROM input WHERE segment > ? OR (segment < ? AND segment != ?)",
            (segment, _raw(segment), STAGED),
        )
        if inputs:
            self._write("DELETE FROM input WHERE segment = ? OR segment = ?", (segment, _raw(segment)))
        for (key,) in self._db.execute("SELECT key FROM meta").fetchall():
            if _goes_with(key, segment):
                self._write("DELETE FROM meta WHERE key = ?", (key,))

    def flush(self) -> None:
        """Put what was saved on the disk; until then nobody reads it."""
        self._flushed_at = time.monotonic()
        if self._unwritten:
            unwritten, self._unwritten = self._unwritten, []
            with self._transaction():
                self._write_many("INSERT OR REPLACE INTO state VALUES (?, ?, ?, ?, ?, ?, ?, ?)", unwritten)

    def close(self) -> None:
        self.flush()
        self._db.close()

    @contextmanager
    def _transaction(self) -> Generator[None]:
        with _disk_errors(self.path), sqlite.transaction(self._db):
            yield

    def _write(self, sql: str, values: Sequence[object] = ()) -> None:
        with _disk_errors(self.path):
            self._db.execute(sql, values)

    def _write_many(self, sql: str, rows: Iterable[Sequence[object]]) -> None:
        with _disk_errors(self.path):
            self._db.executemany(sql, rows)


def remove_store(path: Path) -> None:
    """Remove a store: it is a cache."""
    for file in sqlite.companion_files(path):
        file.unlink(missing_ok=True)


def _open(path: Path, scratch: bool) -> sqlite3.Connection:
    if scratch:
        db = sqlite.open_connection(path, pragmas=SCRATCH_PRAGMAS, journal_mode="MEMORY")
    else:
        db = sqlite.open_connection(path, pragmas=STORE_PRAGMAS)
    version = db.execute("PRAGMA user_version").fetchone()[0]
    tables = db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    if tables and version != STORE_VERSION:
        db.close()
        raise sqlite3.DatabaseError(f"{path} is of another version")
    db.executescript(STORE_TABLES)
    db.execute(f"PRAGMA user_version={STORE_VERSION}")
    return db


def _goes_with(key: str, segment: int) -> bool:
    """Whether what `meta` says under a key is no longer true when the results of a segment go."""
    kind, _, number = key.partition(" ")
    if kind in ("shard", "placed"):
        return True
    if not number.isdigit() or kind not in ("input", "curated", SEGMENT):
        return False
    return int(number) > segment or (int(number) == segment and kind != "input")


@contextmanager
def _disk_errors(path: Path) -> Generator[None]:
    """A full disk, or one that cannot be written, as one line."""
    try:
        yield
    except sqlite3.OperationalError as error:
        if "full" in str(error):
            why = "the disk is full. Every reply that was paid for is kept; make room and run again"
            raise JournalError(f"{path}: {why}") from error
        raise JournalError(f"{path}: {error}") from error


def read_progress(path: Path) -> tuple[int, int, int] | None:
    """(records, finished ones, pairs) of the last segment that a run has begun, without touching its store;
    None where unreadable.
    """
    try:
        db = sqlite.open_for_reading(path)
        try:
            sql = (
                "SELECT segment, count(*) FROM input WHERE segment >= 0 GROUP BY segment ORDER BY segment "
                "DESC LIMIT 1"
            )
            [(segment, records)] = db.execute(sql).fetchall()
            finished = FinishedRecords(db, segment, path)
            return records, finished.count(), finished.pairs()
        finally:
            db.close()
    except (sqlite3.Error, ValueError):
        return None
