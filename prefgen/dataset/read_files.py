"""Reading the rows of JSONL, JSON, CSV, Parquet and text files, each with the words that say where it
stands.
"""

import codecs
import gzip
import json
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from prefgen.dataset.arrow_rows import without_empty_keys
from prefgen.dataset.bad_rows import BAD_ROWS, BadRows
from prefgen.dataset.card_files import card_files, label_names_of_card
from prefgen.dataset.class_labels import label_names, with_names
from prefgen.dataset.file_splits import Rows, splits_of_files
from prefgen.dataset.hub import first_line
from prefgen.dataset.parse_table import parse_table
from prefgen.dataset.partial import PARTIAL_NOTE
from prefgen.dataset.read_parquet import CELL_ERRORS, read_parquet
from prefgen.errors import RecipeError
from prefgen.text.strict_json import object_without_doubles

SUFFIXES = (".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".parquet", ".txt", ".md")
PROSE_SUFFIXES = (".txt", ".md")
"""Files that are a prompt each, where a folder holds no table."""
PACKED_SUFFIXES = (".bz2", ".xz", ".zst", ".zip", ".arrow", ".feather")
"""Files that may well hold rows, and are not read."""
NOTE_FILES = (
    "config.json",
    "stats.json",
    "package.json",
    "dataset_infos.json",
    "dataset_info.json",
    "dataset_dict.json",
    "state.json",
    "manifest.json",
    "release.json",
    "mix.json",
    "all_results.json",
    "train_results.json",
    "eval_results.json",
    "trainer_state.json",
    "croissant.json",
    BAD_ROWS,
)
NOTE_STEMS = ("readme", "license", "licence", "changelog", "citation", "contributing", "notice")
"""Files that stand beside data and hold none."""
LFS_START = b"version https://git-lfs"
PACKED_STARTS = {
    b"\x1f\x8b": "gzip: let its name end in .gz",
    b"PK\x03\x04": "a zip, or a workbook: save it as CSV",
}
BOMS_OF_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def read_rows(
    path: Path, display_path: str, bad_rows: BadRows | None = None, *, config: str | None = None
) -> Rows:
    """Rows of a file, or of every data file in a folder: those that its README names (of the configuration
    `config`), else all in the order of their names. Where the files of a folder are of several splits, each
    row has its `split`. Raises RecipeError with file and line; a line that is no row goes to `bad_rows`.
    """
    bad_rows = bad_rows or BadRows()
    if path.is_dir():
        yield from _read_folder(path, display_path, bad_rows, config)
        return
    if not path.is_file():
        raise RecipeError(f"file {display_path!r} does not exist (looked for {path})")
    readers = {
        ".jsonl": _read_jsonl,
        ".ndjson": _read_jsonl,
        ".json": _read_json,
        ".csv": _read_table,
        ".tsv": _read_table,
        ".parquet": _read_parquet,
        ".txt": _read_text,
        ".md": _read_text,
    }
    reader = readers.get(_suffix(path))
    if reader is None:
        is_packed = path.suffix.casefold() in PACKED_SUFFIXES
        hint = "unpack it" if is_packed else f"its name must end in one of {', '.join(SUFFIXES)}"
        raise RecipeError(f"file {display_path!r} cannot be read: {hint}")
    _refuse_pointer(path, display_path)
    try:
        yield from reader(path, display_path, bad_rows)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise RecipeError(f"is no whole gzip file ({error})", display_path) from None


def _refuse_pointer(path: Path, display_path: str) -> None:
    with path.open("rb") as file:
        if file.read(len(LFS_START)) == LFS_START:
            raise RecipeError("is a pointer of Git LFS and not the file itself: `git lfs pull`", display_path)


def _read_folder(path: Path, display_path: str, bad_rows: BadRows, config: str | None) -> Rows:
    """The rows of a folder: of one that `save_to_disk` wrote, of the files that a README names, or of all."""
    if (path / "state.json").is_file() and (path / "dataset_info.json").is_file():
        yield from _read_saved(path, display_path)
        return
    if (path / "dataset_dict.json").is_file():
        for saved in sorted(p.parent for p in path.glob("*/dataset_info.json")):
            for where, row in _read_saved(saved, str(Path(display_path) / saved.name)):
                yield where, {"split": saved.name, **row}
        return
    named = card_files(path, display_path, config)
    folder, files = (path, None) if named is None else named
    splits = _files_by_name(folder, display_path) if files is None else files
    names = label_names_of_card(path, display_path, config)
    for file, split in splits:
        if files is not None and _is_note(file):
            continue
        for where, row in read_rows(file, str(Path(display_path) / file.relative_to(path)), bad_rows):
            row = with_names(row, names, where) if names else row
            yield where, row if split is None else {"split": split, **row}


def _files_by_name(folder: Path, display_path: str) -> list[tuple[Path, str | None]]:
    """The data files of a folder with their splits, where they are of several: of a dataset's repository
    neither its card nor its license, nor what libraries note beside the data.
    """
    files = sorted(p for p in folder.rglob("*") if _is_data(p, folder))
    if any(_suffix(file) not in PROSE_SUFFIXES for file in files):
        files = [file for file in files if _suffix(file) not in PROSE_SUFFIXES]
    packed = sorted(p.name for p in folder.rglob("*") if p.suffix.casefold() in PACKED_SUFFIXES)
    if packed:
        raise RecipeError(
            f"the folder holds {packed[0]}, which cannot be read: unpack it or take it away", display_path
        )
    if not files:
        raise RecipeError(
            f"the folder {display_path!r} holds no file that can be read ({', '.join(SUFFIXES)})"
        )
    splits = splits_of_files(files, folder)
    has_splits = len(set(splits.values())) > 1
    return [(file, splits[file] if has_splits else None) for file in files]


def _is_data(file: Path, folder: Path) -> bool:
    """Whether a file of a folder holds rows."""
    parts = file.relative_to(folder).parts
    return (
        file.is_file()
        and _suffix(file) in SUFFIXES
        and not _is_note(file)
        and not any(p.startswith(".") for p in parts)
    )


def _is_note(file: Path) -> bool:
    name = file.name.casefold()
    is_beside = name.endswith((f".{BAD_ROWS}", f".{PARTIAL_NOTE}"))
    return name in NOTE_FILES or is_beside or Path(name).stem in NOTE_STEMS


def _suffix(file: Path) -> str:
    return Path(file.name.casefold().removesuffix(".gz")).suffix


def _read_saved(path: Path, display_path: str) -> Rows:
    """A folder that `datasets.Dataset.save_to_disk` wrote."""
    import datasets  # 0.5 s

    try:
        rows: Any = datasets.load_from_disk(str(path))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RecipeError(
            f"was written by save_to_disk and cannot be loaded ({error})", display_path
        ) from None
    names, iterator, number = label_names(rows.features), iter(rows), 0
    while True:
        number += 1
        where = f"{display_path} row {number}"
        try:
            row = next(iterator)
        except StopIteration:
            return
        except CELL_ERRORS as error:
            raise RecipeError(f"the row holds what cannot be read ({first_line(error)})", where) from None
        yield where, with_names(without_empty_keys(row), names, where)


def _read_lines(path: Path, display_path: str) -> Iterator[tuple[int, str]]:
    for number, line in _read_raw_lines(path, display_path):
        yield number, _decode_line(line, f"{display_path}:{number}")


def _read_raw_lines(path: Path, display_path: str) -> Iterator[tuple[int, bytes]]:
    with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as file:
        for number, line in enumerate(file, 1):
            packed = [kind for start, kind in PACKED_STARTS.items() if number == 1 and line.startswith(start)]
            if packed:
                raise RecipeError(f"is {packed[0]}", display_path)
            if number == 1 and (line.startswith(BOMS_OF_UTF16) or b"\0" in line):
                raise RecipeError("is UTF-16, or no text; save it as UTF-8", display_path)
            yield number, line.removeprefix(codecs.BOM_UTF8) if number == 1 else line


def _decode_line(line: bytes, where: str) -> str:
    try:
        return line.decode()
    except UnicodeDecodeError as error:
        raise RecipeError(
            f"not valid UTF-8 at byte {error.start} of the line: save the file as UTF-8 (in a spreadsheet, "
            "CSV UTF-8)",
            where,
        ) from None


def _read_jsonl(path: Path, display_path: str, bad_rows: BadRows) -> Rows:
    if _is_one_list(path):
        yield from _read_json(path, display_path, bad_rows)
        return
    lines = ((f"{display_path}:{number}", line) for number, line in _read_raw_lines(path, display_path))
    filled = ((where, line) for where, line in bad_rows.each(lines, _decode_line) if line.strip())
    yield from bad_rows.each(_each_an_object(filled, display_path), _parse_object)


def _is_one_list(path: Path) -> bool:
    """Whether a file is one list of JSON, under the name of one row a line."""
    with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as file:
        start = next((line for line in file if line.strip()), b"").removeprefix(codecs.BOM_UTF8).lstrip()
        if not start.startswith(b"["):
            return False
        file.seek(0)
        try:
            return any(isinstance(row, dict) for row in json.loads(file.read()))
        except (ValueError, RecursionError):
            return False


def _each_an_object(lines: Iterator[tuple[str, str]], display_path: str) -> Iterator[tuple[str, str]]:
    """The lines. Raises RecipeError where the first of them only begins an object or a list."""
    for number, (where, line) in enumerate(lines):
        if number == 0 and line.strip() in ("{", "["):
            raise RecipeError(
                "is JSON over several lines, and not an object a line: call it .json", display_path
            )
        yield where, line


def _parse_object(text: str, where: str) -> Mapping[str, Any]:
    try:
        value = json.loads(text, object_pairs_hook=object_without_doubles)
    except (ValueError, RecursionError) as error:
        raise RecipeError(f"not valid JSON ({error})", where) from None
    return _as_row(value, where)


def _as_row(value: Any, where: str) -> Mapping[str, Any]:
    """A row of JSON; a text alone is a prompt."""
    if isinstance(value, str):
        return {"prompt": value}
    if not isinstance(value, dict):
        raise RecipeError(f"expected a JSON object a row, found {type(value).__name__}", where)
    return value


def _read_json(path: Path, display_path: str, bad_rows: BadRows) -> Rows:
    text = "".join(line for _, line in _read_lines(path, display_path))
    try:
        rows = json.loads(text, object_pairs_hook=object_without_doubles)
    except (ValueError, RecursionError) as error:
        if _is_object(text.lstrip().partition("\n")[0]):  # an object a line, under the name of a list
            yield from _read_jsonl(path, display_path, bad_rows)
            return
        raise RecipeError(f"not valid JSON ({error})", display_path) from None
    if isinstance(rows, dict):
        rows = _only_list(rows, display_path)
    if not isinstance(rows, list):
        raise RecipeError(f"expected a list of rows, found {type(rows).__name__}", display_path)
    numbered = ((f"{display_path}[{index}]", value) for index, value in enumerate(rows))
    yield from bad_rows.each(numbered, _as_row)


def _only_list(data: dict[str, Any], display_path: str) -> list[Any]:
    """The rows that stand under `data`. Raises RecipeError where there are others, or none."""
    lists = {name: value for name, value in data.items() if isinstance(value, list)}
    has_others = any(isinstance(v, dict) for name, value in lists.items() if name != "data" for v in value)
    if "data" not in lists or has_others:
        found = ", ".join(map(repr, lists)) or "none"
        raise RecipeError(
            "expected a list of rows, or an object that has one under 'data'; the lists of this object: "
            f"{found}. Save each as a file of its own, and a single row in a list",
            display_path,
        )
    return data["data"]


def _is_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False


def _read_table(path: Path, display_path: str, bad_rows: BadRows) -> Rows:
    text = "".join(line for _, line in _read_lines(path, display_path))
    yield from parse_table(text, display_path, bad_rows)


def _read_parquet(path: Path, display_path: str, _: BadRows) -> Rows:
    for number, row in enumerate(read_parquet(path, display_path), 1):
        yield f"{display_path} row {number}", without_empty_keys(row)


def _read_text(path: Path, display_path: str, _: BadRows) -> Rows:
    """A text file is one prompt; in a folder, each file is."""
    yield (
        display_path,
        {
            "prompt": "".join(line for _, line in _read_lines(path, display_path)).strip(),
            "source": display_path,
        },
    )
