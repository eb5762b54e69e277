"""What a run would ask and cost, without asking: the same replay, over a sample, with simulated answers where
there are none.

Replies that the journal holds are used. New ones are simulated into an overlay that is thrown away, so that a
plan never leaves a trace. A simulated answer is as long as the model's known replies are on average (the
journal's mean), or half of `max_tokens`, or 300 tokens.
"""

import asyncio
import shutil
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from prefgen.calls.budget import FREE, PICO
from prefgen.calls.context import GetRow, KeyedAsk
from prefgen.calls.history import key_parts, mean_usage
from prefgen.calls.journal import CachedReplies, Journal
from prefgen.calls.journals import Journals
from prefgen.calls.key import changed_parts
from prefgen.calls.record_calls import STALL_TURNS, RecordCalls
from prefgen.calls.rows import JournalRow
from prefgen.dataset.manifest import StageCost
from prefgen.engine.guesses import with_guesses
from prefgen.engine.run import Runner, RunOptions, RunParts
from prefgen.engine.run_folder import RETRIES
from prefgen.errors import PrefgenError
from prefgen.recipe.build import Pipeline

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


@dataclass(frozen=True)
class Plan:
    """What a run asks. `sampled` of `prompts` were looked at; `why` says which parts of known asks differ."""

    prompts: int
    sampled: int
    lines: Sequence[PlanLine]
    why: Sequence[str] = ()

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
            "lines": [asdict(line) for line in self.lines],
            "why": list(self.why),
        }


def run_plan(pipeline: Pipeline, options: RunOptions, *, sample: int, why: bool) -> Plan:
    """`make_plan` in an event loop of its own."""
    return asyncio.run(make_plan(pipeline, options, sample=sample, why=why))


async def make_plan(pipeline: Pipeline, options: RunOptions, *, sample: int, why: bool = False) -> Plan:
    """Replay `sample` of the prompts that the options would have run. Raises what building and connecting
    raise; asks nobody.
    """
    known = Journal(options.journal) if options.journal.is_file() else None
    try:
        with tempfile.TemporaryDirectory(prefix="prefgen-plan-") as folder:
            overlay = Overlay(Path(folder) / "overlay.sqlite", known)
            try:
                trial = _trial(options, Path(folder) / "run", sample)
                return await _plan(pipeline, trial, overlay, why, options.limit)
            finally:
                overlay.close()
    finally:
        if known is not None:
            known.close()


def _trial(options: RunOptions, out: Path, sample: int) -> RunOptions:
    """The options of the run in `out` that a plan makes: what `prefgen retry` marked is asked again there,
    too.
    """
    out.mkdir()
    if (options.out / RETRIES).is_file():
        shutil.copy(options.out / RETRIES, out / RETRIES)
    if options.limit is not None and options.limit <= sample:
        return replace(options, out=out)
    return replace(options, out=out, limit=sample, sample_salt=SAMPLE_SALT)


async def _plan(
    pipeline: Pipeline, options: RunOptions, overlay: "Overlay", why: bool, wanted: int | None
) -> Plan:
    known, counts = overlay.known, AskCounts(overlay)
    usage = {
        name: mean_usage(known, str(model.identity["name"])) if known else (None, 0.0)
        for name, model in pipeline.models.items()
    }
    models = {
        name: await with_guesses(pipeline, model, usage[name][0]) for name, model in pipeline.models.items()
    }
    without_limits = pipeline.recipe.run.model_copy(update={"budget_usd": None, "budget_tokens": None})
    recipe = pipeline.recipe.model_copy(update={"run": without_limits})
    parts = RunParts(Journals(overlay, overlay, overlay), counts.watch)
    runner = Runner(replace(pipeline, models=models, recipe=recipe), options, parts=parts)
    outcome = await runner.run()
    if outcome.stopped is not None:
        raise outcome.stopped
    if not outcome.complete:
        raise PrefgenError("the plan could not be finished: some prompts met no end")
    prompts = min(wanted or outcome.prompts, outcome.prompts)
    sampled = min(options.limit or prompts, prompts)
    scale = prompts / sampled if sampled else 0
    latencies = {name: seconds for name, (_, seconds) in usage.items()}
    lines = _lines(outcome.manifest.cost.by_stage, counts, pipeline, scale, latencies)
    reasons = why_new(known, list(overlay.new_rows.values())) if why and known is not None else []
    return Plan(prompts, sampled, lines, reasons)


class Overlay(Journal):
    """A throw-away journal over one that is only read (`known`)."""

    def __init__(self, path: Path, known: Journal | None) -> None:
        super().__init__(path)
        self.known = known
        self.new_rows: dict[bytes, JournalRow] = {}

    def is_new(self, row: JournalRow) -> bool:
        """Whether a row was made for this plan."""
        return row.key in self.new_rows

    def find(self, key: bytes) -> JournalRow | None:
        return super().find(key) or (self.known.find(key) if self.known else None)

    def replies_for_records(self, records: Sequence[str], most: int = 0) -> list[CachedReplies]:
        return [CachedReplies({}, is_complete=False) for _ in records]  # `find` looks in both

    def completed_stages(self, record: str) -> frozenset[str]:
        return frozenset()

    def commit(self, rows: Sequence[JournalRow]) -> "asyncio.Future[list[JournalRow]]":
        self.new_rows |= {row.key: row for row in rows}
        return super().commit(rows)


# --- what is counted ----------------------------------------------------------------------------------------


@dataclass
class NewAsks:
    """Asks of one stage to one model that the journal does not know."""

    requests: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0


@dataclass
class AskCounts:
    """Counts asks by stage and model where they are new, and how many follow each other."""

    overlay: "Overlay"
    new: dict[tuple[str, str], NewAsks] = field(default_factory=dict)
    _answered_rounds: Counter[tuple[str, str]] = field(default_factory=Counter)
    """{(record, stage): rounds of asks that are answered}."""
    _rounds: Counter[tuple[str, str]] = field(default_factory=Counter)
    """{(stage, its key): the most rounds of any record}: of a synthesizer each round is a stage with a key of
    its own.
    """

    async def watch(self, record: RecordCalls, ask: KeyedAsk, get_row: GetRow) -> JournalRow:
        """Let an ask through, and count it."""
        asker = (record.id, ask.stage)
        round_of_this = self._answered_rounds[asker] + 1
        row = await get_row(record, ask)
        for _ in range(STALL_TURNS):
            # an answer that is there at once must not come before the asks beside it begin
            await asyncio.sleep(0)
        self._answered_rounds[asker] = max(self._answered_rounds[asker], round_of_this)
        stage = (ask.stage, record.stage_key)
        self._rounds[stage] = max(self._rounds[stage], round_of_this)
        if self.overlay.is_new(row):
            new = self.new.setdefault((ask.stage, ask.spec.name), NewAsks())
            new.requests += 1
            new.prompt_tokens += row.prompt_tokens
            new.completion_tokens += row.completion_tokens
        return row

    def rounds(self, stage: str) -> int:
        """Asks of a stage that follow each other: of one record, and of each round of a synthesizer after the
        one before.
        """
        return sum(rounds for (name, _), rounds in self._rounds.items() if name == stage)


def _lines(
    by_stage: Sequence[StageCost],
    counts: AskCounts,
    pipeline: Pipeline,
    scale: float,
    latencies: Mapping[str, float],
) -> list[PlanLine]:
    lines = [_line(asked, counts, pipeline, scale, latencies.get(asked.model, 0.0)) for asked in by_stage]
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
