"""prefgen status"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import typer

from prefgen.cli.arguments import AsJsonOption


@dataclass(frozen=True)
class RunStatus:
    """How far a run is. `paid_usd` is None where it is not known: of a run that is at work, or that never
    stopped cleanly.
    """

    run: str
    state: str
    prompts: int = 0
    finished: int = 0
    pairs: int = 0
    failures: int = 0
    paid_usd: float | None = None
    stopped: str | None = None

    def line(self) -> str:
        """What a person is told."""
        paid = "" if self.paid_usd is None else f", paid ${self.paid_usd:.4f}"
        unfinished = f"{self.finished:,} of " if self.finished < self.prompts else ""
        stopped = f" ({self.stopped})" if self.stopped else ""
        counts = f"{unfinished}{self.prompts:,} prompts, {self.pairs:,} pairs, {self.failures:,} failures"
        return f"{self.run}: {self.state}, {counts}{paid}{stopped}"


def command(
    run: Annotated[
        Path | None,
        typer.Argument(help="A run's folder. Default: every run under runs/.", show_default=False),
    ] = None,
    as_json: AsJsonOption = False,
) -> None:
    """How far runs are, from their files alone."""
    from prefgen.errors import RecipeError

    if run is not None and not run.is_dir():
        raise RecipeError(f"{str(run)!r} is no folder")
    folders = [run] if run is not None else sorted(p for p in Path("runs").glob("*") if p.is_dir())
    rows = [_read_status(folder) for folder in folders]
    if as_json:
        print(json.dumps([asdict(row) for row in rows]))
        return
    for row in rows:
        print(row.line())
    if not rows:
        print("no runs here (looked in runs/)")


def _read_status(folder: Path) -> RunStatus:
    from prefgen.dataset.read_run import is_run, read_manifest
    from prefgen.engine.record_store import read_progress
    from prefgen.engine.run_folder import RECORD_STORE, is_held
    from prefgen.errors import RecipeError

    manifest, stopped = None, None
    try:
        manifest = read_manifest(folder) if is_run(folder) else None
    except RecipeError as error:
        stopped = str(error)
    if is_held(folder):
        state = "at work"
    elif manifest is not None:
        state = "complete" if manifest.complete else "incomplete"
    else:
        state = "incomplete" if stopped else "never stopped cleanly"
    progress = None if state == "complete" else read_progress(folder / RECORD_STORE)
    prompts = manifest.yields.prompts if manifest else 0
    prompts, finished, pairs = progress or (prompts, prompts, manifest.yields.pairs if manifest else 0)
    return RunStatus(
        run=str(folder),
        state=state,
        prompts=prompts,
        finished=finished,
        pairs=pairs,
        failures=sum(manifest.yields.failures.values()) if manifest else 0,
        paid_usd=manifest.cost.paid_usd if manifest and state != "at work" else None,
        stopped=manifest.stopped if manifest else stopped,
    )
