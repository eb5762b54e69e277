"""The call journal: every reply that was ever paid for, raw, under the key of what was asked.

SQLite in WAL mode with synchronous=FULL. One writer thread commits in groups of about 5 ms (10 where much comes in), so that an ask
returns only after its reply is on the disk and the cost of the disk is shared. The first reply under a key wins, in every task and process.
"""

import asyncio
import hashlib
import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import zstandard

from prefgen.errors import JournalError
from prefgen.types import Reply

APPLICATION_ID = 0x70726566  # "pref"
SQLITE_HEADER = b"SQLite format 3\0"
SCHEMA_VERSION = 1
GROUP_SECONDS = 0.004
LONGER_SECONDS = 0.005
"""Further seconds of a group where much comes in: half as many commits, each of which costs the event loop several turns."""
MANY_JOBS = 6
NETWORK_FILE_SYSTEMS = {
    "nfs",
    "nfs4",
    "cifs",
    "smb3",
    "smbfs",
    "lustre",
    "beegfs",
    "fuse.sshfs",
    "9p",
    "afs",
    "glusterfs",
}

SCHEMA = """
CREATE TABLE replies (
    id INTEGER PRIMARY KEY,
    key BLOB NOT NULL,
    status INTEGER NOT NULL,           -- 0 answered, 1 refused by the server
    endpoint TEXT NOT NULL,
    model TEXT NOT NULL,
    record TEXT,
    run TEXT NOT NULL,
    origin TEXT NOT NULL,              -- live, import, step
    server INTEGER NOT NULL REFERENCES servers(id),
    parts BLOB NOT NULL,
    how TEXT NOT NULL,                 -- what the server was made to do: n in one request, schema as text
    prompt_tokens INTEGER NOT NULL,
    completion_tokens INTEGER NOT NULL,
    cost INTEGER NOT NULL,             -- picodollars
    time REAL NOT NULL,
    seconds REAL NOT NULL,             -- from sending to the answer; 0 where nobody waited
    code TEXT,
    reply BLOB NOT NULL,               -- zstd
    request BLOB                       -- zstd; only where the request was refused
);
CREATE UNIQUE INDEX replies_key ON replies(key);
CREATE INDEX replies_run ON replies(run);
CREATE INDEX replies_record ON replies(record);
CREATE TABLE servers (id INTEGER PRIMARY KEY, backend TEXT, host TEXT, model TEXT, fingerprint TEXT,
                      UNIQUE (backend, host, model, fingerprint));
CREATE TABLE completed (record TEXT, identity TEXT, keys BLOB, PRIMARY KEY (record, identity)) WITHOUT ROWID;
CREATE TABLE parked (key BLOB PRIMARY KEY, endpoint TEXT, model TEXT, record TEXT, parts BLOB, backend TEXT, host TEXT,
                     request BLOB) WITHOUT ROWID;
CREATE TABLE possibly_billed (id INTEGER PRIMARY KEY, run TEXT, time REAL, cost INTEGER, tokens INTEGER, why TEXT);
"""


@dataclass(slots=True)
class JournalRow:
    """One journalled reply. `cost` is in picodollars, `time` in seconds since 1970, `reply` raw JSON."""

    key: bytes
    endpoint: str
    model: str
    record: str | None
    run: str
    backend: str
    host: str
    reply: bytes
    parts: bytes = b"\0" * 16
    status: int = 0
    origin: str = "live"
    served_model: str = ""
    fingerprint: str = ""
    how: str = ""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost: int = 0
    time: float = 0.0
    code: str | None = None
    request: bytes | None = None
    seconds: float = 0.0
    parsed: Reply | None = None
    """The reply, where it was read already; never stored."""


