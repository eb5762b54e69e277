"""prefgen plan"""

import json
from typing import TYPE_CHECKING, Annotated

import typer

from prefgen.cli.arguments import AsJsonOption, JournalFileOption, OutOption, RecipeArgument, SetsOption
from prefgen.cli.screen import say
from prefgen.cli.table import print_table
from prefgen.text.plain_table import Column

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
        _print_plan(pipeline.recipe.name, plan)
        for note in pipeline.price_notes:
            say(note)


COLUMNS = (
    Column("stage"), Column("model"),
    Column("requests", is_number=True), Column("in journal", is_number=True),
    Column("tokens in", is_number=True), Column("tokens out", is_number=True), Column("cost", is_number=True),
    Column("time", is_number=True), Column("rounds", is_number=True),
)  # fmt: skip


def _print_plan(name: str, plan: "Plan") -> None:
    from prefgen.engine.progress import format_duration

    say(
        (name, "bold"),
        f": {plan.prompts:,} prompts, {plan.sampled:,} looked at; new answers are simulated, so the numbers "
        "are estimates",
    )
    rows = [
        [
            line.stage, line.model, f"{line.requests:,.0f}", f"{line.replayed:,.0f}",
            f"{line.prompt_tokens:,.0f}", f"{line.completion_tokens:,.0f}",
            f"${line.cost_usd:,.2f}" if line.has_price else "no price", format_duration(line.seconds),
            str(line.rounds),
        ]
        for line in plan.lines
    ]  # fmt: skip
    print_table(COLUMNS, rows)
    unpriced = ", ".join(plan.models_without_price)
    unpriced_note = f" and whatever {unpriced} costs (no price is given)" if unpriced else ""
    say(
        f"new requests: {plan.new_requests:,.0f}; ",
        (f"cost: ${plan.cost_usd:,.2f}{unpriced_note}", "bold"),
        f"; about {format_duration(plan.seconds)}, as the slowest model decides",
    )
    if plan.budget.is_limited:
        say((_budget_line(plan), "" if plan.reach >= 1 else "yellow"))
    rounds = sum({line.stage: line.rounds for line in plan.lines}.values())
    say(f"rounds in series: {rounds}: so many turns of a batch or of a local model would be needed")
    for reason in plan.why:
        say(reason, indent="  ", hanging="  ")


def _budget_line(plan: "Plan") -> str:
    """The budget, what is spent of it, and how far the rest reaches."""
    from prefgen.calls.budget import dollars

    budget, limits, spent = plan.budget, [], []
    if budget.limit is not None:
        limits.append(dollars(budget.limit))
        spent.append(dollars(budget.spent))
    if budget.token_limit is not None:
        limits.append(f"{budget.token_limit:,} tokens")
        spent.append(f"{budget.spent_tokens:,} tokens")
    line = f"budget: {' and '.join(limits)}, {' and '.join(spent)} spent in this folder: "
    if plan.reach >= 1:
        return f"{line}enough for all of it"
    pairs = f", or {plan.reach * plan.pairs:,.0f} of {plan.pairs:,.0f} pairs" if plan.pairs else ""
    return (
        f"{line}enough for about {plan.reach:.0%} of what is new ({plan.reach * plan.prompts:,.0f} of "
        f"{plan.prompts:,} prompts{pairs})"
    )
