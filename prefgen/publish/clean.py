"""The rows of a dataset that break no rule, written as a dataset of their own, and beside them what was left
out, with the reasons.
"""

import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, BinaryIO

import orjson

from prefgen.dataset.bad_rows import BAD_ROWS, place_of, write_bad_rows
from prefgen.dataset.file_splits import split_of
from prefgen.errors import RecipeError
from prefgen.storage.atomic_write import atomic_write
from prefgen.tables import BadRow


def write_clean(
    rows: Iterable[tuple[str, Mapping[str, Any]]], bad_places: Mapping[str, Sequence[str]], out: Path
) -> dict[str, int]:
    """Write the rows that are not in `bad_places` to `out`, a file a split (pairs.jsonl for all others).
    Returns {file: rows}. Raises RecipeError where `out` holds anything, or where no row is left.
    """
    check_clean_folder(out)
    bad_rows = [BadRow(where, reason) for where, reasons in bad_places.items() for reason in reasons]
    counts = write_splits((row for _, row in kept_rows(rows, bad_places)), out)
    if not counts:
        raise RecipeError(f"no row is left: all {len(bad_places):,} are broken")
    write_bad_rows(bad_rows, out / BAD_ROWS)
    return counts


def write_splits(rows: Iterable[Mapping[str, Any]], out: Path) -> dict[str, int]:
    """Write rows as they stand to `out`, a file a split (pairs.jsonl for all others), whole or not at all.
    Returns {file: rows}.
    """
    counts: dict[str, int] = {}
    with ExitStack() as stack:
        files: dict[str, BinaryIO] = {}
        for row in rows:
            name = _file_name(row.get("split"))
            if name not in files:
                out.mkdir(parents=True, exist_ok=True)
                part = stack.enter_context(atomic_write(out / name))
                files[name] = stack.enter_context(part.open("wb"))
            files[name].write(json_line(row))
            counts[name] = counts.get(name, 0) + 1
    return counts


def kept_rows(
    rows: Iterable[tuple[str, Mapping[str, Any]]], bad_places: Collection[str]
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The rows that stand at none of these places."""
    return (
        (where, row)
        for where, row in rows
        if where not in bad_places and place_of(where, row) not in bad_places
    )


def check_clean_folder(out: Path) -> None:
    """Raises RecipeError where `out` holds anything."""
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise RecipeError(f"{str(out)!r} is there already; give another --out")


_SPLIT_NAME = re.compile(r"[a-z0-9_-]{1,40}")


def _file_name(split: Any) -> str:
    """The file for rows of a split: its own where the split has a usual name, since a cell may hold anything.
    The rows say their split themselves.
    """
    is_usual = isinstance(split, str) and _SPLIT_NAME.fullmatch(split) and split_of(split) is not None
    return f"{split}.jsonl" if is_usual else "pairs.jsonl"


def json_line(row: Mapping[str, Any]) -> bytes:
    """A row as it stands, as a line of JSON."""
    try:
        return orjson.dumps(dict(row)) + b"\n"
    except TypeError:  # a date, a decimal, half a character, a whole number of more than 64 bits
        return json.dumps(dict(row), default=str).encode() + b"\n"
