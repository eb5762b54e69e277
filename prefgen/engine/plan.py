"""What a run would ask and cost, without asking: the same replay, over a sample, with simulated answers where
there are none.

Replies that the journal holds are used. New ones are simulated into an overlay that is thrown away, so that a
plan never leaves a trace. A simulated answer is as long as what is known of such answers says
(`prefgen.engine.expectations`): the prompts with which the run begins are looked at first, since the journal
may know them from a preview, `run -n` or a run that stopped.
"""

import asyncio
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from prefgen.calls.budget import FREE, PICO, Budget
from prefgen.calls.history import key_parts, mean_usage
from prefgen.calls.journal import Journal
from prefgen.calls.journals import Journals
from prefgen.calls.key import changed_parts
from prefgen.calls.residents import turns_of
from prefgen.calls.rows import JournalRow
from prefgen.dataset.manifest import StageCost
from prefgen.dataset.read_run import RUN_ID
from prefgen.engine.connect import budget_of, known_journal, room_for, turn_takers_of
from prefgen.engine.expectations import Expectations
from prefgen.engine.guesses import with_guesses
from prefgen.engine.plan_passes import SegmentPasses, planned_passes
from prefgen.engine.plan_watch import AskCounts, LearningWatch, NewAsks, Overlay, PlanWatch
from prefgen.engine.plan_words import plan_lines
from prefgen.engine.run import Runner, RunOptions, RunOutcome, RunParts
from prefgen.engine.run_folder import RETRIES, read_retries
from prefgen.errors import PrefgenError
from prefgen.recipe.build import Pipeline
from prefgen.recipe.models import BuiltModel, goes_to_batches
from prefgen.text.said_lines import Line, Said

MeanUsage = tuple[int | None, float]
"""(tokens of a model's known replies in the mean, seconds of each); None and 0 where there are none."""
ASSUMED_AT_ONCE = 32
ASSUMED_TOKENS_PER_SECOND = 60
SAMPLE_SALT = "plan"
"""Of the prompts that come first the journal may well know more than of others: a plan looks at a sample of
its own.
"""


@dataclass(frozen=True)
class PlanLine:
    """Requests of one stage to one model, for the whole dataset (scaled up from the sample)."""

    stage: str
    model: str
    requests: float = 0
    replayed: float = 0
    prompt_tokens: float = 0
    completion_tokens: float = 0
    cost_usd: float = 0.0
    has_price: bool = True
    is_real: bool = True
    """Whether somebody is asked: what a simulated or scripted model says costs nothing."""
    batched: bool = False
    """Whether it goes to a provider's batches."""
    rounds: int = 1
    """Asks of this stage that one record makes one after the other, at most: what a turn on a GPU or a
    provider's batch each costs.
    """
    seconds: float = 0.0
    """At the model's concurrency (or ASSUMED_AT_ONCE) and the mean latency of its known replies (or a guess
    from their length).
    """

    @property
    def new_requests(self) -> float:
        return self.requests - self.replayed

    @property
    def may_cost(self) -> bool:
        """Whether money is spent here, or nobody knows whether it is."""
        return self.is_real and self.new_requests > 0 and (self.cost_usd > 0 or not self.has_price)


