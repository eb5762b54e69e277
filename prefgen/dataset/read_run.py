"""Reading back what a run wrote."""

import json
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from prefgen.dataset.manifest import Manifest
from prefgen.dataset.read_parquet import read_parquet, read_table
from prefgen.dataset.serialize import RENAMED_COLUMNS, record_of
from prefgen.errors import RecipeError
from prefgen.types import Record
from prefgen.version import with_present_names


def is_run(path: Path) -> bool:
    """Whether `path` is the folder of a prefgen run; a release holds a manifest too."""
    return (path / "manifest.json").is_file() and not is_release(path)


def is_release(path: Path) -> bool:
    """Whether `path` is the folder of a release, as `publish` leaves it and the Hub has it, or of a mix."""
    return (path / "data" / "preferences").is_dir()


def read_manifest(run: Path) -> Manifest:
    """The manifest of a run; raises RecipeError when there is none or it cannot be read."""
    try:
        fields = json.loads((run / "manifest.json").read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        raise RecipeError(f"{str(run)!r} is no run: it holds no manifest.json") from None
    except ValueError as error:
        raise RecipeError(f"manifest.json cannot be read ({error})", str(run)) from None
    return Manifest.read(fields, str(run))


def complete_manifest(run: Path) -> Manifest:
    """The manifest of a complete run. Raises RecipeError for one that is not: a part must not pass for the
    whole.
    """
    manifest = read_manifest(run)
    if not manifest.complete:
        raise RecipeError(f"the run in {str(run)!r} is not complete; run it again first")
    return manifest


def read_shards(folder: Path) -> Iterator[Mapping[str, Any]]:
    """The rows of every shard in a folder, in order, under the names of today's columns. Raises
    RecipeError.
    """
    if not folder.is_dir():
        raise RecipeError(
            f"{str(folder)!r} is not there; run the recipe again: it is written anew from the journal"
        )
    for path in sorted(folder.glob("*.parquet")):
        try:
            for row in read_parquet(path):
                yield with_present_names(row, RENAMED_COLUMNS)
        except RecipeError as error:
            raise RecipeError(f"{error}; delete it and run the recipe again") from None


def read_records(run: Path) -> Iterator[Record]:
    """The records of a complete run. Raises RecipeError for a run that is not complete."""
    complete_manifest(run)
    for row in read_shards(run / "records"):
        yield record_of(row)


def read_pairs(run: Path) -> Iterator[Mapping[str, Any]]:
    """The rows of pairs/ of a run."""
    return read_shards(run / "pairs")


def read_failures(run: Path) -> Iterator[dict[str, Any]]:
    """The rows of failures.parquet. Raises RecipeError where there is none: every complete run has one."""
    path = run / "failures.parquet"
    if not path.is_file():
        raise RecipeError(f"{run} has no failures.parquet: its run is not complete yet; run it first")
    return read_parquet(path)


def read_dropped(run: Path) -> Iterator[dict[str, Any]]:
    """The rows of curated.parquet, which is there where a curator took something out."""
    path = run / "curated.parquet"
    return read_parquet(path) if path.is_file() else iter(())


def prompt_texts(run: Path, ids: Collection[str]) -> dict[str, str]:
    """{id: the text of a prompt's last turn} of those records that a run's folder still holds."""
    found = {row["id"]: row["text"] for row in read_dropped(run) if row["id"] in ids}
    for path in sorted((run / "records").glob("*.parquet")) if set(ids) - set(found) else ():
        table = read_table(path, ("id", "messages"))
        for place, record_id in enumerate(table["id"].to_pylist()):
            if record_id in ids:
                found[record_id] = table["messages"][place].as_py()[-1]["content"]
    return found
