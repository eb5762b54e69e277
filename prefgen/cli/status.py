"""prefgen status"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from prefgen.cli.arguments import AsJsonOption, RunOrAllArgument, run_folders
from prefgen.cli.screen import say
from prefgen.cli.table import print_table
from prefgen.text.plain_table import Column


@dataclass(frozen=True)
class RunStatus:
    """How far a run is. `failures`, `paid_usd` and `models` are known of a start that has ended alone."""

    run: str
    state: str
    started_at: str | None
    """Of the last start, in UTC."""
    ended_at: str | None
    prompts: int = 0
    finished: int = 0
    pairs: int = 0
    failures: int | None = None
    paid_usd: float | None = None
    models: Sequence[str] = ()
    stopped: str | None = None


def command(
    run: RunOrAllArgument = None,
    as_json: AsJsonOption = False,
) -> None:
    """How far runs are, from their files alone."""
    rows = [_read_status(folder) for folder in run_folders(run)]
    if as_json:
        print(json.dumps([asdict(row) for row in rows]))
    elif rows:
        _print_table(rows)
    else:
        print("no runs here (looked in runs/)")


COLUMNS = (
    Column("run"), Column("state"), Column("last start"), Column("prompts", is_number=True),
    Column("pairs", is_number=True), Column("lost", is_number=True), Column("paid", is_number=True),
    Column("models"),
)  # fmt: skip


def _print_table(rows: Sequence[RunStatus]) -> None:
    cells = [
        [
            row.run,
            row.state,
            _when(row.started_at),
            f"{row.finished:,} of {row.prompts:,}" if row.finished < row.prompts else f"{row.prompts:,}",
            f"{row.pairs:,}",
            "" if row.failures is None else f"{row.failures:,}",
            "" if row.paid_usd is None else f"${row.paid_usd:.4f}",
            ", ".join(row.models),
        ]
        for row in rows
    ]
    print_table(COLUMNS, cells)
    for row in rows:
        if row.stopped:
            say((row.run, "bold"), f": {row.stopped}", hanging="  ")


def _when(started_at: str | None) -> str:
    """2026-11-30 14:36 (2 h ago), in the time of this place."""
    from prefgen.engine.progress import format_duration

    if started_at is None:
        return ""
    started = datetime.strptime(started_at, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    age = (datetime.now(UTC) - started).total_seconds()
    rough = " ".join(format_duration(max(0.0, age)).split()[:2])
    return f"{started.astimezone():%Y-%m-%d %H:%M} ({rough} ago)"


def _read_status(folder: Path) -> RunStatus:
    from prefgen.dataset.read_run import is_run, read_manifest
    from prefgen.dataset.unfinished_run import RECORD_STORE
    from prefgen.engine.record_store import read_progress
    from prefgen.engine.run_folder import last_start
    from prefgen.errors import RecipeError
    from prefgen.storage.folder_lock import is_held

    started_at, ended_at = last_start(folder) or (None, None)
    manifest, stopped = None, None
    is_at_work = is_held(folder)
    has_ended = not is_at_work and (ended_at is not None or started_at is None)
    try:  # the manifest is that of the last start that has ended
        manifest = read_manifest(folder) if has_ended and is_run(folder) else None
    except RecipeError as error:
        stopped = str(error)
    if is_at_work:
        state = "at work"
    elif manifest is not None:
        state = "complete" if manifest.complete else "incomplete"
    else:
        state = "incomplete" if stopped else "never stopped cleanly"
    of_files = (manifest.yields.prompts, manifest.yields.prompts, manifest.yields.pairs) if manifest else None
    progress = None if state == "complete" else read_progress(folder / RECORD_STORE)
    prompts, finished, pairs = progress or of_files or (0, 0, 0)
    return RunStatus(
        run=str(folder),
        state=state,
        started_at=started_at,
        ended_at=ended_at,
        prompts=prompts,
        finished=finished,
        pairs=pairs,
        failures=sum(manifest.yields.failures.values()) if manifest else None,
        paid_usd=manifest.cost.paid_usd if manifest else None,
        models=sorted(manifest.models) if manifest else (),
        stopped=manifest.stopped if manifest else stopped,
    )