_SELECT = """SELECT r.key, r.endpoint, r.model, r.record, r.run, s.backend, s.host, r.reply, r.parts, r.status, r.origin, s.model,
s.fingerprint, r.how, r.prompt_tokens, r.completion_tokens, r.cost, r.time, r.code, r.request, r.seconds
FROM replies r JOIN servers s ON s.id = r.server"""
_INSERT = """INSERT INTO replies (key, status, endpoint, model, record, run, origin, server, parts, how, prompt_tokens, completion_tokens,
cost, time, seconds, code, reply, request) VALUES"""
_PLACES = f"({', '.join('?' * 18)})"
ROWS_AT_ONCE = 100
_FIND = """SELECT key, endpoint, model, record, run, server, reply, parts, status, origin, how, prompt_tokens, completion_tokens, cost, time,
code, request, seconds FROM replies"""
Found = tuple[Any, ...]
"""A line of `_FIND`."""


@dataclass(frozen=True, slots=True)
class CachedReplies:
    """What the journal held of a record when it was looked up: {key: what `Journal.read` takes}, and whether that is all."""

    rows: Mapping[bytes, Found]
    is_complete: bool


class Journal:
    """An open journal. Reading is synchronous and takes microseconds; `keep` returns after the commit."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir():
            raise JournalError(f"{path}: is a folder; a journal is a file")
        self.on_network = _file_system(path.parent) in NETWORK_FILE_SYSTEMS
        refuse_if_cut(path)
        try:
            self._write = self._connect()
            self._migrate()
            self._read = self._write if self.on_network else self._connect()
        except sqlite3.Error as wrong:
            raise journal_error(wrong, path) from wrong
        self._lock = threading.RLock() if self.on_network else _NoLock()
        self._pack = zstandard.ZstdCompressor(level=3)
        self._unpack = zstandard.ZstdDecompressor().decompress
        self._servers: dict[tuple[str, str, str, str], int] = {}
        self._known_servers: dict[int, tuple[str, str, str, str]] = {}
        self._todo: queue.SimpleQueue[_WriteJob | None] = queue.SimpleQueue()
        self._broken: JournalError | None = None
        self._completed: list[tuple[str, str, bytes]] = []
        self.sole_writer = True
        """Whether no other process has added replies since this one opened the file, as far as the last commit knew."""
        self._last_row = self.query("SELECT coalesce(max(id), 0) FROM replies")[0][0]
        self._writer = threading.Thread(target=self._write_in_groups, name="journal", daemon=True)
        self._writer.start()

    def _connect(self) -> sqlite3.Connection:
        db = sqlite3.connect(self.path, timeout=60, isolation_level=None, check_same_thread=False)
        if self.on_network:  # WAL needs shared memory, which no network file system gives
            db.execute("PRAGMA locking_mode=EXCLUSIVE")
            db.execute("PRAGMA journal_mode=TRUNCATE")
        else:
            _retry_locked(lambda: db.execute("PRAGMA journal_mode=WAL"))
        db.execute("PRAGMA synchronous=FULL")
        db.execute("PRAGMA secure_delete=ON")
        db.execute(
            "PRAGMA wal_autocheckpoint=4000"
        )  # 16 MB: pages that change again and again are copied once
        db.execute("PRAGMA cache_size=-8000")
        return db

    def _migrate(self) -> None:
        with _transaction(self._write):  # at one moment: another process may be making the same file
            application = self._write.execute("PRAGMA application_id").fetchone()[0]
            version = self._write.execute("PRAGMA user_version").fetchone()[0]
            tables = self._write.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        if application not in (0, APPLICATION_ID) or (application == 0 and tables):
            raise JournalError(f"{self.path}: is an SQLite file of another program, not a prefgen journal")
        if version > SCHEMA_VERSION:
            raise JournalError(
                f"{self.path}: was written by a newer prefgen (format {version}, this one reads {SCHEMA_VERSION})"
            )
        if version == 0:
            with _transaction(self._write):
                if self._write.execute("PRAGMA user_version").fetchone()[0] == 0:
                    for statement in SCHEMA.split(";\n"):
                        self._write.execute(statement)
                    self._write.execute(f"PRAGMA application_id={APPLICATION_ID}")
                    self._write.execute(f"PRAGMA user_version={SCHEMA_VERSION}")

    def find(self, key: bytes) -> JournalRow | None:
        """The reply under `key`, or None."""
        found = self.query(f"{_FIND} WHERE key = ?", (key,))
        return self.row_of(found[0]) if found else None

    def replies_for_records(self, records: Sequence[str], most: int = 64) -> list["CachedReplies"]:
        """What each of `records` was answered, whoever asked, up to `most` replies a record on average: one look instead of one a key."""
        limit = most * len(records)
        found = self.query(
            f"{_FIND} WHERE record IN ({', '.join('?' * len(records))}) LIMIT {limit}", records
        )
        rows: dict[str, dict[bytes, Found]] = {record: {} for record in records}
        for row in found:
            rows[row[3]][row[0]] = row
        return [CachedReplies(rows[record], is_complete=len(found) < limit) for record in records]

    def row_of(self, found: "Found") -> JournalRow:
        """The row that `of_records` found."""
        backend, host, model, fingerprint = self._server_of(found[5])
        return _row((*found[:5], backend, host, *found[6:10], model, fingerprint, *found[10:]), self._unpack)

    def _server_of(self, number: int) -> tuple[str, str, str, str]:
        if number not in self._known_servers:
            [self._known_servers[number]] = self.query(
                "SELECT backend, host, model, fingerprint FROM servers WHERE id = ?", (number,)
            )
        return self._known_servers[number]

    def rows(self, where: str = "1", values: Sequence[object] = ()) -> Iterator[JournalRow]:
        """Every row that matches an SQL condition on `r` (replies) and `s` (servers), oldest first."""
        try:
            for found in self._read.execute(f"{_SELECT} WHERE {where} ORDER BY r.id", values):
                yield _row(found, self._unpack)
        except sqlite3.Error as wrong:
            raise journal_error(wrong, self.path) from wrong

    def query(self, sql: str, values: Sequence[object] = ()) -> list[tuple]:
        """Read with SQL of one's own."""
        try:
            with self._lock:
                return self._read.execute(sql, values).fetchall()
        except sqlite3.Error as wrong:
            raise journal_error(wrong, self.path) from wrong

    def forget_refusals(self, run: str, model: str) -> None:
        """Forget what a server refused a run: it refused everything alike, and may not once the recipe is mended."""
        self._hand_over_completed()
        which = "run = ? AND model = ? AND status = 1"
        statements = (
            f"DELETE FROM completed WHERE record IN (SELECT record FROM replies WHERE {which})",
            f"DELETE FROM replies WHERE {which}",
        )
        self.sole_writer = False  # rows are no longer numbered without gaps
        self._put(_WriteJob(sql=[(sql, (run, model)) for sql in statements]))

    def commit(self, rows: Sequence[JournalRow]) -> "asyncio.Future[list[JournalRow]]":
        """Commit `rows` together; the future holds what the journal has under their keys: the first reply wins."""
        done: asyncio.Future[list[JournalRow]] = asyncio.get_running_loop().create_future()

        def kept(held: list[JournalRow], broken: JournalError | None) -> None:
            if done.done():
                return
            if broken:
                done.set_exception(broken)
            else:
                done.set_result(held)

        self.submit(rows, kept)
        return done

    def submit(self, rows: Sequence[JournalRow], kept: "OnCommitted") -> None:
        """Commit `rows` together; `kept` is called in this event loop with what the journal then holds, or with why it holds nothing."""
        loop = asyncio.get_running_loop()
        try:
            self._put(_WriteJob(rows=rows, loop=loop, kept=kept))
        except JournalError as broken:
            loop.call_soon(kept, [], broken)

    def stage_completed(self, record: str, identity: str, keys: bytes) -> None:
        """Remember that a record has passed a stage and the digest of the keys that it had asked by then."""
        self._completed.append((record, identity, keys))
        if len(self._completed) >= 128:
            self._hand_over_completed()

    def _hand_over_completed(self) -> None:
        rows, self._completed = self._completed, []
        if rows:  # one statement: each step of SQLite gives other threads a turn, and has to wait for its own
            sql = f"INSERT OR IGNORE INTO completed VALUES {', '.join(['(?, ?, ?)'] * len(rows))}"
            self._put(_WriteJob(sql=[(sql, tuple(value for row in rows for value in row))]))

    def completed_stages(self, record: str) -> frozenset[str]:
        """The identities of the stages that a record has passed, in any run."""
        return frozenset(
            row[0] for row in self.query("SELECT identity FROM completed WHERE record = ?", (record,))
        )

    def count_completed(self, records: Sequence[str], identity: str) -> int:
        """How many of these records have passed the stage of this identity, in any run."""
        sql = f"SELECT count(*) FROM completed WHERE record IN ({', '.join('?' * len(records))}) AND identity = ?"
        return self.query(sql, (*records, identity))[0][0]

    def asked_digest(self, records: Sequence[str], identities: Sequence[str]) -> str:
        """A digest of the keys that these records had asked when they passed these stages: which replies a dataset rests on."""
        self.flush()
        digest = hashlib.blake2b(digest_size=16)
        for start in range(0, len(records), ROWS_AT_ONCE):
            some = records[start : start + ROWS_AT_ONCE]
            which = f"record IN ({', '.join('?' * len(some))}) AND identity IN ({', '.join('?' * len(identities))})"
            passed: dict[str, list[bytes]] = {record: [] for record in some}
            for record, identity, keys in self.query(
                f"SELECT record, identity, keys FROM completed WHERE {which} ORDER BY identity",
                (*some, *identities),
            ):
                passed[record].append(record.encode() + identity.encode() + keys)
            for record in some:
                digest.update(b"".join(passed[record]))
        return digest.hexdigest()

    def park(self, row: JournalRow, request: bytes) -> None:
        """Keep a request that waits for its reply, so that an import knows what it answers."""
        packed = zstandard.compress(request)
        values = (row.key, row.endpoint, row.model, row.record, row.parts, row.backend, row.host, packed)
        self._put(_WriteJob(sql=[("INSERT OR REPLACE INTO parked VALUES (?, ?, ?, ?, ?, ?, ?, ?)", values)]))

    def possibly_billed(self, run: str, cost: int, tokens: int, why: str) -> None:
        """Count a request whose reply never came: the provider may have charged for it."""
        statement = "INSERT INTO possibly_billed (run, time, cost, tokens, why) VALUES (?, ?, ?, ?, ?)"
        self._put(_WriteJob(sql=[(statement, (run, time.time(), cost, tokens, why))]))

    def flush(self) -> None:
        """Wait until everything that was handed over is committed. Raises JournalError if a commit failed."""
        self._hand_over_completed()
        done = threading.Event()
        self._put(_WriteJob(event=done))
        while not done.wait(0.5):
            if not self._writer.is_alive():
                break
        if self._broken:
            raise self._broken

    def close(self) -> None:
        if self._writer.is_alive():
            if not self._broken:
                self._hand_over_completed()
            self._todo.put(None)
            self._writer.join()
        for db in {self._write, self._read}:
            db.close()

    @property
    def connection(self) -> sqlite3.Connection:
        """For maintenance (`prefgen cache`) only, while nothing is being kept."""
        self.flush()
        return self._write

    def _put(self, job: "_WriteJob") -> None:
        if self._broken:
            raise self._broken
        self._todo.put(job)

    def _write_in_groups(self) -> None:
        last = False
        while not last:
            job = self._todo.get()
            if job is None:
                return
            jobs = [job]
            if job.event is None:
                time.sleep(GROUP_SECONDS)
                if self._todo.qsize() >= MANY_JOBS:
                    time.sleep(LONGER_SECONDS)
            while True:
                try:
                    job = self._todo.get_nowait()
                except queue.Empty:
                    break
                if job is None:
                    last = True
                    break
                jobs.append(job)
            self._commit_jobs(jobs)

    def _commit_jobs(self, jobs: "list[_WriteJob]") -> None:
        try:
            if self._broken:
                raise self._broken
            statements = [statement for job in jobs for statement in job.sql]
            rows = [row for job in jobs for row in job.rows]
            with (
                self._lock,
                nullcontext() if _is_one_statement(statements, rows) else _transaction(self._write),
            ):
                for sql, values in statements:
                    self._write.execute(sql, values)
                held = self._insert(rows)
            for job in jobs:
                job.held = [next(held) for _ in job.rows]
        except Exception as wrong:  # whatever it is, nobody may wait for this thread for ever
            self._broken = wrong if isinstance(wrong, JournalError) else journal_error(wrong, self.path)
            self._servers.clear()
        by_loop: dict[asyncio.AbstractEventLoop, list[_WriteJob]] = {}
        for job in jobs:
            if job.loop is not None:
                by_loop.setdefault(job.loop, []).append(job)
            if job.event is not None:
                job.event.set()
        for loop, waiting in by_loop.items():
            try:
                loop.call_soon_threadsafe(_deliver, waiting, self._broken)
            except RuntimeError:
                pass  # the loop is closed: nobody waits any more, and the rows are kept

    def _insert(self, rows: Sequence[JournalRow]) -> Iterator[JournalRow]:
        """What the journal holds under the key of each row: that row, unless another was first.

        Many rows a statement: each step of SQLite gives the other threads a turn, and has to wait for its own.
        """
        earlier: dict[bytes, JournalRow] = {}
        for start in range(0, len(rows), ROWS_AT_ONCE):
            some = rows[start : start + ROWS_AT_ONCE]
            places = ", ".join([_PLACES] * len(some))
            values = [value for values in self._values(some) for value in values]
            inserted = self._write.execute(f"{_INSERT} {places} ON CONFLICT (key) DO NOTHING", values)
            self._see_others(inserted, len(some))
            if inserted.rowcount < len(some):
                keys = [row.key for row in some]
                for found in self._write.execute(
                    f"{_SELECT} WHERE r.key IN ({', '.join('?' * len(keys))})", keys
                ).fetchall():
                    earlier[found[0]] = _row(
                        found, zstandard.decompress
                    )  # the object that decompresses for readers serves one thread
            parked = [row.key for row in some if row.origin != "live"]
            if parked:
                self._write.execute(
                    f"DELETE FROM parked WHERE key IN ({', '.join('?' * len(parked))})", parked
                )
        return (earlier.get(row.key, row) for row in rows)

    def _values(self, rows: Sequence[JournalRow]) -> Iterator[tuple[object, ...]]:
        for row in rows:
            yield (
                row.key, row.status, row.endpoint, row.model, row.record, row.run, row.origin, self._server(row), row.parts, row.how,
                row.prompt_tokens, row.completion_tokens, row.cost, row.time, row.seconds, row.code, self._pack.compress(row.reply),
                None if row.request is None else self._pack.compress(row.request),
            )  # fmt: skip

    def _see_others(self, inserted: sqlite3.Cursor, wanted: int) -> None:
        """Rows are numbered one after the other: where one is there already, or a number is left out, somebody else was here."""
        if inserted.rowcount < wanted or inserted.lastrowid != self._last_row + wanted:
            self.sole_writer = False
        self._last_row = inserted.lastrowid or 0

    def _server(self, row: JournalRow) -> int:
        who = (row.backend, row.host, row.served_model, row.fingerprint)
        if who not in self._servers:
            self._write.execute(
                "INSERT OR IGNORE INTO servers (backend, host, model, fingerprint) VALUES (?, ?, ?, ?)", who
            )
            found = self._write.execute(
                "SELECT id FROM servers WHERE backend = ? AND host = ? AND model = ? AND fingerprint = ?", who
            ).fetchone()
            self._servers[who] = found[0]
        return self._servers[who]


