"""A run: prompts in, segment after segment, dataset out; started again it goes on where it was.

There is one source of truth, the journal. The spool and the shards are caches of what replaying it would give.
"""

import asyncio
import hashlib
import json
import sqlite3
import time
from collections.abc import Callable
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from filelock import Timeout

from prefgen.calls.ask import CallContext, ModelSpec
from prefgen.calls.budget import FREE, PICO, Budget
from prefgen.calls.journal import Journal
from prefgen.calls.limits import Limit, Rate
from prefgen.calls.queue import ModelQueue
from prefgen.dataset.read_run import is_run, read_manifest
from prefgen.engine import output, replay
from prefgen.engine.curator_tables import fair_sample
from prefgen.engine.inputs import Inputs
from prefgen.engine.lock import lock_of
from prefgen.engine.marks import read_retries, run_id_of
from prefgen.engine.progress import Progress
from prefgen.engine.record_store import GONE_COLUMNS, RecordStore
from prefgen.engine.replay import Replayers
from prefgen.engine.segment import Order, SegmentRun
from prefgen.engine.shards import Shards
from prefgen.errors import Interrupted, NoPromptsLeft, PrefgenError, RecipeError
from prefgen.recipe.build import Pipeline
from prefgen.recipe.identity import template_digests
from prefgen.recipe.models import BuiltModel
from prefgen.tables import Table
from prefgen.text.diversity import diversity_measures
from prefgen.types import content_id

MOST_AT_ONCE = 256
MEASURED = 1000
"""Prompts whose variety is measured at the end of a run."""


@dataclass(frozen=True)
class RunOptions:
    """How a run is started. `live` False asks nobody; `limit` works on a fair sample of so many prompts."""

    out: Path
    journal: Path
    live: bool = True
    limit: int | None = None
    allow_new: bool = False
    prompts_only: frozenset[str] | None = None


@dataclass
class RunOutcome:
    """How a run ended. `stopped` says why when it ended early; `waiting` requests have no reply, `lost` records found no server."""

    out: Path
    complete: bool
    manifest: dict[str, Any]
    stopped: PrefgenError | None = None
    waiting: int = 0
    lost: int = 0
    parked_keys: list[bytes] = field(default_factory=list)

    @property
    def exit_code(self) -> int:
        if self.stopped is not None:
            return self.stopped.exit_code
        return 0 if self.complete else 3


