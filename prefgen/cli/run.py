"""prefgen run"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from prefgen.cli.arguments import AsJson, JournalFile, Out, Recipe, Sets

if TYPE_CHECKING:  # the command line imports nothing heavy
    from prefgen.engine.run import RunOptions
    from prefgen.recipe.build import Pipeline


def command(
    recipe: Recipe,
    out: Out = None,
    journal: JournalFile = None,
    sets: Sets = [],  # noqa: B006 - typer reads the default and never changes it
    limit: Annotated[
        int | None, typer.Option("-n", help="Only so many prompts, a fair sample.", min=1, show_default=False)
    ] = None,
    offline: Annotated[
        bool, typer.Option("--offline", help="Ask nobody: everything from the journal.")
    ] = False,
    export: Annotated[
        Path | None,
        typer.Option(
            "--export-requests",
            help="Write the requests without a reply as a batch file, instead of asking.",
            show_default=False,
        ),
    ] = None,
    allow_new: Annotated[
        bool,
        typer.Option(
            "--allow-new", help="Let finished records ask new things (a plug-in changed on purpose)."
        ),
    ] = False,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Do not ask before paying for a changed recipe.")
    ] = False,
    no_plugins: Annotated[
        bool, typer.Option("--no-plugins", help="Refuse recipes that name Python files.")
    ] = False,
    publish: Annotated[
        bool, typer.Option("--publish", help="Then publish it, as the recipe's `publish:` says.")
    ] = False,
    train: Annotated[
        bool, typer.Option("--train", help="Then train on it, as the recipe's `train:` says.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Only errors.")] = False,
    as_json: AsJson = False,
) -> None:
    """Run a recipe; started again, it goes on where it was.

    Writes records/, pairs/, failures.parquet and manifest.json to the run's folder. Every reply is kept in
    the journal and never asked for twice. Ctrl-C once finishes what is in flight; twice stops at once;
    neither loses anything.
    """
    from prefgen.api import options_of, run_with_signals
    from prefgen.cli import after
    from prefgen.cli.outcome import export_parked_requests, print_outcome
    from prefgen.cli.panel import show_run
    from prefgen.engine.run import Runner
    from prefgen.errors import RecipeError
    from prefgen.recipe.build import build
    from prefgen.recipe.load import load_recipe

    loaded = load_recipe(recipe, sets)
    pipeline = build(loaded, plugins=not no_plugins)
    publish_settings, train_settings = after.parse_sections(loaded)
    for requested, section, name in (
        (publish, publish_settings, "publish"),
        (train, train_settings, "train"),
    ):
        if requested and section is None:
            raise RecipeError(f"--{name}: the recipe has no `{name}:`", str(recipe))
    live = not (offline or export)
    options = options_of(pipeline, out, journal, limit=limit, live=live, allow_new=allow_new)
    runner = Runner(pipeline, options)
    for warning in pipeline.warnings:
        runner.progress.stats.notify(f"warning: {warning}")
    if pipeline.simulated:
        runner.progress.stats.notify(
            "SIMULATED: at least one model of this recipe is simulated; its data says so and is for trying "
            "out only"
        )
    if live and not yes:
        _confirm_changes(pipeline, options, quiet)
    with show_run(runner.progress, quiet=quiet):
        outcome = run_with_signals(runner)
    if export is not None:
        export_parked_requests(outcome, options, export)
    print_outcome(
        outcome, pipeline, as_json=as_json, quiet=quiet, exported=export is not None, offline=offline
    )
    if outcome.complete and export is None:
        release = after.publish_run(outcome.out, publish_settings) if publish and publish_settings else None
        if train and train_settings:
            after.train_on_run(outcome.out, train_settings, release)
    raise typer.Exit(outcome.exit_code)


def _confirm_changes(pipeline: "Pipeline", options: "RunOptions", quiet: bool) -> None:
    """On a terminal, before a changed recipe pays for anything: say what changed and ask."""
    import sys

    from prefgen.dataset.read_run import is_run, read_manifest
    from prefgen.recipe.identity import changed_stages

    out = options.out
    if pipeline.simulated or not is_run(out):
        return
    differences = changed_stages(read_manifest(out).stage_fingerprints, pipeline.identities)
    if not differences or quiet:
        return
    typer.echo("The recipe changed since this folder's last run:", err=True)
    for line in differences:
        typer.echo(f"  {line}", err=True)
    typer.echo(
        "Replies that the journal holds are used again; `prefgen plan` says what the rest costs.", err=True
    )
    if sys.stdin.isatty() and sys.stderr.isatty():
        typer.confirm("Go on?", abort=True, err=True)
