"""What a plan says, line by line: what the run costs, what each stage asks, how far the budget reaches."""

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from prefgen.calls.budget import dollars
from prefgen.engine.progress import format_duration
from prefgen.text.plain_table import Column, plain_table
from prefgen.text.said_lines import Line, line

if TYPE_CHECKING:
    from prefgen.engine.plan import Plan, PlanLine

COLUMNS = (
    Column("stage"), Column("model"),
    Column("requests", is_number=True), Column("in journal", is_number=True),
    Column("tokens in", is_number=True), Column("tokens out", is_number=True), Column("cost", is_number=True),
    Column("time", is_number=True), Column("rounds", is_number=True),
)  # fmt: skip


def plan_lines(plan: "Plan") -> Iterator[Line]:
    """All of it, what it costs first."""
    yield sum_line(plan)
    yield heading_line(plan)
    yield from map(line, plain_table(COLUMNS, table_rows(plan)))
    yield from closing_lines(plan)


def heading_line(plan: "Plan") -> Line:
    looked_at = "all of them looked at"
    if plan.sampled < plan.prompts:
        looked_at = f"{plan.sampled:,} of them looked at and the numbers scaled up to all"
    return line(
        (plan.name, "bold"),
        f": {plan.prompts:,} prompts, {looked_at}; new answers are simulated, so the numbers are estimates",
    )


def table_rows(plan: "Plan") -> list[Sequence[str]]:
    """A row a stage and model, for COLUMNS."""
    return [
        [
            asked.stage, asked.model, f"{asked.requests:,.0f}", f"{asked.replayed:,.0f}",
            f"{asked.prompt_tokens:,.0f}", f"{asked.completion_tokens:,.0f}",
            _cost_text(asked), format_duration(asked.seconds), str(asked.rounds),
        ]
        for asked in plan.lines
    ]  # fmt: skip


def _cost_text(asked: "PlanLine") -> str:
    if not asked.is_real:
        return "free"
    return f"${asked.cost_usd:,.2f}" if asked.has_price else "no price"


def sum_line(plan: "Plan") -> Line:
    """What is new in all, and what it costs."""
    unpriced = ", ".join(plan.models_without_price)
    unpriced_note = f" and whatever {unpriced} costs (no price is given)" if unpriced else ""
    return line(
        f"new requests: {plan.new_requests:,.0f}; ",
        (f"cost: ${plan.cost_usd:,.2f}{unpriced_note}", "bold"),
        f"; about {format_duration(plan.seconds)}, as the slowest model decides",
    )


def closing_lines(plan: "Plan") -> Iterator[Line]:
    """The budget, the rounds, why asks are new, and where prices come from."""
    if plan.budget.is_limited:
        yield line((_budget_text(plan), "" if plan.reach >= 1 else "yellow"))
    rounds = sum({asked.stage: asked.rounds for asked in plan.lines}.values())
    yield line(f"rounds in series: {rounds}: so many turns of a batch or of a local model would be needed")
    if batched := [asked for asked in plan.lines if asked.batched and asked.new_requests]:
        yield line(_batches_text(batched))
    yield from _passes_lines(plan)
    for reason in plan.why:
        yield line(reason, indent="  ", hanging="  ")
    yield from map(line, plan.price_notes)


def _batches_text(batched: Sequence["PlanLine"]) -> str:
    """What goes to providers' batches, and how often one waits for them."""
    of_models: dict[str, float] = {}
    for asked in batched:
        of_models[asked.model] = of_models.get(asked.model, 0) + asked.new_requests
    rounds = sum({asked.stage: asked.rounds for asked in batched}.values())
    requests = ", ".join(f"{count:,.0f} of {model}" for model, count in of_models.items())
    times = "once" if rounds == 1 else f"{rounds} times, one after the other"
    return (
        f"batches: {requests} requests go to batches; the run ends and waits {times}, each at most a day; "
        "the cost is that of batches"
    )


def _passes_lines(plan: "Plan") -> Iterator[Line]:
    """Which models are loaded together, one pass after the other, over each segment."""
    for segment in plan.passes:
        of = f" of segment {segment.segment + 1}" if len(plan.passes) > 1 else ""
        names = " -> ".join(", ".join(names) for names in segment.passes)
        passes = "1 pass" if len(segment.passes) == 1 else f"{len(segment.passes)} passes"
        loads = "1 load" if segment.loads == 1 else f"{segment.loads} loads"
        yield line(f"passes{of}: {names} ({passes}, {loads})", hanging="  ")


def _budget_text(plan: "Plan") -> str:
    """The budget, what is spent of it, and how far the rest reaches."""
    budget, limits, spent = plan.budget, [], []
    if budget.limit is not None:
        limits.append(dollars(budget.limit))
        spent.append(dollars(budget.spent))
    if budget.token_limit is not None:
        limits.append(f"{budget.token_limit:,} tokens")
        spent.append(f"{budget.spent_tokens:,} tokens")
    text = f"budget: {' and '.join(limits)}, {' and '.join(spent)} spent in this folder: "
    if plan.reach >= 1:
        return f"{text}enough for all of it"
    pairs = f", or {math.floor(plan.reach * plan.pairs):,} of {plan.pairs:,.0f} pairs" if plan.pairs else ""
    prompts = math.floor(plan.reach * plan.prompts)  # so that what is not enough for all does not say so
    return (
        f"{text}enough for about {plan.reach:.0%} of what is new ({prompts:,} of {plan.prompts:,} "
        f"prompts{pairs})"
    )