OnCommitted = Callable[[list[JournalRow], JournalError | None], None]


@dataclass(slots=True)
class _WriteJob:
    rows: Sequence[JournalRow] = ()
    sql: Sequence[tuple[str, tuple]] = ()
    loop: asyncio.AbstractEventLoop | None = None
    kept: "OnCommitted | None" = None
    event: threading.Event | None = None
    held: list[JournalRow] = field(default_factory=list)


def _is_one_statement(statements: Sequence[object], rows: Sequence[JournalRow]) -> bool:
    """Whether a commit is one statement, as most are: that is a transaction by itself, and gives the other threads four turns less."""
    return not statements and len(rows) <= ROWS_AT_ONCE and all(row.origin == "live" for row in rows)


def _row(found: Found, unpack: Callable[[bytes], bytes]) -> JournalRow:
    row = JournalRow(*found)
    row.reply = unpack(row.reply)
    if row.request is not None:
        row.request = unpack(row.request)
    return row


def _deliver(jobs: list[_WriteJob], broken: JournalError | None) -> None:
    for job in jobs:
        assert job.kept is not None
        job.kept(job.held, broken)


@contextmanager
def _transaction(db: sqlite3.Connection) -> Generator[None]:
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


def _retry_locked(do: Callable[[], object], seconds: float = 60) -> None:
    """Do what SQLite does not wait for by itself (changing the journal mode) until no other process is in the way."""
    until = time.monotonic() + seconds
    while True:
        try:
            do()
            return
        except sqlite3.OperationalError as wrong:
            if "locked" not in str(wrong) or time.monotonic() > until:
                raise
            time.sleep(0.02)


