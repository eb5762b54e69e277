"""Which split the rows of a file are of: by the name of the file, by that of its folder, or by a column."""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from prefgen.dataset.cells import is_missing
from prefgen.errors import RecipeError

SPLIT_WORDS = {
    "train": ("train", "training"),
    "validation": ("validation", "valid", "val", "dev"),
    "test": ("test", "testing", "eval", "evaluation"),
}
Rows = Iterator[tuple[str, Mapping[str, Any]]]


def split_of(name: str) -> str | None:
    """The split that the name of a file, or of its folder, says, as the Hub's library reads it."""
    words = re.split(r"[^a-z]+", name.casefold())
    found = {split for word in words for split, spellings in SPLIT_WORDS.items() if word in spellings}
    return found.pop() if len(found) == 1 else None


def splits_of_files(files: Sequence[Path], folder: Path) -> dict[Path, str | None]:
    """{file: its split} of the files of a folder. Where two names of one split are not the same
    (train_prefs, train_sft), they stay as they are.
    """
    splits = {file: split_of(str(file.relative_to(folder))) for file in files}
    names = {file: _named_split(file) for file in files}
    by_split: dict[str | None, set[str]] = {}
    for file, name in names.items():
        if name is not None:
            by_split.setdefault(splits[file], set()).add(name)
    if not any(len(found) > 1 for found in by_split.values()):
        return splits
    return {file: names[file] or split for file, split in splits.items()}


def _named_split(file: Path) -> str | None:
    stem = file.name.partition(".")[0].casefold().partition("-")[0]
    first, _, rest = stem.partition("_")
    is_split = any(first in spellings for spellings in SPLIT_WORDS.values())
    return stem if is_split and rest.isalpha() else None


def select_split(rows: Rows, split: str | None, location: str, *, strict: bool = False) -> Rows:
    """The rows of one split, or of all; unless `strict`, also those that are of none. Raises RecipeError, at
    the end, where there was no row of it.
    """
    seen: set[str] = set()
    taken = False
    for where, row in rows:
        name = row.get("split")
        seen.add(str(name))
        if split is None or name == split or (name is None and not strict):
            taken = True
            yield where, row
    if seen and not taken:
        names = ", ".join(sorted(seen - {"None"})) or "none"
        raise RecipeError(f"{location!r} has no split {split!r}; its splits: {names}")


def single_split(rows: Rows) -> Rows:
    """The rows of a file of which nobody said a split. Raises RecipeError, at the first row of a second
    one.
    """
    first = None
    for where, row in rows:
        name = row.get("split")
        if not is_missing(name):
            first = name if first is None else first
            if name != first:
                raise RecipeError(
                    f"the rows are of several splits ({first}, {name}): say which is read, `split: {first}`",
                    where,
                )
        yield where, row
