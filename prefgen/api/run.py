"""`prefgen.run(...)`: a run from Python, also inside a notebook's running loop."""

import asyncio
import signal
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from prefgen.api.consent import refuse_unasked
from prefgen.api.notebook import shown_in_notebook
from prefgen.api.options import require_one
from prefgen.api.result import Result
from prefgen.api.waiting import TICK, wait_for
from prefgen.engine.event_loop import collect_rarely, fast_loop
from prefgen.engine.progress import Progress
from prefgen.engine.run import INTERRUPTED, Runner, RunOptions, RunOutcome
from prefgen.errors import RecipeError
from prefgen.recipe.build import Pipeline, build
from prefgen.recipe.load import load_recipe, recipe_from_data


def pipeline_of(recipe: str | Path | Mapping[str, Any], sets: Sequence[str] = ()) -> Pipeline:
    """Build a recipe from a file, or from the same mapping as its YAML. Raises RecipeError."""
    if isinstance(recipe, Mapping):
        return build(recipe_from_data(recipe, Path.cwd(), sets))
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
    online: bool = False,
    allow_new: bool = False,
    yes: bool = False,
    progress: Progress | None = None,
    quiet: bool = False,
) -> Result:
    """Run a recipe in the running event loop. Raises what stopped the run (BudgetReached, EndpointDown ...).

    An incomplete run that merely lacks replies is returned with `complete` False. Cancelled once it finishes
    what is in flight, twice it stops at once; neither loses anything. A notebook shows how far it is, unless
    `quiet`. A recipe that changed since the folder's last run pays for nothing unless `yes`: RecipeError says
    what it would cost. `allow_new` lets finished records ask new things, and `online` asks live what would go
    to a batch, as --allow-new and --online do.
    """
    pipeline, options = _whole_run(recipe, out, journal, sets, limit, offline, online, allow_new)
    await refuse_unasked(pipeline, options, yes=yes)
    runner = with_warnings(Runner(pipeline, options, progress))
    with shown_in_notebook(runner.progress, quiet=quiet) as update:
        outcome = await run_until_cancelled(runner, update)
    return _result_of(runner, outcome)


def run(
    recipe: str | Path | Mapping[str, Any],
    *,
    out: str | Path | None = None,
    journal: str | Path | None = None,
    sets: Sequence[str] = (),
    limit: int | None = None,
    offline: bool = False,
    online: bool = False,
    allow_new: bool = False,
    yes: bool = False,
    progress: Progress | None = None,
    quiet: bool = False,
) -> Result:
    """Run a recipe and wait for it, as `arun` does. Works where an event loop runs already (a notebook).

    Interrupted once it finishes what is in flight, twice it stops at once; then KeyboardInterrupt is raised.
    """
    pipeline, options = _whole_run(recipe, out, journal, sets, limit, offline, online, allow_new)
    wait_for(lambda: refuse_unasked(pipeline, options, yes=yes))
    runner = with_warnings(Runner(pipeline, options, progress))
    with shown_in_notebook(runner.progress, quiet=quiet) as update:
        outcome = wait_for_run(runner, update)
    return _result_of(runner, outcome)


def wait_for_run(runner: Runner, update: Callable[[], None]) -> RunOutcome:
    """How the run ends. Where it was interrupted, KeyboardInterrupt is raised once it has ended."""
    try:
        return wait_for(lambda: run_until_cancelled(runner), update)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(INTERRUPTED) from None


def _whole_run(
    recipe: str | Path | Mapping[str, Any],
    out: str | Path | None,
    journal: str | Path | None,
    sets: Sequence[str],
    limit: int | None,
    offline: bool,
    online: bool,
    allow_new: bool,
) -> tuple[Pipeline, RunOptions]:
    require_one("limit", limit)
    refuse_both(online=online, live=not offline)
    pipeline = pipeline_of(recipe, sets)
    if online:
        pipeline = pipeline.asked_live()
    options = options_of(
        pipeline, out, journal, limit=limit, live=not offline, online=online, allow_new=allow_new
    )
    return pipeline, options


def refuse_both(*, online: bool, live: bool) -> None:
    """Raises RecipeError where live answers are wanted of a run that asks nobody."""
    if online and not live:
        raise RecipeError("--online asks, and --offline and --export-requests ask nobody: say one of them")


def with_warnings(runner: Runner) -> Runner:
    """The run, which begins by saying what should be known of its recipe."""
    notify = runner.progress.stats.notify
    for note in runner.pipeline.price_notes if runner.options.live else ():
        notify(note)
    for warning in runner.pipeline.warnings:
        notify(f"warning: {warning}")
    if runner.pipeline.simulated:
        notify(
            "SIMULATED: at least one model of this recipe is simulated; its data says so and is for trying "
            "out only"
        )
    return runner


async def run_until_cancelled(runner: Runner, tick: Callable[[], None] = lambda: None) -> RunOutcome:
    """Run; `tick` is called now and then. A cancellation is an interrupt of the run, and is passed on when
    the run has ended: nobody is asked any more, and what was answered is kept.
    """
    running = asyncio.create_task(runner.run())
    interruption: BaseException | None = None
    while not running.done():
        try:
            await asyncio.wait((running,), timeout=TICK)
            tick()
        except BaseException as error:  # whatever ends the waiting ends the run
            interruption = error
            runner.interrupt()
    if interruption is not None:
        raise interruption from (None if running.cancelled() else running.exception())
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
    """Run in a loop of its own; SIGINT, SIGTERM and SIGHUP interrupt it, once gently and twice at
    once. SIGHUP under nohup goes unheard, as nohup wants it.
    """
    collect_rarely()

    async def main() -> RunOutcome:
        event_loop = asyncio.get_running_loop()
        for signum in _interrupting_signals():
            try:
                event_loop.add_signal_handler(signum, runner.interrupt)
            except NotImplementedError:  # Windows
                signal.signal(signum, lambda *_: event_loop.call_soon_threadsafe(runner.interrupt))
        return await runner.run()

    with asyncio.Runner(loop_factory=fast_loop()) as asyncio_runner:
        outcome = asyncio_runner.run(main())
    _write_html_report(runner, outcome)
    return outcome


def _interrupting_signals() -> list[signal.Signals]:
    signals = [signal.SIGINT, signal.SIGTERM]
    hangup: signal.Signals | None = getattr(signal, "SIGHUP", None)  # Windows has none
    if hangup is not None and signal.getsignal(hangup) is not signal.SIG_IGN:
        signals.append(hangup)
    return signals