class _NoLock:
    def __enter__(self) -> None: ...

    def __exit__(self, *_: object) -> None: ...


def journal_error(wrong: Exception, path: Path) -> JournalError:
    """An SQLite error as one line that says what to do."""
    text = str(wrong)
    if "full" in text:
        return JournalError(
            f"{path}: the disk is full. Every reply that was returned is kept; make room and run again"
        )
    if "malformed" in text or "not a database" in text:
        return JournalError(
            f"{path}: is damaged ({text}). `prefgen cache verify --repair --journal {path}` saves what can be read; the damaged file is kept"
        )
    if "locked" in text or "busy" in text:
        return JournalError(f"{path}: another process has held the journal for over a minute ({text})")
    if "readonly" in text or "unable to open" in text:
        return JournalError(f"{path}: cannot be written ({text})")
    return JournalError(f"{path}: {text}")


def refuse_other_kinds(path: Path) -> None:
    """Raise JournalError for a file that is no SQLite file, nor the beginning of one."""
    with path.open("rb") as file:
        head = file.read(len(SQLITE_HEADER))
    if not SQLITE_HEADER.startswith(head):
        why = "is no journal, nor any other SQLite file, and is left as it is. Name the journal with --journal (default: runs/calls.sqlite)"
        raise JournalError(f"{path}: {why}")


