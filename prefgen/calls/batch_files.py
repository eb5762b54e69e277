"""Requests and replies as lines of the OpenAI batch format, each under its key: written, answered elsewhere,
read back.
"""

import gzip
import json
import re
import time
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from prefgen.calls.journal import Journal
from prefgen.calls.key import Key
from prefgen.calls.rows import JournalRow
from prefgen.errors import RecipeError, RequestFailed
from prefgen.storage.atomic_write import atomic_write
from prefgen.transport.batches import MOST_BYTES, MOST_REQUESTS
from prefgen.transport.openai_protocol import request_body, route
from prefgen.transport.openai_replies import read_responses, reply_of
from prefgen.transport.request import ConnectedModel, ModelHooks, ModelRequest

KEY_BYTES = 16
LINES_A_COMMIT = 500
REFUSED_STATUS = (400, 413, 422)


def request_line(key: Key, model: ConnectedModel, request: ModelRequest) -> bytes:
    """A request as one line, under its key as `custom_id`; in the words of its server's protocol."""
    body = model.body(request) if isinstance(model, ModelHooks) else None
    if body is None:
        seed = request.seeds[0]
        body = request_body(request, {"seed": seed} if seed is not None else {})
    line = {"custom_id": key.hex, "method": "POST", "url": f"/v1/{route(request.endpoint)}", "body": body}
    return json.dumps(line).encode()


def export_requests(
    journal: Journal, keys: Sequence[bytes], out: Path, requests_a_file: int | None = None
) -> dict[Path, int]:
    """Write the requests that wait under `keys`, a model and an endpoint a file, and each as large as
    providers take it; returns how many are in each. Where there is more than one file, their names say which
    (requests.gpt-5.chat.2.jsonl).
    """
    groups: dict[tuple[str, str, str], list[bytes]] = {}
    for key in keys:
        row = parked_row(journal, key, run="", origin="")
        if row is not None:
            groups.setdefault((row.model, row.endpoint, row.host), []).append(key)
    if not groups:
        with atomic_write(out) as part:
            part.write_bytes(b"")
        return {out: 0}
    files = {
        (*group, number): some
        for group, of_group in groups.items()
        for number, some in enumerate(_cut(journal, of_group, requests_a_file or MOST_REQUESTS), 1)
    }
    written: dict[Path, int] = {}
    for (model, endpoint, _, number), some in files.items():
        path = out if len(files) == 1 else _named(out, model, endpoint, number, written)
        with atomic_write(path) as part, part.open("wb") as file:
            for key in some:
                file.write(journal.parked_request(key) + b"\n")
        written[path] = len(some)
    return written


def _cut(journal: Journal, keys: Sequence[bytes], most_requests: int) -> Iterator[Sequence[bytes]]:
    """The keys of each file: providers take no more in one."""
    some, size = list[bytes](), 0
    for key in keys:
        length = len(journal.parked_request(key)) + 1
        if some and (len(some) >= min(most_requests, MOST_REQUESTS) or size + length > MOST_BYTES):
            yield some
            some, size = [], 0
        some.append(key)
        size += length
    yield some


def _named(out: Path, model: str, endpoint: str, number: int, taken: Mapping[Path, int]) -> Path:
    """A name that no other file has: two servers may call their models alike."""
    plain = re.sub(r"[^A-Za-z0-9._-]+", "_", model)
    while (path := out.with_name(f"{out.stem}.{plain}.{endpoint}.{number}{out.suffix}")) in taken:
        number += 1
    return path


def export_batch(journal: Journal, out: Path) -> int:
    """Write every answered reply as a line of the batch output format, under its key, gzipped where the
    name ends in .gz; returns how many.
    """
    written = 0
    with ExitStack() as files:
        file = files.enter_context(files.enter_context(atomic_write(out)).open("wb"))
        if out.suffix == ".gz":
            file = files.enter_context(gzip.GzipFile("", "wb", fileobj=file, mtime=0))
        for row in journal.rows("r.origin != 'step'"):
            file.write(orjson.dumps(_reply_line(row)) + b"\n")
            written += 1
    return written


def _reply_line(row: JournalRow) -> dict[str, Any]:
    """What other tools read, and under `prefgen` what another journal needs."""
    ours = {
        "endpoint": row.endpoint, "model": row.model, "record": row.record, "parts": row.parts.hex(),
        "backend": row.backend, "host": row.host, "served_model": row.served_model,
        "fingerprint": row.fingerprint,
        "time": row.time, "cost": row.cost, "code": row.code,
    }  # fmt: skip
    return {
        "id": f"prefgen_{row.key.hex()[:16]}",
        "custom_id": row.key.hex(),
        "response": {"status_code": 400 if row.status else 200, "body": orjson.loads(row.reply)},
        "error": None,
        "prefgen": ours,
    }


@dataclass
class ImportCounts:
    """What an import did. `refused` are replies that say the request failed for good; `failed` will be asked
    again.
    """

    kept: int = 0
    known: int = 0
    refused: int = 0
    failed: int = 0
    unknown: int = 0
    """Replies to requests that were not exported from here."""


