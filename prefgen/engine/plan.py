"""What a run would ask and cost, without asking: the same replay, over a sample, with simulated answers where there are none.

Replies that the journal holds are used. New ones are simulated into an overlay that is thrown away, so that a plan never leaves a trace. A
simulated answer is as long as the model's known replies are on average (the journal's mean), or half of `max_tokens`, or 300 tokens.
"""

import asyncio
import tempfile
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar

from prefgen.calls.ask import CallContext, ModelSpec, estimate_tokens
from prefgen.calls.budget import FREE, PICO
from prefgen.calls.journal import CachedReplies, Journal, JournalRow, OnCommitted
from prefgen.calls.key import Key, changed_parts
from prefgen.calls.record_calls import STALL_TURNS, RecordCalls
from prefgen.engine.curator_tables import fair_sample
from prefgen.engine.inputs import all_prompts
from prefgen.engine.run import Runner, RunOptions
from prefgen.errors import PrefgenError
from prefgen.plugins.registry import Plugin, find
from prefgen.recipe.build import Pipeline
from prefgen.roles import ModelRequest, ModelResponse
from prefgen.types import Reply

ASSUMED_AT_ONCE = 32
ASSUMED_TOKENS_PER_SECOND = 60


@dataclass
class PlanLine:
    """Requests of one stage to one model, for the whole dataset (scaled up from the sample)."""

    stage: str
    model: str
    requests: float = 0
    replayed: float = 0
    prompt_tokens: float = 0
    completion_tokens: float = 0
    cost_usd: float = 0.0
    priced: bool = True
    rounds: int = 1
    """Asks of this stage that one record makes one after the other, at most: what a turn on a GPU or a provider's batch each costs."""
    seconds: float = 0.0
    """At the model's concurrency (or ASSUMED_AT_ONCE) and the mean latency of its known replies (or a guess from their length)."""


@dataclass
class Plan:
    """What a run asks. `sampled` of `prompts` were looked at; `why` says which parts of known asks differ."""

    prompts: int
    sampled: int
    lines: list[PlanLine]
    why: list[str] = field(default_factory=list)

    @property
    def seconds(self) -> float:
        """Stages overlap, so that the slowest model decides."""
        by_model: dict[str, float] = {}
        for line in self.lines:
            by_model[line.model] = by_model.get(line.model, 0.0) + line.seconds
        return max(by_model.values(), default=0.0)

    def as_json(self) -> dict[str, Any]:
        return {
            "prompts": self.prompts,
            "sampled": self.sampled,
            "cost_usd": sum(line.cost_usd for line in self.lines),
            "seconds": self.seconds,
            "new_requests": sum(line.requests - line.replayed for line in self.lines),
            "lines": [line.__dict__ for line in self.lines],
            "why": self.why,
        }


class Overlay(Journal):
    """A throw-away journal over one that is only read."""

    def __init__(self, path: Path, base: Journal | None) -> None:
        super().__init__(path)
        self._base = base
        self.fresh: list[JournalRow] = []

    def find(self, key: bytes) -> JournalRow | None:
        return super().find(key) or (self._base.find(key) if self._base else None)

    def of_records(self, records: Sequence[str], most: int = 0) -> list[CachedReplies]:
        return [CachedReplies({}, is_complete=False) for _ in records]  # `find` looks in both

    def stages_passed(self, record: str) -> frozenset[str]:
        return frozenset()

    def hand_over(self, rows: Sequence[JournalRow], kept: OnCommitted) -> None:
        self.fresh += rows
        super().submit(rows, kept)


class _Guess(Plugin):
    """A backend that says what the simulated one says, at the length that the real one is expected to have."""

    name: ClassVar[str] = "guess"
    inner: Any
    host_of: str
    backend_of: str
    tokens: int

    @asynccontextmanager
    async def connect(self) -> AsyncGenerator["_Guessing"]:
        async with self.inner.connect() as simulated:
            yield _Guessing(simulated, self.host_of, self.backend_of, self.tokens)