def refuse_if_cut(path: Path) -> None:
    """Raise JournalError when the file is of another kind, or shorter than its own header says (a copy or a disk that lost its end)."""
    try:
        with path.open("rb") as file:
            head = file.read(100)
            file.seek(0, 2)
            size = file.tell()
    except FileNotFoundError:
        return
    if size == 0:
        return
    page = int.from_bytes(head[16:18], "big") if len(head) == 100 else 0
    page = 65536 if page == 1 else page
    pages = int.from_bytes(head[28:32], "big") if len(head) == 100 else 0
    refuse_other_kinds(path)
    if len(head) < 100:
        raise journal_error(sqlite3.DatabaseError("file is not a database"), path)
    wal = path.with_name(path.name + "-wal")
    if wal.exists() and wal.stat().st_size:
        return  # a checkpoint that was cut short leaves the pages there, and SQLite finishes it
    if page and size < page * pages and head[24:28] == head[92:96]:
        raise journal_error(
            sqlite3.DatabaseError(f"malformed: {size} of {page * pages} bytes are there"), path
        )


def _file_system(folder: Path) -> str:
    """The type of the file system that holds `folder`, by the longest mount point; empty where that cannot be told."""
    try:
        mounts = [line.split()[1:3] for line in Path("/proc/mounts").read_text().splitlines()]
    except OSError:
        return ""
    resolved = str(folder.resolve())
    best = max(
        (m for m in mounts if resolved == m[0] or resolved.startswith(m[0].rstrip("/") + "/")),
        key=lambda m: len(m[0]),
        default=None,
    )
    return best[1] if best else ""
