"""Which batches are under way, as the journal's database holds it, so that a run that was killed finds them
again and no request is in two of them.

A batch is written down before its provider hears of it: `gathering` (its requests are reserved for it),
`intended` (they are its own), `creating` (from here on it may exist), then whatever its provider says. It is
open until its replies are in the journal.
"""

import hashlib
import sqlite3
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prefgen.calls.budget import Price
from prefgen.calls.journal import Journal
from prefgen.storage import sqlite
from prefgen.transport.batches import ProviderBatch

GATHERING, INTENDED, CREATING = "gathering", "intended", "creating"
TOKEN_LIMIT = "token_limit_exceeded"
"""What OpenAI says where more tokens wait in batches than an account may have there: no line is to blame."""
LINES_A_STATEMENT = 100
FIELDS = (
    "intent", "run", "host", "model", "endpoint", "digest", "state", "id", "requests", "completed", "failed",
    "made", "submitted", "looked", "closed", "why", "price_input", "price_output", "price_cached",
)  # fmt: skip


@dataclass(frozen=True)
class Batch:
    """A batch as it stands in the ledger. Times are seconds since 1970; `id` is the provider's."""

    intent: str
    run: str
    host: str
    model: str
    endpoint: str
    digest: str
    state: str
    id: str | None
    requests: int
    completed: int
    failed: int
    made: float
    submitted: float | None
    looked: float | None
    closed: float | None
    why: str
    price: Price

    @property
    def lock(self) -> bytes:
        """What a run claims that is at work on it."""
        return bytes.fromhex(self.intent)

    @property
    def metadata(self) -> Mapping[str, str]:
        """What its provider is told. A later batch of the same requests has the same digest, and another
        intent.
        """
        return {"prefgen_run": self.run, "prefgen_digest": self.digest, "prefgen_intent": self.intent}


@dataclass(frozen=True)
class BatchLine:
    """A request in a batch, and what is reserved for it (picodollars and tokens)."""

    key: bytes
    cost: int
    tokens: int


@dataclass(frozen=True)
class LineOutcome:
    """What became of a request in a batch: answered, refused, failed (and counted), or left (asked again as
    if it had never been in it).
    """

    key: bytes
    outcome: str
    why: str = ""


def waiting_batch(journal: Journal, key: bytes) -> str | None:
    """The intent of the batch in which the request under `key` waits, if it does."""
    found = journal.query("SELECT batch FROM batch_lines WHERE key = ? AND outcome IS NULL", (key,))
    return found[0][0] if found else None


def read_batches(path: Path, run: str) -> list[Batch]:
    """The batches of a run, the oldest first, without opening its journal to write; none where that cannot be
    read.
    """
    try:
        db = sqlite.open_for_reading(path)
        try:
            sql = f"SELECT {', '.join(FIELDS)} FROM batches WHERE run = ? ORDER BY made, intent"
            return [batch_of(row) for row in db.execute(sql, (run,))]
        finally:
            db.close()
    except sqlite3.Error:  # a journal of an earlier version has no such table
        return []