class _Guessing:
    def __init__(self, simulated: Any, host: str, backend: str, tokens: int) -> None:
        self._simulated, self.host, self.backend, self._tokens = simulated, host, backend, tokens

    async def send(self, call: ModelRequest) -> Sequence[ModelResponse]:
        served = await self._simulated.send(call)
        for one in served:
            usage = one.reply.usage.model_copy(
                update={"prompt_tokens": estimate_tokens(call), "completion_tokens": self._tokens}
            )
            one.reply = one.reply.model_copy(update={"usage": usage})
        return served

    def parse(self, raw: bytes, endpoint: str) -> Reply:
        return self._simulated.parse(raw, endpoint)


async def make_plan(pipeline: Pipeline, options: RunOptions, *, sample: int, why: bool = False) -> Plan:
    """Replay `sample` prompts. Raises what building and connecting raise; asks nobody."""
    base = Journal(options.journal) if options.journal.is_file() else None
    try:
        with tempfile.TemporaryDirectory(prefix="prefgen-plan-") as folder:
            return await _plan(
                pipeline, replace(options, out=Path(folder) / "run"), base, Path(folder), sample, why
            )
    finally:
        if base is not None:
            base.close()


async def _plan(
    pipeline: Pipeline, options: RunOptions, base: Journal | None, folder: Path, sample: int, why: bool
) -> Plan:
    overlay = Overlay(folder / "overlay.sqlite", base)
    models = {}
    latency: dict[str, float] = {}
    for name, model in pipeline.models.items():
        mean, latency[name] = _known(base, str(model.identity["name"]))
        wanted = model.sampling.get("max_tokens")
        tokens = mean or (max(1, int(wanted) // 2) if wanted else 300)
        async with _described(model.backend) as (host, backend):
            simulated = find("backend", "simulated", pipeline.folder)()
            guess: Any = _Guess(inner=simulated, host_of=host, backend_of=backend, tokens=tokens)
        models[name] = replace(model, backend=guess, simulated=False)
    without_limits = pipeline.recipe.run.model_copy(update={"budget_usd": None, "budget_tokens": None})
    planned = replace(
        pipeline, models=models, recipe=pipeline.recipe.model_copy(update={"run": without_limits})
    )
    runner = _PlanRunner(planned, options, overlay)
    everyone = [record.id for record in all_prompts(pipeline)]
    if sample < len(everyone):
        wanted_ids = fair_sample(
            everyone, sample, "plan"
        )  # of those that come first the journal may well know more than of others
        runner.options = replace(options, prompts_only=wanted_ids)
    scale = len(everyone) / min(sample, len(everyone)) if everyone else 0
    outcome = await runner.run()
    if outcome.stopped is not None:
        raise outcome.stopped
    if not outcome.complete:
        raise PrefgenError("the plan could not be finished: some prompts met no end")
    counted = runner.counted
    lines = _lines(outcome.manifest["cost"]["by_stage"], counted, pipeline, scale, latency)
    reasons = _why(base, overlay.fresh) if why and base is not None else []
    overlay.close()
    return Plan(len(everyone), min(sample, len(everyone)), lines, reasons)


@asynccontextmanager
async def _described(backend: Any) -> AsyncGenerator[tuple[str, str]]:
    async with backend.connect() as connected:
        yield connected.host, connected.backend


class _PlanCalls(CallContext):
    """Asks that are counted by stage and model where they are new, and by their rounds in series."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.asked_new: dict[tuple[str, str], list[int]] = {}
        self._rounds: dict[tuple[str, str], int] = {}
        self._answered_rounds: dict[tuple[str, str], int] = {}

    async def fetch(
        self,
        run: RecordCalls,
        plugin: str,
        stage: str,
        spec: ModelSpec,
        key: Key,
        random: bool,
        shared: bool,
        make_call: Callable[[], ModelRequest],
    ) -> JournalRow:
        round_of_this = self._answered_rounds.get((run.id, stage), 0) + 1
        row = await super().get_or_request(run, plugin, stage, spec, key, random, shared, make_call)
        for _ in range(
            STALL_TURNS
        ):  # an answer that is there at once must not come before the asks beside it begin
            await asyncio.sleep(0)
        self._answered_rounds[run.id, stage] = max(
            self._answered_rounds.get((run.id, stage), 0), round_of_this
        )
        self._rounds[stage, run.stage_key] = max(self._rounds.get((stage, run.stage_key), 0), round_of_this)
        if row.run == self.run_id:
            counts = self.asked_new.setdefault((stage, spec.name), [0, 0, 0])
            for i, amount in enumerate((1, row.prompt_tokens, row.completion_tokens)):
                counts[i] += amount
        return row

    def rounds(self, stage: str) -> int:
        """Asks of a stage that follow each other: of one record, and of each round of a synthesizer after the one before."""
        return sum(number for (of, _), number in self._rounds.items() if of == stage)


class _PlanRunner(Runner):
    """A run whose journal is an overlay, and which counts what it asks."""

    calls_type = _PlanCalls
    replays_apart = False

    def __init__(self, pipeline: Pipeline, options: RunOptions, overlay: Overlay) -> None:
        super().__init__(pipeline, options)
        self._overlay = overlay

    def _open_journals(self, closing: Any) -> tuple[Journal, Journal]:
        return self._overlay, self._overlay

    @property
    def counted(self) -> _PlanCalls:
        assert isinstance(self._calls, _PlanCalls)
        return self._calls


def _lines(
    by_stage: list[dict[str, Any]],
    counted: _PlanCalls,
    pipeline: Pipeline,
    scale: float,
    latency: dict[str, float],
) -> list[PlanLine]:
    lines = []
    for row in by_stage:
        fresh = counted.asked_new.get((row["stage"], row["model"]), [0, 0, 0])
        model = pipeline.models[row["model"]]
        price = pipeline.price(model)
        cost = (price or FREE).cost(fresh[1], fresh[2]) / PICO * scale
        wanted = pipeline.concurrency(model)
        at_once = ASSUMED_AT_ONCE if wanted == "auto" else wanted
        each = latency.get(row["model"]) or 0.5 + fresh[2] / max(1, fresh[0]) / ASSUMED_TOKENS_PER_SECOND
        seconds = 0.0 if model.simulated else fresh[0] * scale * each / at_once
        lines.append(
            PlanLine(
                row["stage"], row["model"], row["requests"] * scale, (row["requests"] - fresh[0]) * scale, fresh[1] * scale, fresh[2] * scale,
                cost, priced=price is not None, seconds=seconds, rounds=counted.rounds(row["stage"]),
            )
        )  # fmt: skip
    order = {label: i for i, (label, _) in enumerate(pipeline.identities)}
    return sorted(lines, key=lambda line: (order.get(line.stage, 99), line.model))


def _known(base: Journal | None, model: str) -> tuple[int | None, float]:
    """(mean output tokens, mean seconds) of a model's journalled replies; None and 0 where there are none."""
    if base is None:
        return None, 0.0
    [(tokens,)] = base.query(
        "SELECT avg(completion_tokens) FROM replies WHERE model = ? AND status = 0", (model,)
    )
    [(seconds,)] = base.query(
        "SELECT avg(seconds) FROM replies WHERE model = ? AND status = 0 AND seconds > 0", (model,)
    )
    return (int(tokens) if tokens else None), float(seconds or 0.0)


def _why(base: Journal, fresh: list[JournalRow]) -> list[str]:
    """For asks that are new: what differs from the nearest ask that the journal holds for the same record."""
    reasons: Counter[str] = Counter()
    for row in fresh:
        known = [
            parts for (parts,) in base.query("SELECT parts FROM replies WHERE record = ?", (row.record,))
        ]
        if not known:
            reasons["the record was never asked about"] += 1
            continue
        nearest = min((changed_parts(parts, row.parts) for parts in known), key=len)
        reasons[
            f"changed: {', '.join(nearest)}" if nearest else "another draw (sample, attempt or seed)"
        ] += 1
    return [f"{count:,} new asks of the sample: {reason}" for reason, count in reasons.most_common()]


def run_plan(pipeline: Pipeline, options: RunOptions, *, sample: int, why: bool) -> Plan:
    return asyncio.run(make_plan(pipeline, options, sample=sample, why=why))