class Runner:
    """One start of a run. `interrupt` may be called from a signal handler: once to finish what is in flight, twice to stop now."""

    calls_type = CallContext
    replays_apart = True
    """Whether other processes may work through what the journal holds."""

    def __init__(self, pipeline: Pipeline, options: RunOptions, progress: Progress | None = None) -> None:
        self.pipeline = pipeline
        self.options = options
        self.progress = progress or Progress()
        self.progress.name = pipeline.recipe.name
        self._calls: CallContext | None = None
        self._segment: SegmentRun | None = None
        self._interrupted = False

    def interrupt(self) -> None:
        again = self._interrupted
        self.progress.stats.notify(
            "stopping at once" if again else "finishing what is in flight; once more stops at once"
        )
        self._interrupted = True
        if self._calls is None:
            return
        if not again:
            self._calls.stop(
                Interrupted("interrupted: everything that was answered is kept; run again to go on")
            )
        else:
            for line in self._calls.queues.values():
                line.abandon()
            if self._segment is not None:
                self._segment.abandon()

    async def run(self) -> RunOutcome:
        """Run to the end, or to where it must stop. Raises PrefgenError only for what stops it before anything is asked."""
        try:
            return await self._run()
        except sqlite3.DatabaseError:  # the journal's own errors are JournalError: this is the spool, a cache
            RecordStore.remove_files(self.options.out / "spool.sqlite")
            return await self._run()

    async def _run(self) -> RunOutcome:
        out = self.options.out
        out.mkdir(parents=True, exist_ok=True)
        lock = lock_of(out)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            raise PrefgenError(
                f"{out} is in use by a run that is alive; wait for it, or give another --out"
            ) from None
        with ExitStack() as closing:
            closing.callback(lock.release)
            self._before = self._earlier_manifest(out)
            self._shards: Shards | None = None
            self._retries = read_retries(out)
            self._changed = (
                output.changed_stages(self._before, self.pipeline.identities) if self._before else []
            )
            self._spool = RecordStore(out / "spool.sqlite")
            closing.callback(self._spool.close)
            output.log(
                out,
                "start",
                recipe=self.pipeline.recipe.name,
                limit=self.options.limit,
                live=self.options.live,
            )
            self._inputs = Inputs(
                self.pipeline,
                self._spool,
                self.progress,
                limit=self.options.limit,
                only=self.options.prompts_only,
            )
            self._replayers = Replayers(self.pipeline, out, self.options.journal)
            closing.callback(self._replayers.close)
            if self.replays_apart and self._spool.meta("prompts") is None:
                self._replayers.get_ready()
            self._inputs.read()
            journal, throwaway = self._open_journals(closing)
            async with AsyncExitStack() as connections:
                self._calls = await self._connect(connections, journal, throwaway)
                return await self._work(self._calls)

    def _open_journals(self, closing: ExitStack) -> tuple[Journal, Journal]:
        """(the project's journal, the one for simulated replies): simulated ones never reach the project's."""
        models = self.pipeline.models.values()
        throwaway = Journal(self.options.out / "simulated.sqlite") if self.pipeline.simulated else None
        if throwaway is not None:
            closing.callback(throwaway.close)
            if all(m.simulated for m in models):
                return throwaway, throwaway
        journal = Journal(self.options.journal)
        closing.callback(journal.close)
        return journal, throwaway or journal

    def _earlier_manifest(self, out: Path) -> dict[str, Any]:
        if not is_run(out):
            return {}
        found = read_manifest(out)
        name = self.pipeline.recipe.name
        if found.get("name") != name:
            raise RecipeError(
                f"{out} holds the run of {found.get('name')!r}, not of {name!r}; give another --out"
            )
        return found

    # --- connections -----------------------------------------------------------------------------------------------

    async def _connect(
        self, connections: AsyncExitStack, journal: Journal, throwaway: Journal
    ) -> CallContext:
        run = self.pipeline.recipe.run
        run_id = run_id_of(self.options.out)
        booked = journal.query(
            "SELECT coalesce(sum(cost), 0), coalesce(sum(prompt_tokens + completion_tokens), 0) FROM replies WHERE run = ?",
            (run_id,),
        )
        doubtful = journal.query(
            "SELECT coalesce(sum(cost), 0), coalesce(sum(tokens), 0) FROM possibly_billed WHERE run = ?",
            (run_id,),
        )
        (spent, tokens), (maybe, maybe_tokens) = booked[0], doubtful[0]
        budget = Budget(
            run.budget_usd, run.budget_tokens, spent=spent + maybe, spent_tokens=tokens + maybe_tokens
        )
        self._budget = budget
        models: dict[str, ModelSpec] = {}
        lines: dict[str, ModelQueue] = {}
        calls = self.calls_type(
            journal=journal, simulated_journal=throwaway, progress_journal=throwaway if self.pipeline.simulated else journal, models=models, queues=lines,
            stats=self.progress.stats, run_id=run_id, seed=self.pipeline.recipe.seed, live=self.options.live,
            allow_new=self.options.allow_new, accept_served_by=frozenset(run.accept_served_by),
            attempts=self._retries.keys, retried=frozenset(self._retries.records),
        )  # fmt: skip
        for name, built in self.pipeline.models.items():
            backend: Any = built.backend
            connected = await connections.enter_async_context(backend.connect())
            if self.options.live and hasattr(connected, "check_access"):
                connected.check_access()
            price = self.pipeline.price(built) or FREE
            models[name] = ModelSpec(name, built.identity, built.sampling, connected, price, built.simulated)
            lines[name] = self._line(name, built, connected, price, calls, budget)
        budget.on_release = [line.pump for line in lines.values()]
        return calls

    def _line(
        self, name: str, built: BuiltModel, connected: Any, price: Any, calls: CallContext, budget: Budget
    ) -> ModelQueue:
        run, endpoint = self.pipeline.recipe.run, built.endpoint
        wanted = self.pipeline.concurrency(built)
        return ModelQueue(
            name=name,
            model=connected,
            limit=Limit(None if wanted == "auto" else wanted, most=MOST_AT_ONCE),
            budget=budget,
            stats=calls.stats.model(name),
            stop=calls.stop,
            notify=calls.stats.notify,
            possibly_billed=lambda cost, tokens, why: calls.journal.possibly_billed(
                calls.run_id, cost, tokens, why
            ),
            requests=Rate(endpoint.requests_per_minute),
            tokens=Rate(endpoint.tokens_per_minute),
            price=price,
            timeout=endpoint.timeout or run.timeout,
            server_down_after=run.patience,
            supports_n=bool(getattr(built.backend, "n", True)),
        )

    # --- segments --------------------------------------------------------------------------------------------------

    async def _work(self, calls: CallContext) -> RunOutcome:
        segments = self.pipeline.segments
        waiting = lost = 0
        for number in range(len(segments)):
            last = number == len(segments) - 1
            try:
                self._clear_if_changed(number)
                await self._inputs.curate(number, self._fingerprint)
                waiting, lost = await self._run_segment(calls, number, last)
                await self._forget_refusals(calls, number)
                if waiting or lost or calls.stopped:
                    break
                if not last:
                    self._inputs.pass_on(number)
            except (NoPromptsLeft, RecipeError) as why:
                calls.stop(why)
                break
        for line in calls.queues.values():
            line.close()
        await asyncio.gather(*(line.drain() for line in calls.queues.values()), return_exceptions=True)
        if calls.stopped is None or calls.stopped.exit_code != 1:
            calls.journal.flush()
        complete = not (waiting or lost or calls.stopped)
        manifest = await self._finish(calls, complete)
        return RunOutcome(
            self.options.out,
            complete,
            manifest,
            calls.stopped,
            waiting,
            lost,
            list(dict.fromkeys(calls.parked_keys)),
        )

    async def _forget_refusals(self, calls: CallContext, number: int) -> None:
        """When a model refused everything alike, the recipe or its endpoint is at fault: the refusals must not be final."""
        for line in calls.queues.values():
            if line.refused_all() and not calls.stats.model(line.name).replayed:
                if self._shards:
                    await self._shards.finish()
                calls.stop(line.recipe_error())
                spec = calls.models[line.name]
                calls.journal_of(spec).forget_refusals(calls.run_id, str(spec.identity["name"]))
                self._spool.clear_results(number)
                self._spool.set_meta(f"segment {number}", "")

    def _clear_if_changed(self, number: int) -> None:
        """Forget what the spool holds of a segment when its stages, its code or its settings changed."""
        identity = content_id(
            "segment", number, self.pipeline.segments[number].identity, self.pipeline.code, self.pipeline.recipe.seed,
            dict(self._retries.keys), list(self._retries.records), self._spool.meta("prompts"), self._spool.meta(f"input {number}"),
        )  # fmt: skip
        self._fingerprint = identity
        if self._spool.meta(f"segment {number}") != identity:
            self._spool.clear_results(number)
            self._spool.set_meta(f"segment {number}", identity)
        if number == len(self.pipeline.segments) - 1 and not self._spool.shard_digests():
            output.remove_folder(self.options.out / "partial")

    async def _run_segment(self, calls: CallContext, number: int, last: bool) -> tuple[int, int]:
        ids = self._spool.input_ids(number)
        done = self._spool.done(number)
        self.progress.total, self.progress.finished = len(ids), len(done)
        self.progress.finished_at_start = len(done)
        self.progress.pairs = self._spool.pairs(number)
        self.progress.started = time.monotonic()
        self.progress.phase = "working"
        shards = Shards(self.options.out, self._spool, number, {p for p, _ in ids}, done) if last else None
        self._shards = shards
        pool = self._inputs.pool(number)
        settled = shards.position_done if shards else lambda position: None
        todo = [position for position, _ in ids if position not in done]
        known = replay.known_of(calls, self._spool, number, self.pipeline.segments[number].stages, todo)
        apart = (
            known.replied >= replay.LEAST
            and self.replays_apart
            and pool is None
            and not calls.journal.on_network
        )
        if not apart:
            self._replayers.close()
        replayers = await self._replayers.begin(number) if apart else []
        # nothing is asked where all is known: then the order is free, and shards become whole from both ends
        order = "last first" if replayers and known.all_passed else self.pipeline.recipe.run.order
        replays = known.all_passed and not (calls.allow_new or calls.retried)
        waiting = lost = 0
        for attempt in range(2):
            self._segment = self._segment_run(calls, number, order, pool, settled, replays=replays)
            await self._segment.run(replayers=() if attempt else replayers)
            self._replayers.close()
            waiting, lost = self._segment.waiting, self._segment.lost
            if not lost or calls.stopped or attempt:
                break
            self.progress.lost = self.progress.waiting = 0  # one more try for what found no server
        return waiting, lost

    def _segment_run(
        self,
        calls: CallContext,
        number: int,
        order: Order,
        pool: Table | None,
        settled: Callable[[int], None],
        *,
        replays: bool,
    ) -> SegmentRun:
        run = self.pipeline.recipe.run
        return SegmentRun(
            number, self.pipeline.segments[number].stages, self._spool, calls, self.progress,
            window=run.window or self._window(), replays=replays, order=order, stage_timeout=run.stage_timeout,
            first_sample=next((step.label for step in self.pipeline.stages if step.kind == "sample"), None), position_done=settled, pool=pool,
        )  # fmt: skip

    def _window(self) -> int:
        """Records at work: enough that every model's slots can be full while others wait for their commit."""
        wanted = [self.pipeline.concurrency(model) for model in self.pipeline.models.values()]
        slots = sum(at_once if isinstance(at_once, int) else MOST_AT_ONCE for at_once in wanted)
        return max(16, min(512, 2 * slots))

    # --- output ----------------------------------------------------------------------------------------------------

    async def _finish(self, calls: CallContext, complete: bool) -> dict[str, Any]:
        self.progress.phase = "writing"
        out, number = self.options.out, len(self.pipeline.segments) - 1
        manifest = self._manifest(calls, complete, number)  # while the last shards are written
        if self._shards:
            await self._shards.finish()
        fewer = manifest["yield"]["prompts"] < self._before.get("yield", {}).get("prompts", 0)
        if self._before.get("complete") and (self._changed or (complete and fewer)):
            output.move_to_previous(out)
        if complete and self._shards:
            digests = json.dumps(self._spool.shard_digests()).encode()
            manifest["row_digest"] = hashlib.blake2b(digests, digest_size=16).hexdigest()
            output.write_failures(out, self._yield.failures)
            self._write_curated()
            if (out / "partial").exists():
                output.put_in_place(out, self._shards.numbers)
                self._spool.set_placed()
        with (out / "recipe.yaml").open("w", encoding="utf-8") as file:
            yaml.safe_dump(
                json.loads(json.dumps(self.pipeline.resolved)),
                file,
                sort_keys=False,
                allow_unicode=True,
                width=110,
            )
        output.write_json(out / "manifest.json", manifest)
        output.log(
            out,
            "end",
            complete=complete,
            stopped=manifest["stopped"],
            models=calls.stats.models,
            said=calls.stats.notices,
        )
        self.progress.phase = "done" if complete else "stopped"
        return manifest

    def _write_curated(self) -> None:
        gone = self._spool.gone()
        if not gone:
            return
        import pyarrow as pa
        import pyarrow.parquet as pq

        pq.write_table(
            pa.Table.from_pylist([dict(zip(GONE_COLUMNS, row, strict=True)) for row in gone]),
            self.options.out / "curated.parquet",
        )

    def _measures(self, number: int) -> dict[str, Any] | None:
        """How varied the prompts are, where some were written; of a fair sample of them."""
        if not self.pipeline.segments[0].synthesizers:
            return None
        wanted = fair_sample([row_id for _, row_id in self._spool.input_ids(number)], MEASURED)
        records = [record for record in self._spool.inputs(number) if record.id in wanted]
        found = diversity_measures(
            [(r.prompt.text, r.prompt.category) for r in records],
            grounded=[r.prompt.grounded for r in records],
        )
        return {name: value for name, (value, _) in found.items()}

    def _asked(self, calls: CallContext, number: int, replies: int) -> dict[str, Any]:
        """Which replies the dataset rests on: how many, and a digest of their keys."""
        identities = [calls.stage_key(step.identity) for step in self.pipeline.segments[number].stages]
        ids = [row_id for _, row_id in self._spool.input_ids(number)]
        return {"replies": replies, "digest": calls.progress_journal.asked_digest(ids, identities)}

    def _manifest(self, calls: CallContext, complete: bool, number: int) -> dict[str, Any]:
        recipe = self.pipeline.recipe
        has_pairer = any(step.kind == "pair" for step in self.pipeline.stages)
        self._yield = output.YieldTable(has_pairer)
        earlier: dict[str, list[dict[str, Any]]] = {}
        for segment in range(number):
            for failure in self._spool.failures_of(segment):
                earlier.setdefault(failure["record_id"], []).append(failure)
        for counts, failures in self._spool.counts(number):
            self._yield.add(counts, [*earlier.pop(counts["id"], []), *failures])
        self._yield.failures += [failure for failures in earlier.values() for failure in failures]
        by_stage, served_by = output.cost_and_servers(self._spool.tallies())
        return {
            "name": recipe.name,
            "version": recipe.version,
            "complete": complete,
            "stopped": str(calls.stopped) if calls.stopped else None,
            "simulated": self.pipeline.simulated,
            "row_digest": None,  # until the last shard is written
            "written": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "seed": recipe.seed,
            "identities": [list(i) for i in self.pipeline.identities],
            "code": self.pipeline.code,
            "models": {
                name: {"use": type(m.backend).name, **m.identity, "sampling": dict(m.sampling)}
                for name, m in self.pipeline.models.items()
            },
            "served_by": served_by,
            "cost": {
                "paid_usd": self._budget.spent / PICO,
                "new_usd": sum(row["cost_usd"] for row in by_stage),
                "by_stage": by_stage,
            },
            "attempts": dict(calls.attempts),
            "yield": self._yield.table(self._spool.gone()),
            "prompts": self._measures(number) if complete else None,
            "description": recipe.description,
            "judges": sorted(
                {p.name for step in self.pipeline.stages if step.kind == "judge" for p in step.plugins}
            ),
            "unpriced": sorted(
                name for name, model in self.pipeline.models.items() if self.pipeline.price(model) is None
            ),
            "flips": {
                judge: {"pairs": pairs, "flipped": flipped}
                for judge, (pairs, flipped) in sorted(self._yield.flips.items())
            },
            "texts": template_digests(
                [*self.pipeline.sources, *(p for step in self.pipeline.stages for p in step.plugins)]
            ),
            "journal": self._asked(calls, number, sum(row["requests"] for row in by_stage))
            if complete
            else None,
            "unmeasured": sorted(
                p.name
                for step in self.pipeline.stages
                if step.kind == "judge"
                for p in step.plugins
                if p.plugin.texts
            ),
            "libraries": output.library_versions(),
        }
