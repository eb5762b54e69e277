"""Looking after a journal: what is in it, erasing, verifying, saving what can be read, and batch files in and out."""

import hashlib
import json
import sqlite3
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import zstandard

from prefgen.calls.budget import dollars
from prefgen.calls.journal import Journal, JournalRow, refuse_other_kinds
from prefgen.errors import JournalError, RecipeError, RequestFailed
from prefgen.roles import ModelRequest
from prefgen.storage.atomic_write import atomic_write
from prefgen.transport.openai_protocol import read_responses, reply_of


def overview(journal: Journal) -> list[dict[str, Any]]:
    """Replies, tokens and money by model, server and run."""
    found = journal.query(
        """SELECT r.model, s.backend, s.host, r.run, r.status, count(*), sum(r.prompt_tokens), sum(r.completion_tokens), sum(r.cost),
        min(r.time), max(r.time) FROM replies r JOIN servers s ON s.id = r.server GROUP BY 1, 2, 3, 4, 5 ORDER BY 10"""
    )
    names = (
        "model",
        "backend",
        "host",
        "run",
        "status",
        "replies",
        "prompt_tokens",
        "completion_tokens",
        "cost",
        "first",
        "last",
    )
    return [{**dict(zip(names, row, strict=True)), "cost": dollars(row[8])} for row in found]


def remove(
    journal: Journal, *, record: str | None = None, run: str | None = None, before: str | None = None
) -> int:
    """Erase replies for good (the space is overwritten); returns how many. `before` is an ISO date."""
    conditions: list[str] = []
    values: list[Any] = []
    for column, value in (("record", record), ("run", run)):
        if value is not None:
            conditions.append(f"{column} GLOB ?")
            values.append(f"{_plain(value)}*")
    if before is not None:
        conditions.append("time < ?")
        values.append(_seconds(before))
    if not conditions:
        raise RecipeError("say what to erase: --record, --run or --before")
    where = " AND ".join(conditions)
    db = journal.connection
    db.execute("BEGIN IMMEDIATE")
    db.execute(f"DELETE FROM completed WHERE record IN (SELECT record FROM replies WHERE {where})", values)
    count = db.execute(f"DELETE FROM replies WHERE {where}", values).rowcount
    if record is not None and run is None and before is None:
        db.execute("DELETE FROM parked WHERE record GLOB ?", (f"{_plain(record)}*",))
    db.execute("COMMIT")
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return count


def _plain(prefix: str) -> str:
    if not prefix or not all(c in "0123456789abcdef" for c in prefix):
        raise RecipeError(f"an id is hexadecimal digits, found {prefix!r}")
    return prefix


def _seconds(date: str) -> float:
    from datetime import UTC, datetime

    try:
        found = datetime.fromisoformat(date)
    except ValueError:
        raise RecipeError(f"--before wants an ISO date such as 2026-01-31, found {date!r}") from None
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()


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
    for suffix in ("", "-wal", "-shm"):
        source = path.with_name(path.name + suffix)
        if source.exists():
            source.rename(damaged.with_name(damaged.name + suffix))
    fresh = Journal(path)
    saved = 0
    try:
        db = fresh.connection
        for row in _salvaged(damaged):
            if not (
                isinstance(row["reply"], bytes) and isinstance(row["key"], bytes) and len(row["key"]) == 16
            ):
                continue
            try:
                json.loads(zstandard.decompress(row["reply"]))
            except (zstandard.ZstdError, ValueError):
                continue
            saved += _copy(db, row)
    finally:
        fresh.close()
    return saved, damaged


def _copy(db: sqlite3.Connection, row: Mapping[str, Any]) -> int:
    server = (
        row["backend"] or "unknown",
        row["host"] or "unknown",
        row["served_model"] or "",
        row["fingerprint"] or "",
    )
    db.execute(
        "INSERT OR IGNORE INTO servers (backend, host, model, fingerprint) VALUES (?, ?, ?, ?)", server
    )
    [server_id] = db.execute(
        "SELECT id FROM servers WHERE backend = ? AND host = ? AND model = ? AND fingerprint = ?", server
    ).fetchone()
    columns = [c for c in row if c not in ("backend", "host", "served_model", "fingerprint", "id")]
    marks = ", ".join("?" for _ in columns)
    values = [server_id if c == "server" else row[c] for c in columns]
    return db.execute(
        f"INSERT OR IGNORE INTO replies ({', '.join(columns)}) VALUES ({marks})", values
    ).rowcount


def _salvaged(path: Path) -> Iterator[dict[str, Any]]:
    """Rows by their number, stepping over what cannot be read: SQLite finds a row by walking pages, and only some are gone."""
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
        found = db.execute("SELECT max(id) FROM replies").fetchone()[0]
        if found:
            return int(found)
    except sqlite3.DatabaseError:
        pass
    try:
        pages = db.execute("PRAGMA page_count").fetchone()[0]
    except sqlite3.DatabaseError:
        return 0
    return int(pages) * 64  # a row takes over 64 bytes of a 4,096-byte page


