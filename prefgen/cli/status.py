"""prefgen status"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from prefgen.cli.arguments import AsJsonOption, RunOrAllArgument, run_folders


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


def _print_table(rows: Sequence[RunStatus]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for name in ("run", "state", "last start", "prompts", "pairs", "lost", "paid", "models"):
        is_number = name in ("prompts", "pairs", "lost", "paid")
        table.add_column(name, justify="right" if is_number else "left", overflow="fold")
    for row in rows:
        unfinished = f"{row.finished:,} of " if row.finished < row.prompts else ""
        cells = (
            row.run,
            row.state,
            _when(row.started_at),
            f"{unfinished}{row.prompts:,}",
            f"{row.pairs:,}",
            "" if row.failures is None else f"{row.failures:,}",
            "" if row.paid_usd is None else f"${row.paid_usd:.4f}",
            ", ".join(row.models),
        )
        table.add_row(*map(Text, cells))
    console = Console()
    if not console.is_terminal:
        console.width = 1_000  # nothing is folded in a pipe
    console.print(table)
    for row in rows:
        if row.stopped:
            console.print(Text(f"{row.run}: {row.stopped}"))


def _when(started_at: str | None) -> str:
    """2026-11-30 14:36 (2 h 5 min ago), in the time of this place."""
    from prefgen.engine.progress import format_duration

    if started_at is None:
        return ""
    started = datetime.strptime(started_at, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    age = (datetime.now(UTC) - started).total_seconds()
    return f"{started.astimezone():%Y-%m-%d %H:%M} ({format_duration(max(0.0, age))} ago)"


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