@dataclass(frozen=True, repr=False)
class Plan(Said):
    """What a run asks. `sampled` of `prompts` were looked at; `why` says which parts of known asks differ."""

    prompts: int
    sampled: int
    lines: Sequence[PlanLine]
    why: Sequence[str] = ()
    pairs: float = 0
    """As the stand-ins come to them."""
    budget: Budget = field(default_factory=Budget)
    """What the run may spend, and what earlier starts in its folder have spent."""
    name: str = ""
    """Of the recipe."""
    price_notes: Sequence[str] = ()
    """Where prices come from that the recipe does not give."""
    passes: Sequence[SegmentPasses] = ()
    """Over segments in which models that take turns are asked."""

    def said_lines(self) -> Iterable[Line]:
        return plan_lines(self)

    @property
    def reach(self) -> float:
        """Which part of what is new the budget is enough for, 0 to 1."""
        tokens = sum(line.prompt_tokens + line.completion_tokens for line in self.lines)
        parts = [1.0]
        if self.budget.limit is not None and self.cost_usd:
            parts.append((self.budget.limit - self.budget.spent) / PICO / self.cost_usd)
        if self.budget.token_limit is not None and tokens:
            parts.append((self.budget.token_limit - self.budget.spent_tokens) / tokens)
        return max(0.0, min(parts))

    @property
    def new_requests(self) -> float:
        return sum(line.new_requests for line in self.lines)

    @property
    def cost_usd(self) -> float:
        return sum(line.cost_usd for line in self.lines)

    @property
    def may_cost(self) -> bool:
        return any(line.may_cost for line in self.lines)

    @property
    def models_without_price(self) -> list[str]:
        """Models that are asked something new, for nobody knows how much."""
        return sorted({line.model for line in self.lines if line.may_cost and not line.has_price})

    @property
    def seconds(self) -> float:
        """Stages overlap, so that the slowest model decides."""
        by_model: Counter[str] = Counter()
        for line in self.lines:
            by_model[line.model] += line.seconds  # pyright: ignore[reportArgumentType] - a counter of seconds
        return max(by_model.values(), default=0.0)

    def as_json(self) -> dict[str, Any]:
        """As `prefgen plan --json` prints it."""
        return {
            "prompts": self.prompts,
            "sampled": self.sampled,
            "cost_usd": self.cost_usd,
            "seconds": self.seconds,
            "new_requests": self.new_requests,
            "pairs": self.pairs,
            "budget_usd": None if self.budget.limit is None else self.budget.limit / PICO,
            "budget_tokens": self.budget.token_limit,
            "spent_usd": self.budget.spent / PICO,
            "reach": self.reach,
            "lines": [asdict(line) for line in self.lines],
            "passes": [asdict(passes) for passes in self.passes],
            "why": list(self.why),
        }


def run_plan(pipeline: Pipeline, options: RunOptions, *, sample: int, why: bool) -> Plan:
    """`make_plan` in an event loop of its own."""
    return asyncio.run(make_plan(pipeline, options, sample=sample, why=why))


async def make_plan(pipeline: Pipeline, options: RunOptions, *, sample: int, why: bool = False) -> Plan:
    """Replay `sample` of the prompts that the options would have run. Raises what building and connecting
    raise; asks nobody.
    """
    path = known_journal(pipeline, options.out, options.journal)
    known = Journal(path) if path.is_file() else None
    try:
        usage = {name: _mean_usage(model, known) for name, model in pipeline.models.items()}
        expectations = Expectations()
        if known is not None and known.query("SELECT 1 FROM replies LIMIT 1"):
            first = replace(options, limit=min(sample, options.limit or sample))
            await _replay(pipeline, options, first, known, usage, LearningWatch(expectations))
        turn_takers = await turn_takers_of(pipeline)
        counts = AskCounts(expectations, turns=turns_of(turn_takers))
        trial = options
        if options.limit is None or options.limit > sample:
            trial = replace(options, limit=sample, sample_salt=SAMPLE_SALT)
        outcome = await _replay(pipeline, options, trial, known, usage, counts)
        prompts = min(options.limit or outcome.prompts, outcome.prompts)
        sampled = min(trial.limit or prompts, prompts)
        scale = prompts / sampled if sampled else 0
        lines = _lines(outcome.manifest.cost.by_stage, counts, pipeline, scale, usage)
        reasons = why_new(known, counts.new_rows) if why and known is not None else []
        pairs = outcome.manifest.yields.pairs * scale
        room = room_for(pipeline.recipe.run.resident, turn_takers)
        passes = planned_passes(pipeline.segments, counts.in_turn, room)
        return Plan(
            prompts, sampled, lines, reasons, pairs, _budget_left(pipeline, options, known),
            pipeline.recipe.name, tuple(pipeline.price_notes), passes,
        )  # fmt: skip
    finally:
        if known is not None:
            known.close()


async def watch_asks(pipeline: Pipeline, options: RunOptions, watch: PlanWatch, *, sample: int) -> None:
    """Have `watch` see what is asked about `sample` of the prompts, where stand-ins answer. Raises as
    `make_plan`.
    """
    usage: dict[str, MeanUsage] = dict.fromkeys(pipeline.models, (None, 0.0))
    await _replay(pipeline, options, replace(options, limit=sample), None, usage, watch)