def export_batch(journal: Journal, out: Path) -> int:
    """Write every answered reply as a line of the OpenAI batch output format, under its key; returns how many."""
    count = 0
    with atomic_write(out) as part, part.open("wb") as file:
        for row in journal.rows("r.origin != 'step'"):
            body = orjson.loads(row.reply)
            status = 400 if row.status else 200
            line = {
                "id": f"prefgen_{row.key.hex()[:16]}",
                "custom_id": row.key.hex(),
                "response": {"status_code": status, "body": body},
                "error": None,
            }
            line["prefgen"] = {
                "endpoint": row.endpoint, "model": row.model, "record": row.record, "parts": row.parts.hex(), "backend": row.backend,
                "host": row.host, "served_model": row.served_model, "fingerprint": row.fingerprint, "time": row.time, "cost": row.cost,
                "code": row.code,
            }  # fmt: skip
            file.write(orjson.dumps(line) + b"\n")
            count += 1
    return count


@dataclass
class Imported:
    """What an import did. `refused` are replies that say the request failed for good; `failed` will be asked again."""

    kept: int = 0
    known: int = 0
    refused: int = 0
    failed: int = 0
    strange: int = 0


async def import_batch(journal: Journal, path: Path, *, run: str = "import") -> Imported:
    """Keep the replies of a batch output file under their keys (`custom_id`). Lines that are no answer are counted and left out.

    Raises RecipeError with the line's number for a file that is no batch output.
    """
    done = Imported()
    rows: list[JournalRow] = []
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            row = _imported(line, f"{path}:{number}", journal, run, done)
            if row is not None:
                rows.append(row)
            if len(rows) >= 500:
                await _keep(journal, rows, done)
                rows = []
    await _keep(journal, rows, done)
    return done


async def _keep(journal: Journal, rows: list[JournalRow], done: Imported) -> None:
    known = [row for row in rows if journal.find(row.key)]
    done.known += len(known)
    fresh = [row for row in rows if row not in known]
    if fresh:
        await journal.commit(fresh)
    done.kept += sum(not row.status for row in fresh)


def _imported(line: bytes, where: str, journal: Journal, run: str, done: Imported) -> JournalRow | None:
    try:
        found = orjson.loads(line)
        key = bytes.fromhex(found["custom_id"])
        response = found.get("response") or {}
        status, body = response.get("status_code"), response.get("body")
    except (orjson.JSONDecodeError, KeyError, ValueError, TypeError, AttributeError) as wrong:
        raise RecipeError(
            f"not a line of a batch output file with prefgen's custom_id ({type(wrong).__name__}: {wrong})",
            where,
        ) from None
    if len(key) != 16:
        raise RecipeError(f"custom_id {found['custom_id']!r} is no key of prefgen", where)
    parked = journal.query(
        "SELECT endpoint, model, record, parts, backend, host FROM parked WHERE key = ?", (key,)
    )
    ours = found.get("prefgen")
    if parked:
        endpoint, model, record, parts, backend, host = parked[0]
    elif isinstance(ours, dict):
        endpoint, model, record = ours["endpoint"], ours["model"], ours["record"]
        parts, backend, host = bytes.fromhex(ours["parts"]), ours["backend"], ours["host"]
    else:
        done.strange += 1
        return None
    row = JournalRow(
        key=key, endpoint=endpoint, model=model, record=record, run=run, backend=backend, host=host, reply=b"", parts=parts, origin="import",
        time=float(ours["time"]) if isinstance(ours, dict) else time.time(), cost=int(ours.get("cost", 0)) if isinstance(ours, dict) else 0,
    )  # fmt: skip
    if status == 200 and isinstance(body, dict):
        return _answered(row, body, done)
    if status in (400, 413, 422):
        error = body.get("error", body) if isinstance(body, dict) else {"message": str(body)}
        row.status, row.code = (
            1,
            str((ours or {}).get("code") or (error.get("code") if isinstance(error, dict) else "") or status),
        )
        row.reply = orjson.dumps(
            {"error": str(error.get("message") if isinstance(error, dict) else error), "code": row.code}
        )
        done.refused += 1
        return row
    done.failed += 1
    return None


def _answered(row: JournalRow, body: dict[str, Any], done: Imported) -> JournalRow | None:
    raw = orjson.dumps(body)
    try:
        read_responses(raw, ModelRequest(row.endpoint, row.model))
        usage = reply_of(body, row.endpoint).usage
    except (RequestFailed, KeyError, TypeError, ValueError, IndexError):
        done.failed += 1
        return None
    row.reply = raw
    row.served_model, row.fingerprint = (
        str(body.get("model") or ""),
        str(body.get("system_fingerprint") or ""),
    )
    row.prompt_tokens, row.completion_tokens = usage.prompt_tokens, usage.completion_tokens
    return row


def digest(journal: Journal) -> str:
    """A digest of every key and reply, whatever the order in which they came."""
    total = 0
    for row in journal.rows():
        total ^= int.from_bytes(hashlib.blake2b(row.key + row.reply, digest_size=16).digest(), "big")
    return f"{total:032x}"
