"""Reading back what a run wrote."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from prefgen.dataset.serialize import record_of
from prefgen.errors import RecipeError
from prefgen.types import Record


def is_run(path: Path) -> bool:
    """Whether `path` is the folder of a prefgen run."""
    return (path / "manifest.json").is_file()


def read_manifest(run: Path) -> dict[str, Any]:
    """The manifest of a run; raises RecipeError when there is none or it cannot be read."""
    try:
        manifest = json.loads((run / "manifest.json").read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        raise RecipeError(f"{str(run)!r} is no run: it holds no manifest.json") from None
    except ValueError as error:
        raise RecipeError(f"manifest.json cannot be read ({error})", str(run)) from None
    if not isinstance(manifest, dict) or not isinstance(manifest.get("yield", {}), dict):
        raise RecipeError(
            "manifest.json is not one that a run wrote; run the recipe again: it is written anew from the journal",
            str(run),
        )
    return manifest


def complete_manifest(run: Path) -> dict[str, Any]:
    """The manifest of a complete run. Raises RecipeError for one that is not: a part must not pass for the whole."""
    manifest = read_manifest(run)
    if not manifest.get("complete"):
        raise RecipeError(f"the run in {str(run)!r} is not complete; run it again first")
    return manifest


def read_shards(folder: Path) -> Iterator[dict[str, Any]]:
    """The rows of every shard in a folder, in order."""
    import pyarrow as pa  # 0.15 s, wanted only by what reads rows
    import pyarrow.parquet as pq

    if not folder.is_dir():
        raise RecipeError(
            f"{str(folder)!r} is not there; run the recipe again: it is written anew from the journal"
        )
    for path in sorted(folder.glob("*.parquet")):
        try:
            for batch in pq.ParquetFile(path).iter_batches(batch_size=256):
                yield from batch.to_pylist()
        except (pa.ArrowInvalid, OSError) as error:
            raise RecipeError(
                f"not a readable Parquet file ({error}); delete it and run the recipe again", str(path)
            ) from None


def read_records(run: Path) -> Iterator[Record]:
    """The records of a complete run. Raises RecipeError for a run that is not complete."""
    complete_manifest(run)
    for row in read_shards(run / "records"):
        yield record_of(row)


def read_pairs(run: Path) -> Iterator[Mapping[str, Any]]:
    """The rows of pairs/ of a run."""
    return read_shards(run / "pairs")
