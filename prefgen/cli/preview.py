"""prefgen preview"""

from typing import Annotated

import typer

from prefgen.cli.arguments import AsJsonOption, JournalFileOption, OutOption, RecipeArgument, SetsOption
from prefgen.cli.consent import YesOption
from prefgen.cli.screen import NoPagerOption, paged, rule, say, say_lines


def command(
    recipe: RecipeArgument,
    count: Annotated[int, typer.Option("-n", help="How many prompts.", min=1)] = 5,
    out: OutOption = None,
    journal: JournalFileOption = None,
    sets: SetsOption = [],
    yes: YesOption = False,
    no_pager: NoPagerOption = False,
    as_json: AsJsonOption = False,
) -> None:
    """Run a fair sample of the prompts and show everything that became of them. The replies count later:
    nothing is asked twice.
    """
    import tempfile
    from pathlib import Path

    from prefgen.api.recipes import paid_note, preview_records
    from prefgen.api.record_lines import record_json, record_lines
    from prefgen.api.run import options_of, run_with_signals
    from prefgen.cli.consent import agree_to_changes
    from prefgen.cli.outcome import print_outcome
    from prefgen.cli.panel import show_run
    from prefgen.engine.run import Runner
    from prefgen.recipe.build import build
    from prefgen.recipe.load import load_recipe

    pipeline = build(load_recipe(recipe, sets)).asked_live()  # somebody waits for it
    of_run = options_of(pipeline, out, journal, limit=count)
    journal_file = of_run.journal
    if not yes:
        agree_to_changes(pipeline, of_run, quiet=as_json, of=of_run.out)
    with tempfile.TemporaryDirectory(prefix="prefgen-preview-") as folder:
        options = options_of(pipeline, Path(folder) / pipeline.recipe.name, journal_file, limit=count)
        runner = Runner(pipeline, options)
        with show_run(runner.progress, quiet=as_json):
            outcome = run_with_signals(runner)
        paid = outcome.manifest.cost.paid_usd
        if paid and not as_json:
            say(paid_note(paid), err=True)
        if not outcome.complete:
            print_outcome(outcome, pipeline, as_json=as_json, quiet=False)
            raise typer.Exit(outcome.exit_code)
        with paged(off=no_pager or as_json):
            records, losses = preview_records(outcome.out)
            for record in records:
                if as_json:
                    print(record_json(record, losses[record.id]))
                else:
                    rule()
                    say_lines(record_lines(record, losses[record.id]))
    raise typer.Exit(outcome.exit_code)