async def import_batch(journal: Journal, path: Path, *, run: str = "import") -> ImportCounts:
    """Keep the replies of a batch output file under their keys (`custom_id`). Lines that are no answer are
    counted and left out.

    Raises RecipeError with the line's number for a file that is no batch output.
    """
    counts = ImportCounts()
    rows: list[JournalRow] = []
    for number, line in enumerate(_lines_of(path), 1):
        if not line.strip():
            continue
        row = _imported_row(line, f"{path}:{number}", journal, run, counts)
        if row is not None:
            rows.append(row)
        if len(rows) >= LINES_A_COMMIT:
            await _commit(journal, rows, counts)
            rows = []
    await _commit(journal, rows, counts)
    return counts


def _lines_of(path: Path) -> Iterator[bytes]:
    """The lines of a file, gzipped or not, as its first bytes tell. Raises RecipeError for a damaged one."""
    with path.open("rb") as file:
        is_gzipped = file.read(2) == b"\x1f\x8b"
    try:
        with gzip.open(path, "rb") if is_gzipped else path.open("rb") as file:
            yield from file
    except (EOFError, OSError, zlib.error) as error:
        raise RecipeError(
            f"cannot be read to its end ({error}): import a whole file, nothing is kept twice", str(path)
        ) from None


async def _commit(journal: Journal, rows: list[JournalRow], counts: ImportCounts) -> None:
    new = [row for row in rows if journal.find(row.key) is None]
    counts.known += len(rows) - len(new)
    if new:
        await journal.commit(new)
    counts.kept += sum(not row.status for row in new)


def _imported_row(
    line: bytes, where: str, journal: Journal, run: str, counts: ImportCounts
) -> JournalRow | None:
    try:
        fields = orjson.loads(line)
        key = bytes.fromhex(fields["custom_id"])
        response = fields.get("response") or {}
        status, body = response.get("status_code"), response.get("body")
    except (orjson.JSONDecodeError, KeyError, ValueError, TypeError, AttributeError) as error:
        why = f"not a line of a batch output file with prefgen's custom_id ({type(error).__name__}: {error})"
        raise RecipeError(why, where) from None
    if len(key) != KEY_BYTES:
        raise RecipeError(f"custom_id {fields['custom_id']!r} is no key of prefgen", where)
    ours = fields.get("prefgen")
    ours = ours if isinstance(ours, dict) else None
    row = _row_without_reply(key, journal, run, ours)
    if row is None:
        counts.unknown += 1
        return None
    if status == 200 and isinstance(body, dict):
        return _answered(row, body, counts)
    if status in REFUSED_STATUS:
        return _refused(row, status, body, ours, counts)
    counts.failed += 1
    return None


def _row_without_reply(
    key: bytes, journal: Journal, run: str, ours: Mapping[str, Any] | None
) -> JournalRow | None:
    """What is known of the request under a key: parked here, or told by another journal; None where it is
    neither.
    """
    parked = parked_row(journal, key, run=run, origin="import")
    if parked is not None:
        return parked
    if ours is None:
        return None
    endpoint, model, record = ours["endpoint"], ours["model"], ours["record"]
    parts, backend, host = bytes.fromhex(ours["parts"]), ours["backend"], ours["host"]
    return JournalRow(
        key=key, endpoint=endpoint, model=model, record=record, run=run, backend=backend, host=host,
        reply=b"", parts=parts, origin="import", time=float(ours["time"]), cost=int(ours.get("cost", 0)),
    )  # fmt: skip


def parked_row(journal: Journal, key: bytes, *, run: str, origin: str) -> JournalRow | None:
    """The row of a request that waits, without its reply; None where none waits under `key`."""
    sql = "SELECT endpoint, model, record, parts, backend, host FROM parked WHERE key = ?"
    parked = journal.query(sql, (key,))
    if not parked:
        return None
    endpoint, model, record, parts, backend, host = parked[0]
    return JournalRow(
        key=key, endpoint=endpoint, model=model, record=record, run=run, backend=backend, host=host,
        reply=b"", parts=parts, origin=origin, time=time.time(),
    )  # fmt: skip


def _answered(row: JournalRow, body: dict[str, Any], counts: ImportCounts) -> JournalRow | None:
    raw = orjson.dumps(body)
    try:
        read_responses(raw, ModelRequest(row.endpoint, row.model))
        usage = reply_of(body, row.endpoint).usage
    except (RequestFailed, KeyError, TypeError, ValueError, IndexError):
        counts.failed += 1
        return None
    row.reply = raw
    row.served_model, row.fingerprint = (
        str(body.get("model") or ""),
        str(body.get("system_fingerprint") or ""),
    )
    row.prompt_tokens, row.completion_tokens = usage.prompt_tokens, usage.completion_tokens
    return row


def _refused(
    row: JournalRow, status: int, body: Any, ours: Mapping[str, Any] | None, counts: ImportCounts
) -> JournalRow:
    error = body.get("error", body) if isinstance(body, dict) else {"message": str(body)}
    description = error if isinstance(error, dict) else {"message": error}
    row.status = 1
    row.code = str((ours or {}).get("code") or description.get("code") or status)
    row.reply = orjson.dumps({"error": str(description.get("message")), "code": row.code})
    counts.refused += 1
    return row
