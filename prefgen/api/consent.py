"""Consent: what a changed recipe, or other prompts in its files, would pay for, known before it pays. The
command line asks whether it is meant; Python raises an error unless `yes` is said, since nobody sits in front
of a script or of a cell that runs.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from prefgen.dataset.manifest import Manifest
from prefgen.dataset.read_run import is_run, read_manifest
from prefgen.dataset.unfinished_run import agreed_manifest
from prefgen.engine.plan import Plan, make_plan
from prefgen.engine.previous import PREVIOUS
from prefgen.engine.run import RunOptions
from prefgen.errors import PrefgenError, RecipeError
from prefgen.recipe.build import Pipeline
from prefgen.recipe.identity import changed_stages
from prefgen.recipe.source_files import changed_files, source_digests

LOOKED_AT = 50
"""Prompts that the estimate looks at."""


@dataclass(frozen=True)
class Change:
    """How a recipe differs from the last run in its folder, a line a stage, or the files of its prompts, a
    line a file, and what that comes to.
    """

    out: Path
    what: str
    """What changed, in words."""
    differences: Sequence[str]
    estimate: str
    """What is new and what it costs, in words."""
    may_cost: bool
    moved: str
    """What becomes of the dataset that is there, in words; empty where it stays."""

    def refusal(self, remedy: str) -> RecipeError:
        """The error where nobody has said yes."""
        parts = "; ".join(filter(None, (self.estimate, self.moved)))
        changed = f"{self.what} changed since the last run in {self.out} ({'; '.join(self.differences)})"
        return RecipeError(f"{changed}: {parts}. {remedy}")


async def change_of(
    pipeline: Pipeline, options: RunOptions, *, is_asked: bool, of: Path | None = None
) -> Change | None:
    """What a run with these options changes; None where its folder has no earlier run of another recipe or
    of other prompts, or no model costs anything. `of` is the folder of that run where it is another than the
    one that is written: then its dataset stays. Raises RecipeError.

    Where nobody `is_asked`, all prompts are looked at before it is taken to cost nothing.
    """
    out = of or options.out
    before = _last_manifest(out) if pipeline.asks_real_models else None
    if before is None:
        return None
    stages = changed_stages(before.stage_fingerprints, pipeline.identities)
    files = changed_files(before.source_files, source_digests(pipeline.sources, pipeline.folder))
    if not stages and not files:
        return None
    plan, estimate = await _estimated(pipeline, options, is_asked=is_asked)
    moves = before.complete and of is None
    moved = f"the dataset that is in {out} moves to {out / PREVIOUS}/" if moves else ""
    what = "the recipe" if stages else "what the recipe reads"
    return Change(out, what, [*stages, *files], estimate, plan is None or plan.may_cost, moved)


async def refuse_unasked(
    pipeline: Pipeline, options: RunOptions, *, yes: bool, of: Path | None = None
) -> None:
    """Raises RecipeError where a changed recipe, or other prompts, would pay for something and nobody has
    said yes.
    """
    if yes or not options.live:
        return
    change = await change_of(pipeline, options, is_asked=False, of=of)
    if change is not None and change.may_cost:
        other = "" if of else ", or another out="
        raise change.refusal(f"Give yes=True to go on{other}")


def _last_manifest(out: Path) -> Manifest | None:
    """What the last run in a folder was made by: the finished dataset that stands there, else the last start
    that could pay, be it killed before it wrote a manifest. Raises RecipeError.
    """
    manifest = read_manifest(out) if is_run(out) else None
    if manifest is not None and manifest.complete:
        return manifest
    return agreed_manifest(out) or manifest


async def _estimated(pipeline: Pipeline, options: RunOptions, *, is_asked: bool) -> tuple[Plan | None, str]:
    """(what the run would ask, the same in words); None where that cannot be said."""
    try:
        plan = await make_plan(pipeline, options, sample=LOOKED_AT)
        if not is_asked and not plan.may_cost and plan.sampled < plan.prompts:
            plan = await make_plan(pipeline, options, sample=plan.prompts)
    except PrefgenError as error:
        return None, f"what it will cost cannot be said ({error})"
    return plan, _in_words(plan)


def _in_words(plan: Plan) -> str:
    asked = [line for line in plan.lines if line.is_real]
    new, requests = sum(line.new_requests for line in asked), sum(line.requests for line in asked)
    if not new:
        some = f" of the {plan.sampled:,} prompts looked at" if plan.sampled < plan.prompts else ""
        return f"no request{some} is new"
    unpriced = ", ".join(plan.models_without_price)
    costs = [f"${plan.cost_usd:,.2f}"] if plan.cost_usd or not unpriced else []
    costs += [f"whatever {unpriced} costs (no price is given: run.prices)"] if unpriced else []
    return f"about {new:,.0f} of {requests:,.0f} requests are new, for about {' and '.join(costs)}"
