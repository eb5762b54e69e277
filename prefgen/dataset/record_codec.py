"""How the record store spells what it holds: JSON, packed where that saves more than it takes; and what it
reads back.
"""

import sqlite3
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import orjson
import zstandard
from pydantic import ValidationError

from prefgen.dataset.serialize import pair_lines, record_line, record_of
from prefgen.types import Failure, Record

WORTH_PACKING = 1000
"""Bytes from which on compressing saves more than it takes."""
StateRow = tuple[int, int, int, bool, bytes, bytes | None, bytes, bytes | None]
"""(segment, position, stages passed, finished, packed lines, packed failures, usage, counts) of a record."""
DROPPED = "curated.parquet"
"""The rows that curators took out."""
DROPPED_COLUMNS = ("segment", "id", "curator", "reason", "neighbour", "text", "rows")


class StoredDrop(NamedTuple):
    """A row that a curator dropped; `rows` says of what: prompts or pairs."""

    id: str
    curator: str
    reason: str
    neighbour: str | None
    text: str
    rows: str


class _Zstd(threading.local):
    """A compressor and a decompressor of each thread, which serve one at a time. Made anew for each text they
    take 5 % of a replay.
    """

    def __init__(self) -> None:
        self.compress = zstandard.ZstdCompressor(level=1).compress
        self.decompress = zstandard.ZstdDecompressor().decompress


_zstd = _Zstd()


def pack(text: bytes) -> bytes:
    return _zstd.compress(text) if len(text) >= WORTH_PACKING else text


def unpack(blob: bytes, path: Path) -> bytes:
    """Raises sqlite3.DatabaseError for what cannot be read: then the store is made anew."""
    try:
        return blob if blob[:1] in (b"{", b"[") else _zstd.decompress(blob)
    except (zstandard.ZstdError, TypeError) as error:
        raise sqlite3.DatabaseError(f"{path} is damaged: {error}") from error


def state_row(
    segment: int,
    position: int,
    passed: int,
    record: Record,
    failures: Sequence[Failure],
    usage: bytes,
    counts: bytes | None,
) -> StateRow:
    """A record after its last passed stage, as the store holds it; one that finished has `counts`, and its
    pairs with it.
    """
    packed = pack(orjson.dumps([f.model_dump(mode="json") for f in failures])) if failures else None
    lines = [record_line(record)] if counts is None else [record_line(record), *pair_lines(record)]
    return segment, position, passed, counts is not None, pack(b"\n".join(lines)), packed, usage, counts


def load_input(blob: bytes, path: Path) -> Record:
    """A record that goes into a segment."""
    return _load(Record.model_validate_json, unpack(blob, path), path)


def load_state(blob: bytes, path: Path) -> Record:
    """A record as it was stored after a stage."""
    line = unpack(blob, path).partition(b"\n")[0]
    return _load(lambda spelled: record_of(orjson.loads(spelled)), line, path)


def load_failures(blob: bytes | None, path: Path) -> list[Failure]:
    return [Failure.model_validate(fields) for fields in orjson.loads(unpack(blob, path))] if blob else []


def _load(read: Callable[[bytes], Record], spelled: bytes, path: Path) -> Record:
    try:
        return read(spelled)
    except (ValidationError, KeyError, ValueError) as error:
        raise sqlite3.DatabaseError(f"{path} is damaged, or of another version: {error}") from error
