"""A journalled reply as a value, and the SQL that reads it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from prefgen.types import Reply

ROWS_A_STATEMENT = 100
StoredRow = tuple[Any, ...]
"""A line of `SELECT_STORED`: its server by number, its reply packed."""
SELECT = """SELECT r.key, r.endpoint, r.model, r.record, r.run, s.backend, s.host, r.reply, r.parts, r.status,
r.origin, s.model,
s.fingerprint, r.how, r.prompt_tokens, r.completion_tokens, r.cost, r.time, r.code, r.request, r.seconds
FROM replies r JOIN servers s ON s.id = r.server"""
SELECT_STORED = """SELECT key, endpoint, model, record, run, server, reply, parts, status, origin, how,
prompt_tokens,
completion_tokens, cost, time, code, request, seconds FROM replies"""


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


def row_from(fields: tuple[Any, ...], unpack: Callable[[bytes], bytes]) -> JournalRow:
    """The row of a line of `SELECT`."""
    row = JournalRow(*fields)
    row.reply = unpack(row.reply)
    if row.request is not None:
        row.request = unpack(row.request)
    return row
