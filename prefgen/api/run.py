"""`prefgen.run(...)`: a run from Python, also inside a notebook's running loop."""

import asyncio
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prefgen.api.waiting import wait_for
from prefgen.engine.event_loop import collect_rarely, fast_loop
from prefgen.engine.progress import Progress
from prefgen.engine.run import INTERRUPTED, Runner, RunOptions, RunOutcome
from prefgen.recipe.build import Pipeline, build
from prefgen.recipe.load import load_recipe, recipe_from_data


@dataclass(frozen=True)
class Result:
    """A finished or stopped run: where it is, its manifest, and why it stopped if it did."""

    outcome: RunOutcome

    @property
    def complete(self) -> bool:
        return self.outcome.complete

    @property
    def path(self) -> Path:
        return self.outcome.out

    @property
    def manifest(self) -> dict[str, Any]:
        return self.outcome.manifest.as_json()

    @property
    def pairs(self) -> list[dict[str, Any]]:
        """The rows of pairs/, as TRL reads them."""
        from prefgen.dataset.read_run import read_pairs

        return [dict(row) for row in read_pairs(self.path)]

    def to_datasets(self) -> Any:
        """The pairs as a `datasets.Dataset`."""
        from datasets import load_dataset

        return load_dataset("parquet", data_files=str(self.path / "pairs" / "*.parquet"), split="train")


def pipeline_of(recipe: str | Path | Mapping[str, Any], sets: Sequence[str] = ()) -> Pipeline:
    """Build a recipe from a file, or from the same mapping as its YAML. Raises RecipeError."""
    if isinstance(recipe, Mapping):
        return build(recipe_from_data(recipe, Path.cwd()))
    return build(load_recipe(Path(recipe), sets))


def options_of(
    pipeline: Pipeline, out: str | Path | None, journal: str | Path | None, **extra_options: Any
) -> RunOptions:
    """Where a run goes: runs/<name> and runs/calls.sqlite unless told otherwise."""
    where = Path(out) if out is not None else Path("runs") / pipeline.recipe.name
    return RunOptions(
        where, Path(journal) if journal is not None else Path("runs") / "calls.sqlite", **extra_options
    )


async def arun(
    recipe: str | Path | Mapping[str, Any],
    *,
    out: str | Path | None = None,
    journal: str | Path | None = None,
    sets: Sequence[str] = (),
    limit: int | None = None,
    offline: bool = False,
    progress: Progress | None = None,
) -> Result:
    """Run a recipe in the running event loop. Raises what stopped the run (BudgetReached, EndpointDown ...).

    An incomplete run that merely lacks replies is returned with `complete` False. Cancelled once it finishes
    what is in flight, twice it stops at once; neither loses anything.
    """
    runner = _runner_of(recipe, out, journal, sets, limit, offline, progress)
    return _result_of(runner, await run_until_cancelled(runner))


def run(
    recipe: str | Path | Mapping[str, Any],
    *,
    out: str | Path | None = None,
    journal: str | Path | None = None,
    sets: Sequence[str] = (),
    limit: int | None = None,
    offline: bool = False,
    progress: Progress | None = None,
) -> Result:
    """Run a recipe and wait for it, as `arun` does. Works where an event loop runs already (a notebook).

    Interrupted once it finishes what is in flight, twice it stops at once; then KeyboardInterrupt is raised.
    """
    runner = _runner_of(recipe, out, journal, sets, limit, offline, progress)
    try:
        outcome = wait_for(lambda: run_until_cancelled(runner))
    except KeyboardInterrupt:
        raise KeyboardInterrupt(INTERRUPTED) from None
    return _result_of(runner, outcome)


def _runner_of(
    recipe: str | Path | Mapping[str, Any],
    out: str | Path | None,
    journal: str | Path | None,
    sets: Sequence[str],
    limit: int | None,
    offline: bool,
    progress: Progress | None,
) -> Runner:
    pipeline = pipeline_of(recipe, sets)
    return Runner(pipeline, options_of(pipeline, out, journal, limit=limit, live=not offline), progress)


async def run_until_cancelled(runner: Runner) -> RunOutcome:
    """Run; a cancellation is an interrupt of the run, and is passed on when the run has ended: nobody is
    asked any more, and what was answered is kept.
    """
    running = asyncio.create_task(runner.run())
    cancelled = False
    while not running.done():
        try:
            await asyncio.wait((running,))
        except asyncio.CancelledError:
            cancelled = True
            runner.interrupt()
    if cancelled:
        raise asyncio.CancelledError from (None if running.cancelled() else running.exception())
    return running.result()


def _result_of(runner: Runner, outcome: RunOutcome) -> Result:
    if outcome.stopped is not None:
        raise outcome.stopped
    _write_html_report(runner, outcome)
    return Result(outcome)


def _write_html_report(runner: Runner, outcome: RunOutcome) -> None:
    """Draw the pictures of a complete run. They are no part of the dataset: that they cannot be written is
    only said.
    """
    if not outcome.complete:
        return
    from prefgen.report.html import write_report

    try:
        write_report(outcome.out)
    except OSError as error:
        runner.progress.stats.notify(f"report.html could not be written: {error}")


def run_with_signals(runner: Runner) -> RunOutcome:
    """Run in a loop of its own; SIGINT and SIGTERM interrupt it, once gently and twice at once."""
    collect_rarely()

    async def main() -> RunOutcome:
        event_loop = asyncio.get_running_loop()
        for signum in (signal.SIGINT, signal.SIGTERM):
            try:
                event_loop.add_signal_handler(signum, runner.interrupt)
            except NotImplementedError:  # Windows
                signal.signal(signum, lambda *_: event_loop.call_soon_threadsafe(runner.interrupt))
        return await runner.run()

    with asyncio.Runner(loop_factory=fast_loop()) as asyncio_runner:
        outcome = asyncio_runner.run(main())
    _write_html_report(runner, outcome)
    return outcome
