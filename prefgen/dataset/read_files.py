"""Reading the rows of JSONL, JSON, CSV, Parquet and text files, each with the words that say where it
stands.
"""

import csv
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from prefgen.dataset.read_parquet import read_parquet
from prefgen.errors import RecipeError

SUFFIXES = (".jsonl", ".json", ".csv", ".tsv", ".parquet", ".txt", ".md")
Rows = Iterator[tuple[str, Mapping[str, Any]]]


def read_rows(path: Path, display_path: str) -> Rows:
    """Rows of a file, or of every file in a folder in the order of their names. Raises RecipeError with file
    and line.
    """
    if path.is_dir():
        files = sorted(
            p
            for p in path.rglob("*")
            if p.suffix.removesuffix(".gz") in SUFFIXES and not p.name.startswith(".")
        )
        if not files:
            raise RecipeError(
                f"the folder {display_path!r} holds no file that can be read ({', '.join(SUFFIXES)})"
            )
        for file in files:
            yield from read_rows(file, str(Path(display_path) / file.relative_to(path)))
        return
    if not path.is_file():
        raise RecipeError(f"file {display_path!r} does not exist (looked for {path})")
    readers = {
        ".jsonl": _read_jsonl,
        ".json": _read_json,
        ".csv": _read_csv,
        ".tsv": _read_csv,
        ".parquet": _read_parquet,
        ".txt": _read_text,
        ".md": _read_text,
    }
    suffix = Path(path.name.removesuffix(".gz")).suffix
    reader = readers.get(suffix)
    if reader is None:
        raise RecipeError(
            f"file {display_path!r} cannot be read: its name must end in one of {', '.join(SUFFIXES)}"
        )
    yield from reader(path, display_path)


def _read_lines(path: Path, display_path: str) -> Iterator[tuple[int, str]]:
    import gzip

    with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as file:
        for number, line in enumerate(file, 1):
            try:
                yield number, line.decode("utf-8-sig" if number == 1 else "utf-8")
            except UnicodeDecodeError as error:
                raise RecipeError(
                    f"not valid UTF-8 at byte {error.start} of the line", f"{display_path}:{number}"
                ) from None


def _read_jsonl(path: Path, display_path: str) -> Rows:
    for number, line in _read_lines(path, display_path):
        if line.strip():
            yield f"{display_path}:{number}", _parse_object(line, f"{display_path}:{number}")


def _parse_object(text: str, where: str) -> Mapping[str, Any]:
    try:
        value = json.loads(text)
    except ValueError as error:
        raise RecipeError(f"not valid JSON ({error})", where) from None
    return _as_row(value, where)


def _as_row(value: Any, where: str) -> Mapping[str, Any]:
    """A row of JSON; a text alone is a prompt."""
    if isinstance(value, str):
        return {"prompt": value}
    if not isinstance(value, dict):
        raise RecipeError(f"expected a JSON object a row, found {type(value).__name__}", where)
    return value


def _read_json(path: Path, display_path: str) -> Rows:
    text = "".join(line for _, line in _read_lines(path, display_path))
    try:
        rows = json.loads(text)
    except ValueError as error:
        raise RecipeError(f"not valid JSON ({error})", display_path) from None
    if not isinstance(rows, list):
        raise RecipeError(f"expected a list of rows, found {type(rows).__name__}", display_path)
    for index, row in enumerate(rows):
        yield f"{display_path}[{index}]", _as_row(row, f"{display_path}[{index}]")


def _read_csv(path: Path, display_path: str) -> Rows:
    delimiter = "\t" if ".tsv" in path.name else ","
    reader = csv.DictReader((line for _, line in _read_lines(path, display_path)), delimiter=delimiter)
    for row in reader:
        where = f"{display_path}:{reader.line_num}"
        if None in row or None in row.values():
            raise RecipeError("the row has another number of columns than the header", where)
        yield where, row


def _read_parquet(path: Path, display_path: str) -> Rows:
    for number, row in enumerate(read_parquet(path, display_path), 1):
        yield f"{display_path} row {number}", row


def _read_text(path: Path, display_path: str) -> Rows:
    """A text file is one prompt; in a folder, each file is."""
    yield (
        display_path,
        {
            "prompt": "".join(line for _, line in _read_lines(path, display_path)).strip(),
            "source": display_path,
        },
    )
