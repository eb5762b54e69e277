"""The call journal: every reply that was ever paid for, raw, under the key of what was asked.

SQLite in WAL mode with synchronous=FULL. Reading is synchronous and takes microseconds; what is written goes
through one thread (`prefgen.calls.journal_writer`) that commits in groups, so that an ask returns only after
its reply is on the disk and the cost of the disk is shared. The first reply under a key wins, in every task
and process.
"""

import asyncio
import hashlib
import sqlite3
import threading
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import zstandard

from prefgen.calls.claims import Claims
from prefgen.calls.journal_tables import JOURNAL_PRAGMAS, create_tables, refuse_other_kinds
from prefgen.calls.journal_writer import JournalWriter, WriteJob, journal_error
from prefgen.calls.rows import ROWS_A_STATEMENT, SELECT, SELECT_STORED, JournalRow, StoredRow, row_from
from prefgen.errors import JournalError
from prefgen.storage import sqlite

STAGES_A_STATEMENT = 128


@dataclass(frozen=True, slots=True)
class CachedReplies:
    """What the journal held of a record when it was looked up: {key: what `Journal.row_of` takes}, and
    whether that is all.
    """

    rows: Mapping[bytes, StoredRow]
    is_complete: bool


@dataclass(frozen=True)
class Spent:
    """What a run has paid, in picodollars, and used, in tokens; what may have been billed without a reply
    counts.
    """

    cost: int
    tokens: int


SPENT = """
    SELECT coalesce(sum(cost), 0), coalesce(sum(tokens), 0) FROM (
        SELECT cost, prompt_tokens + completion_tokens AS tokens FROM replies WHERE run = ?1
        UNION ALL SELECT cost, tokens FROM possibly_billed WHERE run = ?1
    )
"""


def read_spent(path: Path, run: str) -> Spent | None:
    """What a run has paid and used, without opening its journal to write; None where that cannot be read."""
    try:
        db = sqlite.open_for_reading(path)
        try:
            return Spent(*db.execute(SPENT, (run,)).fetchone())
        finally:
            db.close()
    except sqlite3.Error:
        return None


