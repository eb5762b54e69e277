"""The one thread that writes a journal: it commits in groups of about 5 ms (10 where much comes in).

An ask returns only after its reply is on the disk, and the cost of the disk is shared by the whole group.
"""

import asyncio
import queue
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import zstandard

from prefgen.calls.rows import ROWS_A_STATEMENT, SELECT, JournalRow, row_from
from prefgen.errors import JournalError
from prefgen.storage import sqlite

GROUP_SECONDS = 0.004
LONGER_SECONDS = 0.005
"""Further seconds of a group where much comes in: half as many commits, each of which costs the event loop
several turns.
"""
MANY_JOBS = 6
INSERT = """INSERT INTO replies (
key, status, endpoint, model, record, run, origin, server, parts, how, prompt_tokens,
completion_tokens, cost, time, seconds, code, reply, request) VALUES"""
MARKS = f"({', '.join('?' * 18)})"


@dataclass(slots=True)
class WriteJob:
    """What is committed together: statements, then rows. `journalled` is told what the journal then has under
    the rows' keys.
    """

    rows: Sequence[JournalRow] = ()
    statements: Sequence[tuple[str, tuple[Any, ...]]] = ()
    journalled: "asyncio.Future[list[JournalRow]] | None" = None
    committed: threading.Event | None = None
    result: list[JournalRow] = field(default_factory=list)


class JournalWriter:
    """Owns the writing connection of a journal. The first commit that fails is the last: nothing is ever lost
    silently.
    """

    def __init__(self, path: Path, db: sqlite3.Connection, lock: AbstractContextManager[Any]) -> None:
        self.connection = db
        self._path = path
        self._lock = lock
        self._pack = zstandard.ZstdCompressor(level=3).compress
        self._servers: dict[tuple[str, str, str, str], int] = {}
        self._error: JournalError | None = None
        self._jobs: queue.SimpleQueue[WriteJob | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._write_in_groups, name="journal", daemon=True)
        self._thread.start()

    @property
    def is_broken(self) -> bool:
        return self._error is not None

    def submit(self, job: WriteJob) -> None:
        """Hand over a job. Raises JournalError when an earlier one could not be committed."""
        if self._error:
            raise self._error
        self._jobs.put(job)

    def flush(self) -> None:
        """Wait until everything so far is committed. Raises JournalError if a commit failed."""
        committed = threading.Event()
        self.submit(WriteJob(committed=committed))
        while not committed.wait(0.5):
            if not self._thread.is_alive():
                break
        if self._error:
            raise self._error

    def close(self) -> None:
        if self._thread.is_alive():
            self._jobs.put(None)
            self._thread.join()
        self.connection.close()

    def _write_in_groups(self) -> None:
        ended = False
        while not ended:
            job = self._jobs.get()
            if job is None:
                return
            if job.committed is None:
                time.sleep(GROUP_SECONDS)
                if self._jobs.qsize() >= MANY_JOBS:
                    time.sleep(LONGER_SECONDS)
            group = [job]
            while True:
                try:
                    job = self._jobs.get_nowait()
                except queue.Empty:
                    break
                if job is None:
                    ended = True
                    break
                group.append(job)
            self._commit(group)

    def _commit(self, group: list[WriteJob]) -> None:
        try:
            if self._error:
                raise self._error
            statements = [statement for job in group for statement in job.statements]
            rows = [row for job in group for row in job.rows]
            alone = is_one_statement(statements, rows)
            with self._lock, nullcontext() if alone else sqlite.transaction(self.connection):
                for sql, values in statements:
                    self.connection.execute(sql, values)
                journalled = self._insert(rows)
            for job in group:
                job.result = [next(journalled) for _ in job.rows]
        except Exception as error:  # whatever it is, nobody may wait for this thread for ever
            self._error = error if isinstance(error, JournalError) else journal_error(error, self._path)
            self._servers.clear()
        self._deliver(group)

    def _deliver(self, group: list[WriteJob]) -> None:
        waiting: dict[asyncio.AbstractEventLoop, list[WriteJob]] = {}
        for job in group:
            if job.journalled is not None:
                waiting.setdefault(job.journalled.get_loop(), []).append(job)
            if job.committed is not None:
                job.committed.set()
        for loop, jobs in waiting.items():
            try:
                loop.call_soon_threadsafe(_resolve, jobs, self._error)
            except RuntimeError:
                pass  # the loop is closed: nobody waits any more, and the rows are committed

    def _insert(self, rows: Sequence[JournalRow]) -> Iterator[JournalRow]:
        """What the journal holds under the key of each row: that row, unless another was first.

        Many rows a statement: each step of SQLite gives the other threads a turn, and has to wait for its
        own.
        """
        earlier: dict[bytes, JournalRow] = {}
        for start in range(0, len(rows), ROWS_A_STATEMENT):
            some = rows[start : start + ROWS_A_STATEMENT]
            values = [value for row in some for value in self._values(row)]
            sql = f"{INSERT} {', '.join([MARKS] * len(some))} ON CONFLICT (key) DO NOTHING"
            inserted = self.connection.execute(sql, values)
            if inserted.rowcount < len(some):
                keys = [row.key for row in some]
                sql = f"{SELECT} WHERE r.key IN ({', '.join('?' * len(keys))})"
                for fields in self.connection.execute(sql, keys).fetchall():
                    # the object that decompresses for readers serves one thread
                    earlier[fields[0]] = row_from(fields, zstandard.decompress)
            answered = [row.key for row in some if row.origin != "live"]
            if answered:
                sql = f"DELETE FROM parked WHERE key IN ({', '.join('?' * len(answered))})"
                self.connection.execute(sql, answered)
        return (earlier.get(row.key, row) for row in rows)

    def _values(self, row: JournalRow) -> tuple[object, ...]:
        return (
            row.key, row.status, row.endpoint, row.model, row.record, row.run, row.origin, self._server(row),
            row.parts, row.how, row.prompt_tokens, row.completion_tokens, row.cost, row.time, row.seconds,
            row.code, self._pack(row.reply), None if row.request is None else self._pack(row.request),
        )  # fmt: skip

    def _server(self, row: JournalRow) -> int:
        server = (row.backend, row.host, row.served_model, row.fingerprint)
        if server not in self._servers:
            self._servers[server] = server_number(self.connection, server)
        return self._servers[server]