async def _replay(
    pipeline: Pipeline,
    options: RunOptions,
    trial: RunOptions,
    known: Journal | None,
    usage: Mapping[str, MeanUsage],
    watch: PlanWatch,
) -> RunOutcome:
    """A run of `trial` in a folder that is thrown away, with stand-ins for the models that it has."""
    models = {
        name: await with_guesses(pipeline, model, usage[name][0]) for name, model in pipeline.models.items()
    }
    without_limits = pipeline.recipe.run.model_copy(update={"budget_usd": None, "budget_tokens": None})
    recipe = pipeline.recipe.model_copy(update={"run": without_limits})
    with tempfile.TemporaryDirectory(prefix="prefgen-plan-") as folder, ExitStack() as closing:
        out = Path(folder) / "run"
        out.mkdir()
        if (options.out / RETRIES).is_file():  # what `prefgen retry` marked is asked again here, too
            read_retries(options.out)  # where it cannot be read, that is said of this file
            shutil.copy(options.out / RETRIES, out / RETRIES)
        overlay = Overlay(Path(folder) / "overlay.sqlite", known)
        closing.callback(overlay.close)
        watch.overlay = overlay
        parts = RunParts(Journals(overlay, overlay, overlay), watch.watch)
        pipeline = replace(pipeline, models=models, recipe=recipe)
        outcome = await Runner(pipeline, replace(trial, out=out), parts=parts).run()
    if outcome.stopped is not None:
        raise outcome.stopped
    if not outcome.complete:
        raise PrefgenError("the plan could not be finished: some prompts met no end")
    return outcome


def _budget_left(pipeline: Pipeline, options: RunOptions, known: Journal | None) -> Budget:
    """The run's budget, and what earlier starts spent of it; a folder that is not there is not made."""
    run = pipeline.recipe.run
    if known is None or not (options.out / RUN_ID).is_file():
        return Budget(run.budget_usd, run.budget_tokens)
    return budget_of(pipeline, known, options.out)


def _mean_usage(model: BuiltModel, known: Journal | None) -> MeanUsage:
    return mean_usage(known, str(model.identity["name"])) if known else (None, 0.0)


def _lines(
    by_stage: Sequence[StageCost],
    counts: AskCounts,
    pipeline: Pipeline,
    scale: float,
    usage: Mapping[str, MeanUsage],
) -> list[PlanLine]:
    lines = [
        _line(asked, counts, pipeline, scale, usage[asked.model][1] if asked.model in usage else 0.0)
        for asked in by_stage
    ]
    order = {label: i for i, (label, _) in enumerate(pipeline.identities)}
    return sorted(lines, key=lambda line: (order.get(line.stage, len(order)), line.model))


def _line(asked: StageCost, counts: AskCounts, pipeline: Pipeline, scale: float, latency: float) -> PlanLine:
    new = counts.new.get((asked.stage, asked.model), NewAsks())
    model = pipeline.models[asked.model]
    price, concurrency = pipeline.price(model), pipeline.concurrency(model)
    at_once = ASSUMED_AT_ONCE if concurrency == "auto" else concurrency
    guessed = 0.5 + new.completion_tokens / max(1, new.requests) / ASSUMED_TOKENS_PER_SECOND
    return PlanLine(
        asked.stage,
        asked.model,
        requests=asked.requests * scale,
        replayed=(asked.requests - new.requests) * scale,
        prompt_tokens=new.prompt_tokens * scale,
        completion_tokens=new.completion_tokens * scale,
        cost_usd=(price or FREE).cost(new.prompt_tokens, new.completion_tokens) / PICO * scale,
        has_price=price is not None,
        is_real=not model.backend.asks_nobody,
        batched=goes_to_batches(model),
        rounds=counts.rounds(asked.stage),
        seconds=0.0 if model.simulated else new.requests * scale * (latency or guessed) / at_once,
    )


def why_new(known: Journal, new_rows: Sequence[JournalRow]) -> list[str]:
    """For asks that are new: what differs from the nearest ask that the journal holds for the same record."""
    reasons: Counter[str] = Counter()
    for row in new_rows:
        known_parts = key_parts(known, row.record)
        if not known_parts:
            reasons["the record was never asked about"] += 1
            continue
        nearest = min((changed_parts(parts, row.parts) for parts in known_parts), key=len)
        changed = f"changed: {', '.join(nearest)}" if nearest else "another draw (sample, attempt or seed)"
        reasons[changed] += 1
    return [f"{count:,} new asks of the sample: {reason}" for reason, count in reasons.most_common()]
