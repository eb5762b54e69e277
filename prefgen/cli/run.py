"""prefgen run"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from prefgen.cli.arguments import (
    AsJsonOption,
    JournalFileOption,
    NoPluginsOption,
    OutOption,
    RecipeArgument,
    SetsOption,
)
from prefgen.cli.consent import YesOption
from prefgen.errors import RecipeError

if TYPE_CHECKING:  # the command line imports nothing heavy
    from prefgen.engine.run import RunOptions, RunOutcome
    from prefgen.recipe.build import Pipeline


CountOption = Annotated[
    int | None, typer.Option("-n", help="Only so many prompts, a fair sample.", min=1, show_default=False)
]
OfflineOption = Annotated[bool, typer.Option("--offline", help="Ask nobody: everything from the journal.")]
OnlineOption = Annotated[
    bool,
    typer.Option(
        "--online",
        help="Ask live what would go to a batch; open batches are cancelled, and what they answered is kept.",
    ),
]
RequestsAFileOption = Annotated[
    int | None,
    typer.Option(
        "--requests-per-file",
        help="With --export-requests: so many requests a file at most.",
        min=1,
        show_default=False,
    ),
]
ExportFileOption = Annotated[
    Path | None,
    typer.Option(
        "--export-requests",
        help="Write the requests without a reply as batch files, instead of asking.",
        show_default=False,
    ),
]
AllowNewOption = Annotated[
    bool,
    typer.Option("--allow-new", help="Let finished records ask new things (a plug-in changed on purpose)."),
]
AndPublishOption = Annotated[
    bool, typer.Option("--publish", help="Then publish it, as the recipe's `publish:` says.")
]
AndTrainOption = Annotated[
    bool, typer.Option("--train", help="Then train on it, as the recipe's `train:` says.")
]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="Only errors.")]


def command(
    recipe: RecipeArgument,
    out: OutOption = None,
    journal: JournalFileOption = None,
    sets: SetsOption = [],
    limit: CountOption = None,
    offline: OfflineOption = False,
    online: OnlineOption = False,
    export: ExportFileOption = None,
    requests_per_file: RequestsAFileOption = None,
    allow_new: AllowNewOption = False,
    yes: YesOption = False,
    no_plugins: NoPluginsOption = False,
    publish: AndPublishOption = False,
    train: AndTrainOption = False,
    quiet: QuietOption = False,
    as_json: AsJsonOption = False,
) -> None:
    """Run a recipe; started again, it goes on where it was.

    Writes records/, pairs/, failures.parquet and manifest.json to the run's folder. Every reply is kept in
    the journal and never asked for twice. Ctrl-C once finishes what is in flight; twice stops at once;
    neither loses anything.
    """
    from prefgen.api.check import parse_sections
    from prefgen.api.run import options_of, refuse_both
    from prefgen.cli import after
    from prefgen.cli.consent import agree_to_changes
    from prefgen.cli.outcome import print_outcome
    from prefgen.recipe.build import build
    from prefgen.recipe.load import load_recipe

    loaded = load_recipe(recipe, sets)
    pipeline = build(loaded, plugins=not no_plugins)
    publish_settings, train_settings = parse_sections(loaded)
    if publish and publish_settings is None:
        raise RecipeError("--publish: the recipe has no `publish:`", str(recipe))
    if train and train_settings is None:
        raise RecipeError("--train: the recipe has no `train:`", str(recipe))
    live = not (offline or export)
    refuse_both(online=online, live=live)
    if requests_per_file and not export:
        raise RecipeError("--requests-per-file says how --export-requests FILE cuts its files; say that too")
    if online:
        pipeline = pipeline.asked_live()
    options = options_of(pipeline, out, journal, limit=limit, live=live, online=online, allow_new=allow_new)
    if live and not yes:
        remedy = "Say --yes to go on, or give another --out"
        agree_to_changes(pipeline, options, quiet=quiet, remedy=remedy)
    outcome = _run(pipeline, options, export, requests_per_file, quiet=quiet)
    exported = export is not None
    print_outcome(outcome, pipeline, as_json=as_json, quiet=quiet, exported=exported, offline=offline)
    if outcome.complete and not exported:
        release = after.publish_run(outcome.out, publish_settings) if publish and publish_settings else None
        if train and train_settings:
            after.train_on_run(outcome.out, train_settings, release)
    raise typer.Exit(outcome.exit_code)


def _run(
    pipeline: "Pipeline",
    options: "RunOptions",
    export: Path | None,
    requests_per_file: int | None,
    *,
    quiet: bool,
) -> "RunOutcome":
    """Run, showing how far it is; what waits for a reply is written to `export`."""
    from prefgen.api.run import run_with_signals, with_warnings
    from prefgen.cli.outcome import export_parked_requests
    from prefgen.cli.panel import show_run
    from prefgen.engine.run import Runner

    runner = with_warnings(Runner(pipeline, options))
    with show_run(runner.progress, quiet=quiet):
        outcome = run_with_signals(runner)
    if export is not None:
        export_parked_requests(outcome, options, export, requests_per_file)
    return outcome
