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
class BatchStatus:
    """A batch at a provider, as it was when a run looked last. Times are in UTC; `ended` where its replies
    are in the journal.
    """

    id: str | None
    model: str
    endpoint: str
    state: str
    requests: int
    completed: int
    failed: int
    submitted_at: str | None
    looked_at: str | None
    ended: bool
    why: str = ""


@dataclass(frozen=True)
class RunStatus:
    """How far a run is. Of a start that has not ended, `failures` and `models` are those of the records that
    are finished and `paid_usd` is what the journal holds; None where that cannot be read.
    """

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
    batches: Sequence[BatchStatus] = ()
    """Of a run that is not complete: those that it has sent to providers, the oldest first."""


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


BATCH_COLUMNS = (
    Column("run"), Column("batch"), Column("model"), Column("state"), Column("requests", is_number=True),
    Column("answered", is_number=True), Column("failed", is_number=True), Column("sent"), Column("looked at"),
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

    batches = [(row.run, batch) for row in rows for batch in row.batches]
    if batches:
        print()
        print_table(BATCH_COLUMNS, [_batch_cells(run, batch) for run, batch in batches])


def _batch_cells(run: str, batch: BatchStatus) -> list[str]:
    return [
        run,
        batch.id or "not known yet",
        batch.model,
        f"{batch.state}, taken in" if batch.ended else batch.state,
        f"{batch.requests:,}",
        f"{batch.completed:,}",
        f"{batch.failed:,}",
        _when(batch.submitted_at),
        _when(batch.looked_at),
    ]


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

    last = last_start(folder)
    refusal = last.refusal if last else None
    manifest, stopped = None, None
    is_at_work = is_held(folder)
    has_ended = not is_at_work and (last is None or bool(last.ended_at or refusal))
    try:  # the manifest is that of the last start that has ended
        manifest = read_manifest(folder) if has_ended and is_run(folder) else None
    except RecipeError as error:
        stopped = str(error)
    if is_at_work:
        state = "at work"
    elif manifest is not None:
        state = "complete" if manifest.complete else "incomplete"
    elif stopped:
        state = "incomplete"
    else:
        state = "refused" if refusal else "never stopped cleanly"
    stopped = (f"the last start was refused: {refusal}" if refusal else None) or stopped
    of_files = (manifest.yields.prompts, manifest.yields.prompts, manifest.yields.pairs) if manifest else None
    progress = None if state == "complete" else read_progress(folder / RECORD_STORE)
    prompts, finished, pairs = progress or of_files or (0, 0, 0)
    if manifest is not None:
        failures, models = sum(manifest.yields.failures.values()), sorted(manifest.models)
        paid_usd = manifest.cost.paid_usd
    else:
        failures, models = _known_of_unfinished(folder)
        paid_usd = _paid_so_far(folder, last.journal if last else None)
    return RunStatus(
        run=str(folder),
        state=state,
        started_at=last.started_at if last else None,
        ended_at=last.ended_at if last else None,
        prompts=prompts,
        finished=finished,
        pairs=pairs,
        failures=failures,
        paid_usd=paid_usd,
        models=models,
        stopped=stopped or (manifest.stopped if manifest else None),
        batches=() if state == "complete" else _batches_of(folder, last.journal if last else None),
    )


def _batches_of(folder: Path, journal: Path | None) -> list[BatchStatus]:
    """The batches that a run has sent, from its journal alone."""
    from prefgen.calls.batch_ledger import read_batches
    from prefgen.dataset.read_run import RUN_ID

    run_id = folder / RUN_ID
    if journal is None or not journal.is_file() or not run_id.is_file():
        return []
    return [
        BatchStatus(
            batch.id, batch.model, batch.endpoint, batch.state, batch.requests, batch.completed, batch.failed,
            _utc(batch.submitted), _utc(batch.looked), batch.closed is not None, batch.why,
        )
        for batch in read_batches(journal, run_id.read_text(encoding="utf-8").strip())
    ]  # fmt: skip


def _utc(seconds: float | None) -> str | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _known_of_unfinished(folder: Path) -> tuple[int | None, Sequence[str]]:
    """(how much was lost, the models) of a run whose last start has not ended, as far as it is."""
    from prefgen.dataset.unfinished_run import UnfinishedRun, agreed_manifest
    from prefgen.errors import RecipeError

    try:
        unfinished = UnfinishedRun(folder)
        return sum(1 for _ in unfinished.failures()), sorted(unfinished.manifest.models)
    except RecipeError:  # no prompt of it can be finished yet
        agreed = agreed_manifest(folder)
        return None, sorted(agreed.models) if agreed else ()


def _paid_so_far(folder: Path, journal: Path | None) -> float | None:
    """What the journal holds of what the run paid in all its starts."""
    from prefgen.calls.budget import PICO
    from prefgen.calls.journal import read_spent
    from prefgen.dataset.read_run import RUN_ID

    run_id = folder / RUN_ID
    if journal is None or not journal.is_file() or not run_id.is_file():
        return None
    spent = read_spent(journal, run_id.read_text(encoding="utf-8").strip())
    return spent.cost / PICO if spent else None
