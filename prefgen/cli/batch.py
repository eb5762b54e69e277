"""prefgen batch"""

import asyncio
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from prefgen.cli.arguments import AsJsonOption, JournalFileOption, OutOption
from prefgen.cli.completion import complete_runs
from prefgen.cli.screen import say, say_note

if TYPE_CHECKING:
    from prefgen.recipe.build import Pipeline

app = typer.Typer(
    help="Look after batches at a provider that a run waits for (`prefgen status` shows them).",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.callback()
def _group() -> None:
    pass


@app.command("cancel")
def cancel(
    run: Annotated[
        Path,
        typer.Argument(
            metavar="RUN|RECIPE", help="A run's folder, or its recipe.", autocompletion=complete_runs
        ),
    ],
    out: OutOption = None,
    journal: JournalFileOption = None,
    as_json: AsJsonOption = False,
) -> None:
    """Cancel the batches of a run. What they have answered is kept; the rest is asked by the next run."""
    from prefgen.engine.cancel_batches import cancel_batches

    pipeline, folder, journal_file = _run_of(run, out, journal)
    cancelled = asyncio.run(cancel_batches(pipeline, folder, journal_file))
    if as_json:
        facts = {"ended": [b.id for b in cancelled.ended], "left": [b.id for b in cancelled.left]}
        print(json.dumps(facts))
        return
    for notice in cancelled.notices:
        say(f"  {notice}", hanging="    ", err=True)
    if not (cancelled.ended or cancelled.left):
        say_note(f"no batch of {folder} is under way")
    for batch in cancelled.left:
        say_note(f"batch {batch.id} is still being cancelled: the next `prefgen run` or `batch cancel` looks")


def _run_of(run: Path, out: Path | None, journal: Path | None) -> "tuple[Pipeline, Path, Path]":
    """The pipeline of a run, its folder and its journal. Raises RecipeError."""
    from prefgen.api.run import options_of
    from prefgen.engine.run_folder import last_start
    from prefgen.recipe.build import build
    from prefgen.recipe.load import load_recipe

    if run.is_dir():
        pipeline = build(load_recipe(run / "recipe.yaml", []))
        last = last_start(run)
        out, journal = out or run, journal or (last.journal if last else None)
    else:
        pipeline = build(load_recipe(run, []))
    options = options_of(pipeline, out, journal)
    return pipeline, options.out, options.journal
