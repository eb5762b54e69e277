"""Reading back what a run wrote."""

import json
from collections.abc import Collection, Generator, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import yaml

from prefgen.dataset.manifest import Manifest
from prefgen.dataset.read_parquet import count_rows, read_parquet, read_table
from prefgen.dataset.record_codec import DROPPED
from prefgen.dataset.serialize import RENAMED_COLUMNS, record_of
from prefgen.dataset.unfinished_run import RECORD_STORE, UnfinishedRun
from prefgen.errors import RecipeError
from prefgen.types import Record
from prefgen.version import with_present_names

RUN_ID = ".run_id"
"""A file of every run's folder, which outlives the others."""
MOST_NAMED = 5
_MADE_ANEW = "run the recipe again: it is written anew from the journal"


def is_run(path: Path) -> bool:
    """Whether `path` is the folder of a prefgen run; a release holds a manifest too."""
    return (path / "manifest.json").is_file() and not is_release(path)


def is_release(path: Path) -> bool:
    """Whether `path` is the folder of a release, as `publish` leaves it and the Hub has it, or of a mix."""
    return (path / "data" / "preferences").is_dir()


def is_begun(path: Path) -> bool:
    """Whether `path` is the folder of a run that has written no manifest yet: it was killed, or is at work
    for the first time.
    """
    return not is_run(path) and any((path / name).is_file() for name in (RECORD_STORE, RUN_ID))


def holds_run(path: Path) -> bool:
    """Whether `path` is the folder of a run, be it finished, stopped or at work."""
    return is_run(path) or is_begun(path)


def read_manifest(run: Path) -> Manifest:
    """The manifest of a run; raises RecipeError when there is none or it cannot be read."""
    try:
        fields = json.loads((run / "manifest.json").read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        below = ", ".join(map(str, _runs_below(run)))
        hint = f"; name one of those in it: {below}" if below else ""
        raise RecipeError(f"{str(run)!r} is no run: it holds no manifest.json{hint}") from None
    except ValueError as error:
        why = f"manifest.json cannot be read ({error}); delete it, and {_MADE_ANEW}"
        raise RecipeError(why, str(run)) from None
    return Manifest.read(fields, str(run))


def _runs_below(folder: Path) -> list[Path]:
    """Finished runs in a folder, or datasets in previous/, those that were written last first."""
    manifests = sorted(folder.glob("*/manifest.json"), key=lambda path: path.stat().st_mtime, reverse=True)
    return [path.parent for path in manifests[:MOST_NAMED]]


def complete_manifest(run: Path) -> Manifest:
    """The manifest of a complete run. Raises RecipeError for one that is not: a part must not pass for the
    whole.
    """
    manifest = _manifest_if_complete(run)
    if manifest is None:
        raise UnfinishedRun(run).partial.refusal(str(run))
    return manifest


def _manifest_if_complete(run: Path) -> Manifest | None:
    """None for a run that stopped, or is at work for the first time. Raises RecipeError for what is none."""
    if is_begun(run):
        return None
    manifest = read_manifest(run)
    return manifest if manifest.complete else None


class FinishedRun:
    """What a complete run wrote, as `UnfinishedRun` has it of another."""

    partial = None

    def __init__(self, run: Path, manifest: Manifest) -> None:
        self.run = run
        self.manifest = manifest
        recipe = run / "recipe.yaml"
        self.recipe = recipe.read_text(encoding="utf-8") if recipe.is_file() else None

    def records(self) -> Iterator[Record]:
        refuse_missing_rows(self.run, "records", self.manifest)
        return map(record_of, read_shards(self.run / "records"))

    def pairs(self) -> Iterator[Mapping[str, Any]]:
        refuse_missing_rows(self.run, "pairs", self.manifest)
        return read_pairs(self.run)

    def failures(self) -> Iterator[dict[str, Any]]:
        return read_failures(self.run)

    def dropped(self) -> Iterator[dict[str, Any]]:
        return read_dropped(self.run)

    def prompt_texts(self, ids: Collection[str]) -> dict[str, str]:
        return prompt_texts(self.run, ids)


def open_run(run: Path) -> FinishedRun | UnfinishedRun:
    """A run's folder for reading: the finished dataset that stands there, else what is finished so far.
    Raises RecipeError for a folder that is no run's, and for a release, which holds a manifest too.
    """
    if is_release(run):
        raise RecipeError(f"{str(run)!r} is a release or a mix: name the run's folder")
    manifest = _manifest_if_complete(run)
    return FinishedRun(run, manifest) if manifest else UnfinishedRun(run)


def refuse_missing_rows(run: Path, name: Literal["records", "pairs"], manifest: Manifest) -> None:
    """Raises RecipeError where a folder of shards holds other rows than its manifest says: files were deleted
    or are another run's.
    """
    folder = run / name
    if not folder.is_dir():
        return  # reading it says so
    stated = manifest.yields.prompts if name == "records" else manifest.yields.pairs
    with _saying_what_to_do():
        found = sum(map(count_rows, sorted(folder.glob("*.parquet"))))
    if found != stated:
        raise RecipeError(
            f"{str(folder)!r} holds {found:,} rows, and its manifest says {stated:,}: {_MADE_ANEW}"
        )


def read_recipe(run: Path) -> Mapping[str, Any]:
    """The recipe that a run's folder keeps; nothing where it keeps none. Raises RecipeError where it cannot
    be read.
    """
    path = run / "recipe.yaml"
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8")) if path.is_file() else None
    except (yaml.YAMLError, ValueError) as error:
        reason = str(error).partition("\n")[0]
        raise RecipeError(f"recipe.yaml cannot be read ({reason}); {_MADE_ANEW}", str(run)) from None
    return data if isinstance(data, dict) else {}


def read_shards(folder: Path) -> Iterator[Mapping[str, Any]]:
    """The rows of every shard in a folder, in order, under the names of today's columns. Raises
    RecipeError.
    """
    if not folder.is_dir():
        raise RecipeError(f"{str(folder)!r} is not there; {_MADE_ANEW}")
    for path in sorted(folder.glob("*.parquet")):
        with _saying_what_to_do():
            for row in read_parquet(path):
                yield with_present_names(row, RENAMED_COLUMNS)


@contextmanager
def _saying_what_to_do() -> Generator[None]:
    """Of a shard that cannot be read."""
    try:
        yield
    except RecipeError as error:
        raise RecipeError(f"{error}; delete it and run the recipe again") from None


def read_records(run: Path) -> Iterator[Record]:
    """The records of a complete run. Raises RecipeError for a run that is not complete."""
    yield from FinishedRun(run, complete_manifest(run)).records()


def read_pairs(run: Path) -> Iterator[Mapping[str, Any]]:
    """The rows of pairs/ of a run."""
    return read_shards(run / "pairs")


def read_failures(run: Path) -> Iterator[dict[str, Any]]:
    """The rows of failures.parquet. Raises RecipeError where there is none: every complete run has one."""
    path = run / "failures.parquet"
    if not path.is_file():
        raise RecipeError(f"{str(run)!r} has no failures.parquet: {_MADE_ANEW}")
    return read_parquet(path)


def read_dropped(run: Path) -> Iterator[dict[str, Any]]:
    """The rows of curated.parquet, which is there where a curator took something out."""
    path = run / DROPPED
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