class BatchLedger:
    """The batches of a journal."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    def open_batches(self, run: str | None = None) -> list[Batch]:
        """Those whose replies are still to come, of one run or of all, the oldest first."""
        return [batch for batch in self.batches(run) if batch.closed is None]

    def batches(self, run: str | None = None) -> list[Batch]:
        where, values = ("WHERE run = ?", (run,)) if run is not None else ("", ())
        sql = f"SELECT {', '.join(FIELDS)} FROM batches {where} ORDER BY made, intent"
        return [batch_of(row) for row in self._journal.query(sql, values)]

    def lines(self, intent: str) -> list[BatchLine]:
        """The requests of a batch of which nothing is known yet."""
        sql = "SELECT key, cost, tokens FROM batch_lines WHERE batch = ? AND outcome IS NULL ORDER BY place"
        return [BatchLine(*row) for row in self._journal.query(sql, (intent,))]

    def failures(self, key: bytes) -> int:
        """In how many batches a request has failed."""
        sql = "SELECT count(*) FROM batch_lines WHERE key = ? AND outcome = 'failed'"
        return self._journal.query(sql, (key,))[0][0]

    def reserved(self, run: str) -> tuple[int, int]:
        """(picodollars, tokens) that the open batches of a run may take."""
        sql = (
            "SELECT coalesce(sum(l.cost), 0), coalesce(sum(l.tokens), 0) FROM batch_lines l JOIN batches b "
            "ON b.intent = l.batch WHERE b.run = ? AND l.outcome IS NULL"
        )
        [(cost, tokens)] = self._journal.query(sql, (run,))
        return cost, tokens

    def gather(self, batch: Batch, lines: Sequence[BatchLine]) -> list[BatchLine]:
        """Reserve requests for a batch; returns those that wait in no other."""
        price = (batch.price.input, batch.price.output, batch.price.cached)
        values = (
            batch.intent, batch.run, batch.host, batch.model, batch.endpoint, "", GATHERING, None, len(lines),
            0, 0, batch.made, None, None, None, "", *price,
        )  # fmt: skip
        marks = ", ".join("?" * len(FIELDS))
        statements: list[tuple[str, tuple[object, ...]]] = [
            (f"INSERT INTO batches ({', '.join(FIELDS)}) VALUES ({marks})", values)
        ]
        for start in range(0, len(lines), LINES_A_STATEMENT):
            some = lines[start : start + LINES_A_STATEMENT]
            rows = ", ".join(["(?, ?, ?, ?, ?)"] * len(some))
            of_lines = [
                value
                for place, line in enumerate(some, start)
                for value in (batch.intent, place, line.key, line.cost, line.tokens)
            ]
            sql = f"INSERT OR IGNORE INTO batch_lines (batch, place, key, cost, tokens) VALUES {rows}"
            statements.append((sql, tuple(of_lines)))
        self._journal.execute(statements)
        return self.lines(batch.intent)

    def intend(self, intent: str, kept: Sequence[BatchLine], withdrawn: Iterable[bytes]) -> Batch:
        """Make a batch of what was gathered, but for what was withdrawn."""
        tries = (f"{line.key.hex()} {self.failures(line.key)}" for line in kept)
        digest = hashlib.blake2b("\n".join(sorted(tries)).encode(), digest_size=16).hexdigest()
        sql = "DELETE FROM batch_lines WHERE batch = ? AND key = ?"
        self._journal.execute(
            [
                *((sql, (intent, key)) for key in withdrawn),
                (
                    "UPDATE batches SET state = ?, digest = ?, requests = ? WHERE intent = ?",
                    (INTENDED, digest, len(kept), intent),
                ),
            ]
        )
        return self.batch(intent)

    def batch(self, intent: str) -> Batch:
        """Raises KeyError for one that another run has dropped."""
        sql = f"SELECT {', '.join(FIELDS)} FROM batches WHERE intent = ?"
        rows = self._journal.query(sql, (intent,))
        if not rows:
            raise KeyError(intent)
        return batch_of(rows[0])

    def largest_within_limit(self, host: str, model: str, since: float) -> int | None:
        """Half as many requests as the smallest batch of a model that was refused since then for its tokens;
        None where none was.
        """
        sql = (
            "SELECT min(requests) FROM batches WHERE host = ? AND model = ? AND closed > ? "
            "AND state = 'failed' AND instr(why, ?)"
        )
        [(requests,)] = self._journal.query(sql, (host, model, since, TOKEN_LIMIT))
        return None if requests is None else max(1, requests // 2)

    def creating(self, intent: str, input_file: str) -> None:
        """Note that its provider is asked for it now, with this file of requests."""
        sql = "UPDATE batches SET state = ?, submitted = ? WHERE intent = ?"
        self._journal.execute(
            [
                ("INSERT OR REPLACE INTO batch_inputs (batch, file) VALUES (?, ?)", (intent, input_file)),
                (sql, (CREATING, time.time(), intent)),
            ]
        )

    def found_by(self, batch: Batch) -> tuple[Mapping[str, str], str | None]:
        """The metadata and the file of requests by which its provider's list tells a batch; one that an
        earlier version asked for has neither an intent nor its file written down.
        """
        rows = self._journal.query("SELECT file FROM batch_inputs WHERE batch = ?", (batch.intent,))
        if rows:
            return {"prefgen_intent": batch.intent}, rows[0][0]
        return {"prefgen_run": batch.run, "prefgen_digest": batch.digest}, None

    def others(self, intent: str) -> set[str]:
        """The provider's ids of all batches but one."""
        sql = "SELECT id FROM batches WHERE intent != ? AND id IS NOT NULL"
        return {batch_id for (batch_id,) in self._journal.query(sql, (intent,))}

    def drop(self, intent: str) -> None:
        """Forget a batch that its provider has never heard of: its requests are free again."""
        self._journal.execute(
            [
                ("DELETE FROM batch_lines WHERE batch = ?", (intent,)),
                ("DELETE FROM batch_inputs WHERE batch = ?", (intent,)),
                ("DELETE FROM batches WHERE intent = ?", (intent,)),
            ]
        )

    def note(self, intent: str, seen: ProviderBatch) -> Batch:
        """Note what its provider says of it."""
        sql = (
            "UPDATE batches SET id = ?, state = ?, completed = ?, failed = ?, looked = ?, why = ? "
            "WHERE intent = ?"
        )
        values = (seen.id, seen.state, seen.completed, seen.failed, time.time(), seen.problem, intent)
        self._journal.execute([(sql, values)])
        return self.batch(intent)

    def close(self, intent: str, outcomes: Sequence[LineOutcome]) -> None:
        """Note what became of each request: what was answered is in the journal."""
        sql = "UPDATE batch_lines SET outcome = ?, why = ? WHERE batch = ? AND key = ?"
        self._journal.execute(
            [
                *((sql, (one.outcome, one.why, intent, one.key)) for one in outcomes),
                ("UPDATE batches SET closed = ? WHERE intent = ?", (time.time(), intent)),
            ]
        )


def batch_of(row: Sequence[Any]) -> Batch:
    """The batch of a line of `SELECT FIELDS`."""
    fields: dict[str, Any] = dict(zip(FIELDS, row, strict=True))
    price = Price(*(fields.pop(f"price_{kind}") for kind in ("input", "output", "cached")))
    return Batch(**fields, price=price)
