"""Reading the rows of JSONL, JSON, CSV, Parquet and text files, each with the words that say where it stands."""

import csv
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from prefgen.errors import RecipeError

SUFFIXES = (".jsonl", ".json", ".csv", ".tsv", ".parquet", ".txt", ".md")
Rows = Iterator[tuple[str, Mapping[str, Any]]]


def rows_of(path: Path, shown: str) -> Rows:
    """Rows of a file, or of every file in a folder in the order of their names. Raises RecipeError with file and line."""
    if path.is_dir():
        files = sorted(
            p
            for p in path.rglob("*")
            if p.suffix.removesuffix(".gz") in SUFFIXES and not p.name.startswith(".")
        )
        if not files:
            raise RecipeError(f"the folder {shown!r} holds no file that can be read ({', '.join(SUFFIXES)})")
        for file in files:
            yield from rows_of(file, str(Path(shown) / file.relative_to(path)))
        return
    if not path.is_file():
        raise RecipeError(f"file {shown!r} does not exist (looked for {path})")
    readers = {
        ".jsonl": _jsonl,
        ".json": _json,
        ".csv": _csv,
        ".tsv": _csv,
        ".parquet": _parquet,
        ".txt": _text,
        ".md": _text,
    }
    suffix = Path(path.name.removesuffix(".gz")).suffix
    reader = readers.get(suffix)
    if reader is None:
        raise RecipeError(f"file {shown!r} cannot be read: its name must end in one of {', '.join(SUFFIXES)}")
    yield from reader(path, shown)


def _lines(path: Path, shown: str) -> Iterator[tuple[int, str]]:
    import gzip

    with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as file:
        for number, line in enumerate(file, 1):
            try:
                yield number, line.decode("utf-8-sig" if number == 1 else "utf-8")
            except UnicodeDecodeError as wrong:
                raise RecipeError(
                    f"not valid UTF-8 at byte {wrong.start} of the line", f"{shown}:{number}"
                ) from None


def _jsonl(path: Path, shown: str) -> Rows:
    for number, line in _lines(path, shown):
        if line.strip():
            yield f"{shown}:{number}", _object(line, f"{shown}:{number}")


def _object(text: str, where: str) -> Mapping[str, Any]:
    try:
        found = json.loads(text)
    except ValueError as wrong:
        raise RecipeError(f"not valid JSON ({wrong})", where) from None
    if isinstance(found, str):
        return {"prompt": found}
    if not isinstance(found, dict):
        raise RecipeError(f"expected a JSON object a line, found {type(found).__name__}", where)
    return found


def _json(path: Path, shown: str) -> Rows:
    text = "".join(line for _, line in _lines(path, shown))
    try:
        found = json.loads(text)
    except ValueError as wrong:
        raise RecipeError(f"not valid JSON ({wrong})", shown) from None
    if not isinstance(found, list):
        raise RecipeError(f"expected a list of rows, found {type(found).__name__}", shown)
    for index, row in enumerate(found):
        yield f"{shown}[{index}]", {"prompt": row} if isinstance(row, str) else row


def _csv(path: Path, shown: str) -> Rows:
    delimiter = "\t" if ".tsv" in path.name else ","
    reader = csv.DictReader((line for _, line in _lines(path, shown)), delimiter=delimiter)
    for row in reader:
        where = f"{shown}:{reader.line_num}"
        if None in row or None in row.values():
            raise RecipeError("the row has another number of columns than the header", where)
        yield where, row


def _parquet(path: Path, shown: str) -> Rows:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(path)
        number = 0
        for batch in file.iter_batches(batch_size=1000):
            for row in batch.to_pylist():
                number += 1
                yield f"{shown} row {number}", row
    except (pa.ArrowInvalid, OSError) as wrong:
        raise RecipeError(f"not a readable Parquet file ({wrong})", shown) from None


def _text(path: Path, shown: str) -> Rows:
    """A text file is one prompt; in a folder, each file is."""
    yield shown, {"prompt": "".join(line for _, line in _lines(path, shown)).strip(), "source": shown}
