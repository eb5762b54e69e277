"""A run: prompts in, segment after segment, dataset out; started again it goes on where it was.

There is one source of truth, the journal. The spool and the shards are caches of what replaying it would give.
"""

import asyncio
import hashlib
import json
import math
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Any

import yaml
from filelock import Timeout

from prefgen.calls.ask import Calls, ModelSpec
from prefgen.calls.budget import FREE, PICO, Budget
from prefgen.calls.journal import Journal
from prefgen.calls.limits import Limit, Rate
from prefgen.calls.line import Line
from prefgen.dataset.read import is_run, read_manifest
from prefgen.engine import output
from prefgen.engine.lock import lock_of
from prefgen.engine.marks import read_retries, run_id_of
from prefgen.engine.progress import Progress
from prefgen.engine.prompts import curator_table, each_with_its_own_id, fair_sample, pair_table, shown_pairs, with_pairs, written_from
from prefgen.engine.seeds import seeds_of
from prefgen.engine.segment import SegmentRun
from prefgen.engine.shards import Shards
from prefgen.engine.spool import GONE_COLUMNS, Spool
from prefgen.engine.spool import Gone as DroppedRow
from prefgen.errors import Interrupted, NothingLeft, PluginError, PrefgenError, RecipeError
from prefgen.plugins import Plugin
from prefgen.recipe.build import BuiltModel, Pipeline, Segment
from prefgen.stages.synthesize import seed_in
from prefgen.tables import Gone, Table
from prefgen.types import Record, content_id

MOST_AT_ONCE = 256


@dataclass(frozen=True)
class Options:
    """How a run is started. `live` False asks nobody; `limit` works on a fair sample of so many prompts."""

    out: Path
    journal: Path
    live: bool = True
    limit: int | None = None
    allow_new: bool = False
    prompts_only: frozenset[str] | None = None