class Journal:
    """An open journal."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self.on_network = sqlite.is_on_network(path.parent)
        refuse_other_kinds(path)
        if (damage := sqlite.damage_of(path)) is not None:
            raise journal_error(sqlite3.DatabaseError(damage), path)
        with ExitStack() as opened:  # closed again where the rest cannot be opened
            try:
                mode = "TRUNCATE" if self.on_network else "WAL"
                db = sqlite.open_connection(path, pragmas=JOURNAL_PRAGMAS, journal_mode=mode)
                opened.callback(db.close)
                create_tables(db, path)
                self.claims = Claims(claims_file(path))
                opened.callback(self.claims.close)
                self._db = db if self.on_network else sqlite.open_connection(path, pragmas=JOURNAL_PRAGMAS)
            except sqlite3.Error as error:
                raise journal_error(error, path) from error
            opened.pop_all()
        self._lock = threading.RLock() if self.on_network else nullcontext()
        self._unpack = zstandard.ZstdDecompressor().decompress
        self._servers: dict[int, tuple[str, str, str, str]] = {}
        self._passed: list[tuple[str, str, bytes]] = []
        self._writer = JournalWriter(path, db, self._lock)

    # --- reading --------------------------------------------------------------------------------------------

    def find(self, key: bytes) -> JournalRow | None:
        """The reply under `key`, or None."""
        stored = self.query(f"{SELECT_STORED} WHERE key = ?", (key,))
        return self.row_of(stored[0]) if stored else None

    def replies_for_records(self, records: Sequence[str], most: int = 64) -> list[CachedReplies]:
        """What each of `records` was answered, whoever asked, up to `most` replies a record on average: one
        look instead of one a key.
        """
        limit = most * len(records)
        marks = ", ".join("?" * len(records))
        stored = self.query(f"{SELECT_STORED} WHERE record IN ({marks}) LIMIT {limit}", records)
        rows: dict[str, dict[bytes, StoredRow]] = {record: {} for record in records}
        for row in stored:
            rows[row[3]][row[0]] = row
        return [CachedReplies(rows[record], is_complete=len(stored) < limit) for record in records]

    def row_of(self, stored: StoredRow) -> JournalRow:
        """The row that `replies_for_records` found."""
        backend, host, model, fingerprint = self._server(stored[5])
        fields = (*stored[:5], backend, host, *stored[6:10], model, fingerprint, *stored[10:])
        return row_from(fields, self._unpack)

    def _server(self, number: int) -> tuple[str, str, str, str]:
        if number not in self._servers:
            sql = "SELECT backend, host, model, fingerprint FROM servers WHERE id = ?"
            [self._servers[number]] = self.query(sql, (number,))
        return self._servers[number]

    def rows(self, where: str = "1", values: Sequence[object] = ()) -> Iterator[JournalRow]:
        """Every row that matches an SQL condition on `r` (replies) and `s` (servers), oldest first."""
        try:
            for fields in self._db.execute(f"{SELECT} WHERE {where} ORDER BY r.id", values):
                yield row_from(fields, self._unpack)
        except sqlite3.Error as error:
            raise journal_error(error, self.path) from error

    def query(self, sql: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """Read with SQL: for this package alone, which knows the tables."""
        try:
            with self._lock:
                return self._db.execute(sql, values).fetchall()
        except sqlite3.Error as error:
            raise journal_error(error, self.path) from error

    def spent(self, run: str) -> Spent:
        """What a run has paid and used in all its starts."""
        [(cost, tokens)] = self.query(SPENT, (run,))
        return Spent(cost, tokens)

    def parked_request(self, key: bytes) -> bytes:
        """The request that waits under `key`, as a line of a batch file. Raises JournalError where there is
        none.
        """
        packed = self.query("SELECT request FROM parked WHERE key = ?", (key,))
        if not packed:
            raise JournalError(f"{self.path}: no request waits under {key.hex()}")
        return self._unpack(packed[0][0])

    # --- stages that records have passed --------------------------------------------------------------------

    def completed_stages(self, record: str) -> frozenset[str]:
        """The identities of the stages that a record has passed, in any run."""
        return frozenset(
            row[0] for row in self.query("SELECT identity FROM completed WHERE record = ?", (record,))
        )

    def count_completed(self, records: Sequence[str], identity: str) -> int:
        """How many of these records have passed the stage of this identity, in any run."""
        marks = ", ".join("?" * len(records))
        sql = f"SELECT count(*) FROM completed WHERE record IN ({marks}) AND identity = ?"
        return self.query(sql, (*records, identity))[0][0]

    def asked_digest(self, records: Sequence[str], identities: Sequence[str]) -> str:
        """A digest of the keys that these records had asked when they passed these stages: which replies a
        dataset rests on.
        """
        self.flush()
        digest = hashlib.blake2b(digest_size=16)
        stages = ", ".join("?" * len(identities))
        for start in range(0, len(records), ROWS_A_STATEMENT):
            some = records[start : start + ROWS_A_STATEMENT]
            sql = (
                "SELECT record, identity, keys FROM completed WHERE record IN "
                f"({', '.join('?' * len(some))}) AND identity IN ({stages}) ORDER BY identity"
            )
            passed: dict[str, list[bytes]] = {record: [] for record in some}
            for record, identity, keys in self.query(sql, (*some, *identities)):
                passed[record].append(record.encode() + identity.encode() + keys)
            for record in some:
                digest.update(b"".join(passed[record]))
        return digest.hexdigest()

    # --- writing --------------------------------------------------------------------------------------------

    def commit(self, rows: Sequence[JournalRow]) -> "asyncio.Future[list[JournalRow]]":
        """Commit `rows` together; the future holds what the journal then has under their keys: the first
        reply wins.
        """
        self.claims.join()
        journalled: asyncio.Future[list[JournalRow]] = asyncio.get_running_loop().create_future()
        self._writer.submit(WriteJob(rows=rows, journalled=journalled))
        return journalled

    def stage_completed(self, record: str, identity: str, keys: bytes) -> None:
        """Remember that a record has passed a stage and the digest of the keys that it had asked by then."""
        self._passed.append((record, identity, keys))
        if len(self._passed) >= STAGES_A_STATEMENT:
            self._write_passed()

    def _write_passed(self) -> None:
        rows, self._passed = self._passed, []
        if rows:  # one statement: each step of SQLite gives other threads a turn, and has to wait for its own
            sql = f"INSERT OR IGNORE INTO completed VALUES {', '.join(['(?, ?, ?)'] * len(rows))}"
            self._writer.submit(WriteJob(statements=[(sql, tuple(value for row in rows for value in row))]))

    def forget_refusals(self, run: str, model: str, records: Collection[str]) -> None:
        """Forget what a server refused a run: it refused everything alike, and may not once the recipe is
        mended. `records` are those that were refused something, by this run or by one beside it.
        """
        self._write_passed()
        refused = ("DELETE FROM replies WHERE run = ? AND model = ? AND status = 1", (run, model))
        passed = [("DELETE FROM completed WHERE record = ?", (record,)) for record in sorted(records)]
        self._writer.submit(WriteJob(statements=[*passed, refused]))

    def park(self, row: JournalRow, request: bytes) -> None:
        """Keep a request that waits for its reply, so that an import knows what it answers."""
        packed = zstandard.compress(request)
        values = (row.key, row.endpoint, row.model, row.record, row.parts, row.backend, row.host, packed)
        sql = "INSERT OR REPLACE INTO parked VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
        self._writer.submit(WriteJob(statements=[(sql, values)]))

    def possibly_billed(self, run: str, cost: int, tokens: int, why: str) -> None:
        """Count a request whose reply never came: the provider may have charged for it."""
        sql = "INSERT INTO possibly_billed (run, time, cost, tokens, why) VALUES (?, ?, ?, ?, ?)"
        self._writer.submit(WriteJob(statements=[(sql, (run, time.time(), cost, tokens, why))]))

    def execute(self, statements: Sequence[tuple[str, tuple[object, ...]]]) -> None:
        """Commit statements together, and wait until they are: for this package alone, which knows the
        tables.
        """
        self.claims.join()
        self._writer.submit(WriteJob(statements=statements))
        self.flush()

    def flush(self) -> None:
        """Wait until everything that was handed over is committed. Raises JournalError if a commit failed."""
        self._write_passed()
        self._writer.flush()

    def close(self) -> None:
        try:
            if not self._writer.is_broken:
                self._write_passed()
            self._writer.close()
            if not self.on_network:
                self._db.close()
        finally:
            self.claims.close()

    @property
    def connection(self) -> sqlite3.Connection:
        """The writing connection: for maintenance (`prefgen journal`) alone, while nothing is being
        committed.
        """
        self.flush()
        return self._writer.connection


def claims_file(path: Path) -> Path:
    """Where runs on a journal tell each other what they ask for (`prefgen.calls.claims`)."""
    file = path.resolve()  # whatever name they have for the journal
    return file.with_name(file.name + "-claims")
