"""prefgen plan"""

import json
from typing import TYPE_CHECKING, Annotated

import typer

from prefgen.cli.arguments import AsJsonOption, JournalFileOption, OutOption, RecipeArgument, SetsOption

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
            print(note)


def _print_plan(name: str, plan: "Plan") -> None:
    from prefgen.engine.progress import format_duration

    print(
        f"{name}: {plan.prompts:,} prompts, {plan.sampled:,} looked at; new answers are simulated, so the "
        "numbers are estimates"
    )
    header = (
        f"{'stage':10}  {'model':16}  {'requests':>10}  {'in journal':>10}  {'tokens in':>12}  "
        f"{'tokens out':>12}"
    )
    print(f"{header}  {'cost':>10}  {'time':>12}  {'rounds':>6}")
    for line in plan.lines:
        cost = f"${line.cost_usd:,.2f}" if line.has_price else "no price"
        print(
            f"{line.stage:10}  {line.model:16}  {line.requests:>10,.0f}  {line.replayed:>10,.0f}  "
            f"{line.prompt_tokens:>12,.0f}  {line.completion_tokens:>12,.0f}  {cost:>10}  "
            f"{format_duration(line.seconds):>12}  {line.rounds:>6}"
        )
    unpriced = ", ".join(plan.models_without_price)
    unpriced_note = f" and whatever {unpriced} costs (no price is given)" if unpriced else ""
    print(
        f"new requests: {plan.new_requests:,.0f}; cost: ${plan.cost_usd:,.2f}{unpriced_note}; about "
        f"{format_duration(plan.seconds)}, as the slowest model decides"
    )
    if plan.budget.is_limited:
        print(_budget_line(plan))
    rounds = sum({line.stage: line.rounds for line in plan.lines}.values())
    print(f"rounds in series: {rounds}: so many turns of a batch or of a local model would be needed")
    for reason in plan.why:
        print(f"  {reason}")


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