@dataclass
class Outcome:
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

    calls_type = Calls

    def __init__(self, pipeline: Pipeline, options: Options, progress: Progress | None = None) -> None:
        self.pipeline = pipeline
        self.options = options
        self.progress = progress or Progress()
        self.progress.name = pipeline.recipe.name
        self._calls: Calls | None = None
        self._segment: SegmentRun | None = None
        self._interrupted = False

    def interrupt(self) -> None:
        again = self._interrupted
        self.progress.ledger.say("stopping at once" if again else "finishing what is in flight; once more stops at once")
        self._interrupted = True
        if self._calls is None:
            return
        if not again:
            self._calls.stop(Interrupted("interrupted: everything that was answered is kept; run again to go on"))
        else:
            for line in self._calls.lines.values():
                line.abandon()
            if self._segment is not None:
                self._segment.abandon()

    async def run(self) -> Outcome:
        """Run to the end, or to where it must stop. Raises PrefgenError only for what stops it before anything is asked."""
        try:
            return await self._run()
        except sqlite3.DatabaseError:  # the journal's own errors are JournalError: this is the spool, a cache
            Spool.remove_files(self.options.out / "spool.sqlite")
            return await self._run()

    async def _run(self) -> Outcome:
        out = self.options.out
        out.mkdir(parents=True, exist_ok=True)
        lock = lock_of(out)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            raise PrefgenError(f"{out} is in use by a run that is alive; wait for it, or give another --out") from None
        with ExitStack() as closing:
            closing.callback(lock.release)
            self._before = self._earlier_manifest(out)
            self._shards: list[int] = []
            self._retries = read_retries(out)
            self._changed = output.changes(self._before, self.pipeline.identities) if self._before else []
            self._spool = Spool(out / "spool.sqlite")
            closing.callback(self._spool.close)
            output.log(out, "start", recipe=self.pipeline.recipe.name, limit=self.options.limit, live=self.options.live)
            self._read_prompts()
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
            raise RecipeError(f"{out} holds the run of {found.get('name')!r}, not of {name!r}; give another --out")
        return found

    # --- prompts ---------------------------------------------------------------------------------------------------

    def _read_prompts(self) -> None:
        """Store the prompts as the first segment's input, unless just these are stored already."""
        raw = bool(self.pipeline.segments[0].curators)
        digest = hashlib.blake2b(digest_size=16)

        def meta() -> tuple[str, str]:
            return "prompts", f"{digest.hexdigest()} {self.options.limit} {raw}"

        before = self._spool.meta("prompts")
        if before is None:
            count = self._spool.store_inputs(0, self._prompts(), meta, raw=raw, seen=digest.update)
        else:
            count = 0
            for record in self._prompts():
                count += 1
                digest.update(record.model_dump_json().encode())
            if before != meta()[1]:
                now = meta()
                self._spool.store_inputs(0, self._prompts(), lambda: now, raw=raw)
        if not count:
            names = [p.name for p in (*self.pipeline.sources, *self.pipeline.segments[0].seeding)]
            raise RecipeError("the recipe's prompts are empty: no row was read from " + ", ".join(names))

    def _prompts(self) -> Iterator[Record]:
        records = self._all_prompts()
        wanted = self._wanted
        return records if wanted is None else (r for r in records if r.id in wanted)

    @cached_property
    def _wanted(self) -> frozenset[str] | None:
        """The ids that are worked on, where not all of them are."""
        if self.options.prompts_only is not None or self.options.limit is None:
            return self.options.prompts_only
        return fair_sample([r.id for r in self._all_prompts()], self.options.limit)

    @cached_property
    def _share(self) -> float:
        return 1.0 if self._wanted is None else len(self._wanted) / max(1, sum(1 for _ in self._all_prompts()))

    def _all_prompts(self) -> Iterator[Record]:
        """What the sources read, and the seeds of the first round."""
        return each_with_its_own_id(chain(self._sourced(), self._seeds(self.pipeline.segments[0])))

    def _sourced(self) -> Iterator[Record]:
        for plugged in self.pipeline.sources:
            source: Any = plugged.plugin
            yield from source.read(self.pipeline.folder)

    def _seeds(self, segment: Segment) -> Iterator[Record]:
        for plugged in segment.seeding:
            yield from seeds_of(plugged, self.pipeline.folder, segment.round)

    def _later_seeds(self, segment: Segment) -> list[Record]:
        """The seeds of a later round; where only a part of the prompts is worked on, the same part of them."""
        seeds = list(each_with_its_own_id(self._seeds(segment)))
        if self._share < 1:
            wanted = fair_sample([r.id for r in seeds], math.ceil(self._share * len(seeds)))
            seeds = [r for r in seeds if r.id in wanted]
        return seeds

    # --- connections -----------------------------------------------------------------------------------------------

    async def _connect(self, connections: AsyncExitStack, journal: Journal, throwaway: Journal) -> Calls:
        run = self.pipeline.recipe.run
        run_id = run_id_of(self.options.out)
        booked = journal.query(
            "SELECT coalesce(sum(cost), 0), coalesce(sum(prompt_tokens + completion_tokens), 0) FROM replies WHERE run = ?", (run_id,)
        )
        doubtful = journal.query("SELECT coalesce(sum(cost), 0), coalesce(sum(tokens), 0) FROM possibly_billed WHERE run = ?", (run_id,))
        (spent, tokens), (maybe, maybe_tokens) = booked[0], doubtful[0]
        budget = Budget(run.budget_usd, run.budget_tokens, spent=spent + maybe, spent_tokens=tokens + maybe_tokens)
        self._budget = budget
        models: dict[str, ModelSpec] = {}
        lines: dict[str, Line] = {}
        calls = self.calls_type(
            journal=journal, throwaway=throwaway, completions=throwaway if self.pipeline.simulated else journal, models=models, lines=lines,
            ledger=self.progress.ledger, run_id=run_id, seed=self.pipeline.recipe.seed, live=self.options.live,
            allow_new=self.options.allow_new, accept_served_by=frozenset(run.accept_served_by),
            attempts=self._retries.keys, retried=frozenset(self._retries.records),
        )  # fmt: skip
        for name, built in self.pipeline.models.items():
            backend: Any = built.backend
            connected = await connections.enter_async_context(backend.connect())
            if self.options.live and hasattr(connected, "ready"):
                connected.ready()
            price = self.pipeline.price(built) or FREE
            models[name] = ModelSpec(name, built.identity, built.sampling, connected, price, built.simulated)
            lines[name] = self._line(name, built, connected, price, calls, budget)
        budget.waiters = [line.pump for line in lines.values()]
        return calls

    def _line(self, name: str, built: BuiltModel, connected: Any, price: Any, calls: Calls, budget: Budget) -> Line:
        run, endpoint = self.pipeline.recipe.run, built.endpoint
        wanted = self.pipeline.concurrency(built)
        return Line(
            name=name,
            model=connected,
            limit=Limit(None if wanted == "auto" else wanted, most=MOST_AT_ONCE),
            budget=budget,
            tally=calls.ledger.model(name),
            stop=calls.stop,
            say=calls.ledger.say,
            possibly_billed=lambda cost, tokens, why: calls.journal.possibly_billed(calls.run_id, cost, tokens, why),
            requests=Rate(endpoint.requests_per_minute),
            tokens=Rate(endpoint.tokens_per_minute),
            price=price,
            timeout=endpoint.timeout or run.timeout,
            patience=run.patience,
            samples_together=bool(getattr(built.backend, "n", True)),
        )

    # --- segments --------------------------------------------------------------------------------------------------

    async def _work(self, calls: Calls) -> Outcome:
        segments = self.pipeline.segments
        waiting = lost = 0
        for number, segment in enumerate(segments):
            last = number == len(segments) - 1
            try:
                self._freshen(number)
                await self._curate(number, segment)
                waiting, lost = await self._segment_passes(calls, number, segment.steps, last)
                self._forget_a_recipes_fault(calls, number)
                if waiting or lost or calls.stopped:
                    break
                if not last:
                    self._hand_over(number)
            except NothingLeft as why:
                calls.stop(why)
                break
        for line in calls.lines.values():
            line.close()
        await asyncio.gather(*(line.drain() for line in calls.lines.values()), return_exceptions=True)
        if calls.stopped is None or calls.stopped.exit_code != 1:
            calls.journal.flush()
        complete = not (waiting or lost or calls.stopped)
        manifest = await self._finish(calls, complete)
        return Outcome(self.options.out, complete, manifest, calls.stopped, waiting, lost, list(dict.fromkeys(calls.parked_keys)))

    def _forget_a_recipes_fault(self, calls: Calls, number: int) -> None:
        """When a model refused everything alike, the recipe or its endpoint is at fault: the refusals must not be final."""
        for line in calls.lines.values():
            if line.refused_all():
                calls.stop(line.fault_of_the_recipe())
                spec = calls.models[line.name]
                calls.journal_of(spec).forget_refusals(calls.run_id, str(spec.identity["name"]))
                self._spool.clear_results(number)
                self._spool.set_meta(f"segment {number}", "")

    def _freshen(self, number: int) -> None:
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

    async def _curate(self, number: int, segment: Segment) -> None:
        if not segment.curators or self._spool.meta(f"curated {number}") == self._fingerprint:
            return
        self.progress.doing = "curating"
        records = list(self._spool.raw_inputs(number))
        gone: list[DroppedRow] = []
        for name, curator in segment.curators:
            pairs = curator.thins == "pairs"
            table = pair_table(records) if pairs else curator_table(records)
            thinned = await self._thin(name, curator, table)
            kept = frozenset(thinned.ids())
            texts = shown_pairs(records) if pairs else {r.id: r.prompt.text[:500] for r in records}
            gone += [(i, name, g.reason, g.neighbour, texts[i], curator.thins) for i, g in sorted(thinned.gone.items())]
            self.progress.ledger.say(f"{name}: {len(thinned.gone):,} of {table.rows.num_rows:,} {curator.thins} went")
            if not kept and table.rows.num_rows and not pairs:
                raise NothingLeft(f"{name} dropped all {table.rows.num_rows:,} prompts. Change its fields, or the prompts, and run again")
            records = [with_pairs(r, kept, name) for r in records] if pairs else [r for r in records if r.id in kept]
        fingerprint = self._fingerprint
        left = chain(records, self._later_seeds(segment))
        self._spool.store_inputs(number, left, lambda: (f"curated {number}", fingerprint), gone=gone)
        self._spool.set_meta(f"segment {number}", fingerprint)

    async def _thin(self, name: str, curator: Plugin, table: Table) -> Table:
        thin: Callable[[Table], Table] = curator.curate  # pyright: ignore[reportAttributeAccessIssue] - the role has it
        try:
            thinned = await asyncio.to_thread(thin, table)
        except PrefgenError:
            raise
        except Exception as bug:
            raise PluginError(f"curator {name!r} failed: {type(bug).__name__}: {bug}") from bug
        if not isinstance(thinned, Table):  # pyright: ignore[reportUnnecessaryIsInstance] - a plug-in's word
            raise PluginError(f"curator {name!r} returned {type(thinned).__name__}, not a Table")
        left = set(thinned.ids())
        unsaid = {i: Gone(f"dropped by {name}") for i in table.ids() if i not in left and i not in thinned.gone}
        for line in thinned.said:
            self.progress.ledger.say(line)
        return Table(thinned.rows, {**thinned.gone, **unsaid})

    async def _segment_passes(self, calls: Calls, number: int, steps: Any, last: bool) -> tuple[int, int]:
        ids = self._spool.input_ids(number)
        done = self._spool.done(number)
        self.progress.total, self.progress.finished = len(ids), len(done)
        self.progress.finished_at_start = len(done)
        self.progress.started = time.monotonic()
        self.progress.doing = "working"
        shards = Shards(self.options.out, self._spool, number, {p for p, _ in ids}, done) if last else None
        self._shards = shards.numbers if shards else []
        waiting = lost = 0
        for attempt in range(2):
            run = self.pipeline.recipe.run
            self._segment = SegmentRun(
                number, steps, self._spool, calls, self.progress,
                window=run.window or self._window(), in_file_order=run.order == "file", stage_timeout=run.stage_timeout,
                first_sample=next((step.label for step in self.pipeline.steps if step.kind == "sample"), None),
                settled=shards.settled if shards else lambda position: None, pool=self._pool(number),
            )  # fmt: skip
            await self._segment.run()
            waiting, lost = self._segment.waiting, self._segment.lost
            if not lost or calls.stopped or attempt:
                break
            self.progress.lost = self.progress.waiting = 0  # one more try for what found no server
        if shards:
            await shards.finish()
        return waiting, lost

    def _window(self) -> int:
        """Records at work: enough that every model's slots can be full while others wait for their commit."""
        wanted = [self.pipeline.concurrency(model) for model in self.pipeline.models.values()]
        slots = sum(at_once if isinstance(at_once, int) else MOST_AT_ONCE for at_once in wanted)
        return max(16, min(512, 2 * slots))

    def _hand_over(self, number: int) -> None:
        """A finished segment's records become the next one's input; of a seed, the prompts that were written."""
        digest = hashlib.blake2b(digest_size=16)
        for record, *_ in self._spool.lines(number):
            digest.update(record)
        following = self.pipeline.segments[number + 1]
        raw = bool(following.curators)
        meta = (f"input {number + 1}", f"{digest.hexdigest()} {raw}")
        if self._spool.meta(meta[0]) != meta[1]:
            records = each_with_its_own_id(grown for record in self._spool.results(number) for grown in written_from(record))
            first = next(records, None)
            if first is None:
                failures = [failure["reason"] for failure in self._spool.failures_of(number)]
                example = f", for example: {failures[0][:200]}" if failures else ""
                raise NothingLeft(
                    f"no prompt was written from {len(self._spool.input_ids(number)):,} seeds; {len(failures):,} failed{example}"
                )
            seeds = [] if raw else self._later_seeds(following)
            self._spool.store_inputs(number + 1, chain([first], records, seeds), lambda: meta, raw=raw)

    def _pool(self, number: int) -> Table | None:
        """What synthesizers are told of the prompts that there are already."""
        if not self.pipeline.segments[number].seeding:
            return None
        return curator_table([r for r in self._spool.inputs(number) if seed_in(r) is None])

    # --- output ----------------------------------------------------------------------------------------------------

    async def _finish(self, calls: Calls, complete: bool) -> dict[str, Any]:
        self.progress.doing = "writing"
        out, number = self.options.out, len(self.pipeline.segments) - 1
        if self._changed and self._before.get("complete"):
            output.move_to_previous(out)
        manifest = self._manifest(calls, complete, number)
        if complete:
            output.write_failures(out, self._yield.failures)
            self._write_curated()
            if (out / "partial").exists():
                output.put_in_place(out, self._shards)
                self._spool.set_placed()
        with (out / "recipe.yaml").open("w", encoding="utf-8") as file:
            yaml.safe_dump(json.loads(json.dumps(self.pipeline.resolved)), file, sort_keys=False, allow_unicode=True, width=110)
        output.write_json(out / "manifest.json", manifest)
        output.log(out, "end", complete=complete, stopped=manifest["stopped"], models=calls.ledger.models, said=calls.ledger.says)
        self.progress.doing = "done" if complete else "stopped"
        return manifest

    def _write_curated(self) -> None:
        gone = self._spool.gone()
        if not gone:
            return
        import pyarrow as pa
        import pyarrow.parquet as pq

        pq.write_table(
            pa.Table.from_pylist([dict(zip(GONE_COLUMNS, row, strict=True)) for row in gone]), self.options.out / "curated.parquet"
        )

    def _manifest(self, calls: Calls, complete: bool, number: int) -> dict[str, Any]:
        recipe = self.pipeline.recipe
        has_pairer = any(step.kind == "pair" for step in self.pipeline.steps)
        self._yield = output.Yield(has_pairer)
        earlier: dict[str, list[dict[str, Any]]] = {}
        for segment in range(number):
            for failure in self._spool.failures_of(segment):
                earlier.setdefault(failure["record_id"], []).append(failure)
        for counts, failures in self._spool.counts(number):
            self._yield.add(counts, [*earlier.pop(counts["id"], []), *failures])
        self._yield.failures += [failure for failures in earlier.values() for failure in failures]
        by_stage, served_by = output.sums(self._spool.tallies())
        digest = hashlib.blake2b(json.dumps(self._spool.shard_digests()).encode(), digest_size=16).hexdigest() if complete else None
        return {
            "name": recipe.name,
            "version": recipe.version,
            "complete": complete,
            "stopped": str(calls.stopped) if calls.stopped else None,
            "simulated": self.pipeline.simulated,
            "row_digest": digest,
            "written": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "seed": recipe.seed,
            "identities": [list(i) for i in self.pipeline.identities],
            "code": self.pipeline.code,
            "models": {
                name: {"use": type(m.backend).name, **m.identity, "sampling": dict(m.sampling)} for name, m in self.pipeline.models.items()
            },
            "served_by": served_by,
            "cost": {
                "paid_usd": self._budget.spent / PICO,
                "new_usd": sum(row["cost_usd"] for row in by_stage),
                "by_stage": by_stage,
            },
            "attempts": dict(calls.attempts),
            "yield": self._yield.table(self._spool.gone()),
            "libraries": output.library_versions(),
        }
