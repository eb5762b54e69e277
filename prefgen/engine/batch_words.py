"""What is said of batches that are under way."""

import shlex
import time
from collections.abc import Sequence
from pathlib import Path

from prefgen.calls.batch_ledger import Batch
from prefgen.engine.progress import format_duration
from prefgen.recipe.build import Pipeline


def come_back_later(batches: Sequence[Batch], command: str, last_fault: str = "") -> str:
    """What waits, since when, and by which command one looks again."""
    requests = sum(batch.requests for batch in batches)
    age = " ".join(format_duration(max(0.0, time.time() - min(batch.made for batch in batches))).split()[:2])
    models = ", ".join(sorted({batch.model for batch in batches}))
    many = f"{len(batches):,} batches" if len(batches) > 1 else f"batch {batches[0].id or batches[0].digest}"
    states = ", ".join(sorted({batch.state for batch in batches}))
    fault = f" {last_fault}." if last_fault else ""
    return (
        f"come back later: {requests:,} requests of {models} wait in {many} ({states}), {age} old.{fault} "
        f"`{command}` looks again and goes on; with --online it asks live what is left"
    )


def command_of(pipeline: Pipeline, out: Path, journal: Path) -> str:
    """What starts a run again on the command line."""
    words = ["prefgen run", shlex.quote(str(pipeline.loaded.path))]
    if out != Path("runs") / pipeline.recipe.name:
        words.append(f"--out {shlex.quote(str(out))}")
    if journal != Path("runs") / "calls.sqlite":
        words.append(f"--journal {shlex.quote(str(journal))}")
    return " ".join(words)
