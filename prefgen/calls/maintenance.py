"""Looking after a journal: what is in it, erasing, verifying, saving what can be read."""

import hashlib
import json
import sqlite3
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import zstandard

from prefgen.calls.budget import dollars
from prefgen.calls.journal import Journal
from prefgen.calls.journal_tables import refuse_other_kinds
from prefgen.calls.journal_writer import server_number
from prefgen.errors import JournalError, RecipeError
from prefgen.storage import sqlite

OVERVIEW = """SELECT r.model AS model, s.backend AS backend, s.host AS host, r.run AS run, r.status AS status,
count(*) AS replies, sum(r.prompt_tokens) AS prompt_tokens, sum(r.completion_tokens) AS completion_tokens,
sum(r.cost) AS cost, min(r.time) AS first,
max(r.time) AS last FROM replies r JOIN servers s ON s.id = r.server GROUP BY 1, 2, 3, 4, 5 ORDER BY 10"""
OVERVIEW_COLUMNS = (
    "model", "backend", "host", "run", "status", "replies", "prompt_tokens", "completion_tokens", "cost",
    "first", "last",
)  # fmt: skip


def overview(journal: Journal) -> list[dict[str, Any]]:
    """Replies, tokens and money by model, server and run."""
    rows = [dict(zip(OVERVIEW_COLUMNS, row, strict=True)) for row in journal.query(OVERVIEW)]
    return [{**row, "cost": dollars(row["cost"])} for row in rows]


def remove(
    journal: Journal, *, record: str | None = None, run: str | None = None, before: str | None = None
) -> int:
    """Erase replies for good (the space is overwritten); returns how many. `before` is an ISO date."""
    conditions: list[str] = []
    values: list[Any] = []
    for column, value in (("record", record), ("run", run)):
        if value is not None:
            conditions.append(f"{column} GLOB ?")
            values.append(f"{_id_prefix(value)}*")
    if before is not None:
        conditions.append("time < ?")
        values.append(_timestamp(before))
    if not conditions:
        raise RecipeError("say what to erase: --record, --run or --before")
    where = " AND ".join(conditions)
    db = journal.connection
    with sqlite.transaction(db):
        db.execute(
            f"DELETE FROM completed WHERE record IN (SELECT record FROM replies WHERE {where})", values
        )
        count = db.execute(f"DELETE FROM replies WHERE {where}", values).rowcount
        if record is not None and run is None and before is None:
            db.execute("DELETE FROM parked WHERE record GLOB ?", (f"{_id_prefix(record)}*",))
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return count


def _id_prefix(prefix: str) -> str:
    if not prefix or not all(c in "0123456789abcdef" for c in prefix):
        raise RecipeError(f"an id is hexadecimal digits, found {prefix!r}")
    return prefix


def _timestamp(date: str) -> float:
    from datetime import UTC, datetime

    try:
        moment = datetime.fromisoformat(date)
    except ValueError:
        raise RecipeError(f"--before wants an ISO date such as 2026-01-31, found {date!r}") from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def compact(journal: Journal) -> tuple[int, int]:
    """Give unused space back; returns the size in bytes before and after."""
    before = journal.path.stat().st_size
    db = journal.connection
    db.execute("DELETE FROM servers WHERE id NOT IN (SELECT server FROM replies)")
    db.execute("DELETE FROM parked WHERE key IN (SELECT key FROM replies)")
    db.execute("VACUUM")
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return before, journal.path.stat().st_size


@dataclass
class Verified:
    """What a look at every row found."""

    rows: int = 0
    unreadable: int = 0
    problems: tuple[str, ...] = ()


def verify(journal: Journal) -> Verified:
    """Read every reply and let SQLite check its pages."""
    rows = unreadable = 0
    problems = [str(p) for (p,) in journal.query("PRAGMA integrity_check(10)") if p != "ok"]
    unpack = zstandard.ZstdDecompressor().decompress
    for key, packed in journal.connection.execute("SELECT key, reply FROM replies"):
        rows += 1
        try:
            json.loads(unpack(packed))
        except (zstandard.ZstdError, ValueError):
            unreadable += 1
            if len(problems) < 10:
                problems.append(f"reply {key.hex()} cannot be read")
    return Verified(rows, unreadable, tuple(problems))