def server_number(db: sqlite3.Connection, server: tuple[str, str, str, str]) -> int:
    """The number of a server (backend, host, model, fingerprint), which gets one if it has none."""
    db.execute(
        "INSERT OR IGNORE INTO servers (backend, host, model, fingerprint) VALUES (?, ?, ?, ?)", server
    )
    sql = "SELECT id FROM servers WHERE backend = ? AND host = ? AND model = ? AND fingerprint = ?"
    return db.execute(sql, server).fetchone()[0]


def is_one_statement(statements: Sequence[object], rows: Sequence[JournalRow]) -> bool:
    """Whether a commit is one statement, as most are: that is a transaction by itself, and gives the other
    threads four turns less.
    """
    return not statements and len(rows) <= ROWS_A_STATEMENT and all(row.origin == "live" for row in rows)


def _resolve(jobs: list[WriteJob], error: JournalError | None) -> None:
    for job in jobs:
        assert job.journalled is not None
        if job.journalled.done():
            continue
        if error:
            job.journalled.set_exception(error)
        else:
            job.journalled.set_result(job.result)


def journal_error(error: Exception, path: Path) -> JournalError:
    """An SQLite error as one line that says what to do."""
    text = str(error)
    if "full" in text or "No space left" in text:
        why = "the disk is full. Every reply that was returned is kept; make room and run again"
    elif "malformed" in text or "not a database" in text:
        why = (
            f"is damaged ({text}). `prefgen journal verify --repair --journal {path}` saves what can be "
            "read; the damaged file is kept"
        )
    elif "locked" in text or "busy" in text:
        why = f"another process has held the journal for over a minute ({text})"
    elif "readonly" in text or "unable to open" in text:
        why = f"cannot be written ({text})"
    else:
        why = text
    return JournalError(f"{path}: {why}")
