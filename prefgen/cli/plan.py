"""prefgen plan"""

import json
from typing import TYPE_CHECKING, Annotated

import typer

from prefgen.cli.arguments import AsJsonOption, JournalFileOption, OutOption, RecipeArgument, SetsOption
from prefgen.cli.screen import NoPagerOption, paged, say_lines
from prefgen.cli.table import print_table

if TYPE_CHECKING:
    from prefgen.engine.plan import Plan


def command(
    recipe: RecipeArgument,
    sample: Annotated[int, typer.Option("-k", help="How many prompts to look at.", min=1)] = 50,
    out: OutOption = None,
    journal: JournalFileOption = None,
    sets: SetsOption = [],
    why: Annotated[
        bool,
        typer.Option(
            "--why", help="Say which part of an ask makes it new: model, messages, sampling or format."
        ),
    ] = False,
    no_pager: NoPagerOption = False,
    as_json: AsJsonOption = False,
) -> None:
    """Say what a run would ask and cost, without asking: replayed from the journal, and simulated where it
    has no reply.
    """
    from prefgen.api.run import options_of
    from prefgen.engine.plan import run_plan
    from prefgen.recipe.build import build
    from prefgen.recipe.load import load_recipe

    pipeline = build(load_recipe(recipe, sets))
    plan = run_plan(pipeline, options_of(pipeline, out, journal), sample=sample, why=why)
    if as_json:
        print(json.dumps(plan.as_json()))
    else:
        with paged(off=no_pager):
            _print_plan(plan)


def _print_plan(plan: "Plan") -> None:
    from prefgen.engine.plan_words import COLUMNS, closing_lines, heading_line, sum_line, table_rows

    say_lines([heading_line(plan)])
    print_table(COLUMNS, table_rows(plan))
    say_lines([sum_line(plan), *closing_lines(plan)])
