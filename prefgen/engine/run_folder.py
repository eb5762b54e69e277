"""A run's folder: one live run at a time, small files that outlive every cache, and how finished output takes
its place.
"""

import json
import os
import shutil
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import orjson

from prefgen.dataset.read_run import RUN_ID
from prefgen.dataset.record_codec import DROPPED
from prefgen.errors import RecipeError
from prefgen.storage.atomic_write import atomic_write

SIMULATED_JOURNAL = "simulated.sqlite"
PARTIAL = "partial"
RETRIES = "attempts.json"
"""What `prefgen retry` marked."""
SHARD_FOLDERS = ("records", "pairs")
OUTPUT = (
    *SHARD_FOLDERS, "failures.parquet", "recipe.yaml", "report.html", DROPPED, "manifest.json",
)  # fmt: skip
"""What a finished run wrote; the manifest, which says that it is whole, comes last."""


@dataclass(frozen=True)
class MarkedRetries:
    """What `prefgen retry` marked: {key of an ask's first attempt: number of the present one}, and the
    records they are of.
    """

    keys: Mapping[str, int] = field(default_factory=dict)
    records: Sequence[str] = ()


def read_retries(out: Path) -> MarkedRetries:
    """Raises RecipeError where the file cannot be read."""
    path = out / RETRIES
    if not path.is_file():
        return MarkedRetries()
    try:
        fields = json.loads(path.read_text(encoding="utf-8"))
        return MarkedRetries(dict(fields["keys"]), list(fields["records"]))
    except (ValueError, KeyError, TypeError) as error:
        why = f"cannot be read ({error}); delete it, and mark again with `prefgen retry`"
        raise RecipeError(why, str(path)) from None


def run_id_of(out: Path) -> str:
    """The id under which the journal books what this folder spent; it outlives every cache."""
    path = out / RUN_ID
    if not path.is_file():
        with atomic_write(path) as part:
            part.write_text(uuid.uuid4().hex, encoding="utf-8")
    return path.read_text(encoding="utf-8").strip()


def append_log(out: Path, event: str, **fields: Any) -> None:
    """Add a line to log.jsonl: when a start of the run began and how it ended. Tells nothing that a model
    wrote.
    """
    line = {"time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "event": event, **fields}
    with (out / "log.jsonl").open("ab") as file:
        file.write(orjson.dumps(line) + b"\n")


@dataclass(frozen=True)
class LastStart:
    """The last start of a run, as log.jsonl has it. One without an end that was not refused is at work, or
    was killed.
    """

    started_at: str
    """In UTC, as `ended_at`."""
    ended_at: str | None = None
    refusal: str | None = None
    """Why it ended before it asked anybody."""
    journal: Path | None = None
    """Where what it paid is booked."""


def last_start(out: Path) -> LastStart | None:
    """None where nothing can be read there."""
    last: LastStart | None = None
    try:
        for line in (out / "log.jsonl").read_bytes().splitlines():
            entry = orjson.loads(line)
            if entry["event"] == "start":
                journal = entry.get("journal")
                place = Path(os.path.normpath(out / journal)) if journal else None
                last = LastStart(str(entry["time"]), journal=place)
            elif last is not None and entry["event"] == "end":
                last = replace(last, ended_at=str(entry["time"]))
            elif last is not None and entry["event"] == "refused":
                last = replace(last, refusal=str(entry["why"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return last


def remove_folder(folder: Path) -> None:
    """Remove a folder and everything in it, if it is there."""
    if folder.exists():
        shutil.rmtree(folder)


def has_shards(folder: Path, shards: Sequence[int], *, others: bool = False) -> bool:
    """Whether both folders hold just these shards (or, with `others`, at least these)."""
    wanted = {f"{number:05d}.parquet" for number in shards}
    present = [{path.name for path in (folder / name).glob("*.parquet")} for name in SHARD_FOLDERS]
    return all(wanted <= names if others else wanted == names for names in present)


def put_in_place(out: Path, shards: Sequence[int]) -> None:
    """Rename the complete folders over what stood there before. Raises RuntimeError when a shard is
    missing.
    """
    if not has_shards(out / PARTIAL, shards):
        raise RuntimeError(f"{out / PARTIAL} does not hold the shards {list(shards)}")
    for name in SHARD_FOLDERS:
        remove_folder(out / name)
        (out / PARTIAL / name).rename(out / name)
    shutil.rmtree(out / PARTIAL)