def repair(path: Path) -> tuple[int, Path]:
    """Save every reply that can still be read into a new journal; the damaged file is kept beside it.

    Returns the number of saved replies and where the damaged file is now.
    """
    if not path.is_file():
        raise JournalError(f"{path}: there is no such journal")
    refuse_other_kinds(path)
    damaged = path.with_name(f"{path.name}.damaged-{time.strftime('%Y%m%d-%H%M%S')}")
    for source, target in zip(sqlite.companion_files(path), sqlite.companion_files(damaged), strict=True):
        if source.exists():
            source.rename(target)
    fresh = Journal(path)
    saved = 0
    try:
        db = fresh.connection
        for row in _readable_rows(damaged):
            if not (
                isinstance(row["reply"], bytes) and isinstance(row["key"], bytes) and len(row["key"]) == 16
            ):
                continue
            try:
                json.loads(zstandard.decompress(row["reply"]))
            except (zstandard.ZstdError, ValueError):
                continue
            saved += _insert_row(db, row)
        _save_batches(damaged, db)
    finally:
        fresh.close()
    return saved, damaged


def _save_batches(damaged: Path, db: sqlite3.Connection) -> None:
    """Save which batches are under way, and the requests that wait in them, as far as they can be read: what
    is not known of any more would be bought again.
    """
    source = sqlite3.connect(damaged)
    for table in ("parked", "batches", "batch_lines", "batch_inputs"):
        try:
            for row in source.execute(f"SELECT * FROM {table}"):
                db.execute(f"INSERT OR IGNORE INTO {table} VALUES ({', '.join('?' * len(row))})", row)
        except (
            sqlite3.DatabaseError
        ):  # the rest of it cannot be read, or an earlier version has no such table
            continue
    source.close()


def _insert_row(db: sqlite3.Connection, row: Mapping[str, Any]) -> int:
    server = (
        row["backend"] or "unknown",
        row["host"] or "unknown",
        row["served_model"] or "",
        row["fingerprint"] or "",
    )
    number = server_number(db, server)
    columns = [c for c in row if c not in ("backend", "host", "served_model", "fingerprint", "id")]
    marks = ", ".join("?" for _ in columns)
    values = [number if c == "server" else row[c] for c in columns]
    return db.execute(
        f"INSERT OR IGNORE INTO replies ({', '.join(columns)}) VALUES ({marks})", values
    ).rowcount


def _readable_rows(path: Path) -> Iterator[dict[str, Any]]:
    """Rows by their number, stepping over what cannot be read: SQLite finds a row by walking pages, and only
    some are gone.
    """
    db = sqlite3.connect(path)
    db.row_factory = sqlite3.Row
    db.execute("PRAGMA writable_schema=ON")
    try:
        servers = {row["id"]: dict(row) for row in db.execute("SELECT * FROM servers")}
    except sqlite3.DatabaseError:
        servers = {}
    last = _last_row(db)
    spans = [(1, last + 1)] if last else []
    while spans:
        low, high = spans.pop()
        try:
            rows = [
                dict(row) for row in db.execute("SELECT * FROM replies WHERE id >= ? AND id < ?", (low, high))
            ]
        except sqlite3.DatabaseError:
            middle = (low + high) // 2
            if high - low > 1:
                spans += [(middle, high), (low, middle)]
            continue
        for row in rows:
            server = servers.get(row["server"], {})
            yield {
                **row,
                "backend": server.get("backend"),
                "host": server.get("host"),
                "served_model": server.get("model"),
                "fingerprint": server.get("fingerprint"),
            }
    db.close()


def _last_row(db: sqlite3.Connection) -> int:
    """A bound on the row numbers, by doubling where the end of the table cannot be read."""
    try:
        last = db.execute("SELECT max(id) FROM replies").fetchone()[0]
        if last:
            return int(last)
    except sqlite3.DatabaseError:
        pass
    try:
        pages = db.execute("PRAGMA page_count").fetchone()[0]
    except sqlite3.DatabaseError:
        return 0
    return int(pages) * 64  # a row takes over 64 bytes of a 4,096-byte page


def digest(journal: Journal) -> str:
    """A digest of every key and reply, whatever the order in which they came."""
    total = 0
    for row in journal.rows():
        total ^= int.from_bytes(hashlib.blake2b(row.key + row.reply, digest_size=16).digest(), "big")
    return f"{total:032x}"
