"""Consent: before a changed recipe pays for anything it is said what that is, and asked whether it is meant.

On a terminal there is a question; elsewhere what would cost money is refused until `--yes` is said. `--quiet`
is about words, and never an answer.
"""

import sys
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from prefgen.engine.plan import Plan
    from prefgen.engine.run import RunOptions
    from prefgen.recipe.build import Pipeline

LOOKED_AT = 50
"""Prompts that the estimate looks at."""


def on_terminal() -> bool:
    """Whether somebody can be asked."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def agree(question: str, refusal: str) -> None:
    """Ask; a no ends the command. Raises RecipeError with `refusal` where nobody can be asked."""
    from prefgen.errors import RecipeError

    if not on_terminal():
        raise RecipeError(refusal)
    typer.confirm(question, abort=True, err=True)


def agree_to_changes(pipeline: "Pipeline", options: "RunOptions", *, quiet: bool) -> None:
    """Before a changed recipe pays for anything: say what changed, what that costs and what becomes of the
    dataset that is there, and ask. Raises RecipeError where nobody can be asked and it costs money.
    """
    from prefgen.dataset.read_run import is_run, read_manifest
    from prefgen.recipe.identity import changed_stages

    out = options.out
    if all(model.simulated for model in pipeline.models.values()) or not is_run(out):
        return
    before = read_manifest(out)
    differences = changed_stages(before.stage_fingerprints, pipeline.identities)
    if not differences:
        return
    plan, estimate = _estimated(pipeline, options)
    may_cost = plan is None or plan.may_cost
    moved = f"the dataset that is in {out} moves to {out / 'previous'}/" if before.complete else ""
    if on_terminal() or not (quiet or may_cost):
        lines = [
            "The recipe changed since this folder's last run:",
            *(f"  {line}" for line in differences),
            f"{estimate[0].upper()}{estimate[1:]}.",
            *([f"{moved[0].upper()}{moved[1:]}."] if moved else []),
        ]
        typer.echo("\n".join(lines), err=True)
    if on_terminal() or may_cost:
        agree(
            "Go on?",
            f"the recipe changed since the last run in {out} ({'; '.join(differences)}): {estimate}"
            f"{'; ' if moved else ''}{moved}. Say --yes to go on, or give another --out",
        )


def _estimated(pipeline: "Pipeline", options: "RunOptions") -> tuple["Plan | None", str]:
    """(what the run would ask, the same in words); None where that cannot be said.

    Where nobody can be asked, all prompts are looked at before it is taken to cost nothing.
    """
    from prefgen.engine.plan import run_plan
    from prefgen.errors import PrefgenError

    try:
        plan = run_plan(pipeline, options, sample=LOOKED_AT, why=False)
        if not on_terminal() and not plan.may_cost and plan.sampled < plan.prompts:
            plan = run_plan(pipeline, options, sample=plan.prompts, why=False)
    except PrefgenError as error:
        return None, f"what it will cost cannot be said ({error})"
    return plan, _in_words(plan)


def _in_words(plan: "Plan") -> str:
    asked = [line for line in plan.lines if line.is_real]
    new, requests = sum(line.new_requests for line in asked), sum(line.requests for line in asked)
    if not new:
        some = f" of the {plan.sampled:,} prompts looked at" if plan.sampled < plan.prompts else ""
        return f"no request{some} is new"
    unpriced = ", ".join(plan.models_without_price)
    costs = [f"${plan.cost_usd:,.2f}"] if plan.cost_usd or not unpriced else []
    costs += [f"whatever {unpriced} costs (no price is given: run.prices)"] if unpriced else []
    return f"about {new:,.0f} of {requests:,.0f} requests are new, for about {' and '.join(costs)}"
