"""`prefgen.run(...)`: a run from Python, also inside a notebook's running loop."""

import asyncio
import signal
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prefgen.engine.event_loop import collect_rarely, fast_loop
from prefgen.engine.progress import Progress
from prefgen.engine.run import Runner, RunOptions, RunOutcome
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

    An incomplete run that merely lacks replies is returned with `complete` False.
    """
    pipeline = pipeline_of(recipe, sets)
    runner = Runner(pipeline, options_of(pipeline, out, journal, limit=limit, live=not offline), progress)
    outcome = await runner.run()
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


def run(recipe: str | Path | Mapping[str, Any], **options: Any) -> Result:
    """Run a recipe and wait for it; takes the options of `arun`. Works where an event loop runs already (a
    notebook).
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return _run_in_new_loop(recipe, options)
    results: list[Any] = []

    def work() -> None:
        try:
            results.append(_run_in_new_loop(recipe, options))
        except BaseException as error:
            results.append(error)

    thread = threading.Thread(target=work, name="prefgen run")
    thread.start()
    thread.join()
    if isinstance(results[0], BaseException):
        raise results[0]
    return results[0]


def _run_in_new_loop(recipe: Any, options: dict[str, Any]) -> Result:
    with asyncio.Runner(loop_factory=fast_loop()) as runner:
        return runner.run(arun(recipe, **options))


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
