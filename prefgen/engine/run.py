"""A run: prompts in, segment after segment, dataset out; started again it goes on where it was.

There is one source of truth, the journal. The record store and the shards are caches of what replaying it
would give.
"""

import json
import os
import sqlite3
from collections.abc import Sequence
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from filelock import Timeout

from prefgen.calls.batch_ledger import Batch
from prefgen.calls.batches import RunBatches
from prefgen.calls.context import AskRules, AskWatch
from prefgen.calls.journals import Journals
from prefgen.calls.stop import RunStop
from prefgen.dataset.bad_rows import BAD_ROWS
from prefgen.dataset.manifest import Manifest
from prefgen.dataset.read_run import is_run, read_manifest
from prefgen.dataset.unfinished_run import AGREED, RECORD_STORE
from prefgen.engine.batch_words import come_back_later, command_of
from prefgen.engine.connect import budget_of, connect, known_journal, open_journals
from prefgen.engine.inputs import Inputs
from prefgen.engine.manifest import RunSummary, manifest_before, write_output
from prefgen.engine.progress import Progress
from prefgen.engine.record_store import RecordStore, remove_store
from prefgen.engine.run_folder import append_log, read_retries
from prefgen.engine.segments import Segments
from prefgen.engine.worker_pool import WorkerPool, further_processes
from prefgen.engine.yield_table import FAILED
from prefgen.errors import Interrupted, PrefgenError, RecipeError
from prefgen.recipe.build import Pipeline
from prefgen.recipe.source_files import source_digests
from prefgen.storage.folder_lock import lock_of

INTERRUPTED = "interrupted: everything that was answered is kept; run again to go on"
LOOKED_AT = 0.2
"""Seconds in which whoever looks whether a folder is held has looked."""


@dataclass(frozen=True)
class RunOptions:
    """How a run is started. `live` False asks nobody; `limit` works on a fair sample of so many prompts,
    drawn with `sample_salt`.
    """

    out: Path
    journal: Path
    live: bool = True
    limit: int | None = None
    online: bool = False
    """Ask live what waits in batches, once they are cancelled and what they had answered is kept."""
    allow_new: bool = False
    sample_salt: str = ""


@dataclass
class RunOutcome:
    """How a run ended. `stopped` says why when it ended early; `waiting` records have no reply, `lost` ones
    found no server.

    `prompts` is how many there are, of which a limited run worked on some.
    """

    out: Path
    complete: bool
    manifest: Manifest
    stopped: PrefgenError | None = None
    waiting: int = 0
    lost: int = 0
    parked_keys: list[bytes] = field(default_factory=list)
    prompts: int = 0
    batches: Sequence[Batch] = ()
    """Those in which requests wait."""
    last_fault: str = ""
    """What a server said last where prompts are `lost`."""
    command: str = ""
    """What starts the run again on the command line."""

    @property
    def exit_code(self) -> int:
        if self.stopped is not None:
            return self.stopped.exit_code
        if not self.complete:
            return 3
        return 1 if self.lost_every_prompt else 0

    @property
    def lost_every_prompt(self) -> bool:
        """Whether the run came to its end with nothing to show for it, since each prompt failed."""
        outcomes = self.manifest.yields.prompts_by_outcome
        return self.complete and bool(outcomes) and all(name.startswith(FAILED) for name in outcomes)

    def incomplete_reason(self, *, exported: bool = False, offline: bool = False) -> str:
        """Why a run is not complete, and what to do."""
        if self.stopped is not None:
            return str(self.stopped)
        if exported:
            return (
                f"incomplete: {len(self.parked_keys):,} requests were exported; import their replies with "
                "`prefgen journal import`, then run again"
            )
        if self.batches:
            return come_back_later(self.batches, self.command, self.last_fault)
        if self.waiting and not offline and self.last_fault:
            return f"incomplete: {self.waiting:,} prompts wait for a batch: {self.last_fault}; run again"
        if self.waiting:
            prefix = "the journal lacks" if offline else "still without a reply:"
            return f"incomplete: {prefix} {len(self.parked_keys):,} replies of {self.waiting:,} prompts"
        last = f" (the last fault: {self.last_fault})" if self.last_fault else ""
        return f"incomplete: {self.lost:,} prompts found no server that answers{last}; run again to go on"


@dataclass(frozen=True)
class RunParts:
    """What a run that only tries things out has of its own: journals that are open already, and someone who
    watches its asks.
    """

    journals: Journals
    watch: AskWatch


class Runner:
    """One start of a run. `interrupt` may be called from a signal handler: once to finish what is in flight,
    twice to stop now.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        options: RunOptions,
        progress: Progress | None = None,
        parts: RunParts | None = None,
    ) -> None:
        self.pipeline = pipeline
        self.options = options
        self.progress = progress or Progress()
        self.progress.name = pipeline.recipe.name
        self._parts = parts
        self._stop = RunStop()
        self._segments: Segments | None = None
        self._interrupted = False

    def interrupt(self) -> None:
        again, self._interrupted = self._interrupted, True
        notice = "stopping at once" if again else "finishing what is in flight; once more stops at once"
        self.progress.stats.notify(notice)
        if not again:
            self._stop.stop(Interrupted(INTERRUPTED))
        elif self._segments is not None:
            self._segments.abandon()

    async def run(self) -> RunOutcome:
        """Run to the end, or to where it must stop. Raises PrefgenError only for what stops it before
        anything is asked.
        """
        try:
            return await self._run()
        # the journal's own errors are JournalError: this is the record store, a cache
        except sqlite3.DatabaseError:
            remove_store(self.options.out / RECORD_STORE)
            self._stop = RunStop()
            if self._interrupted:
                self._stop.stop(Interrupted(INTERRUPTED))
            return await self._run()

    async def _run(self) -> RunOutcome:
        pipeline, options, out = self.pipeline, self.options, self.options.out
        try:
            out.mkdir(parents=True, exist_ok=True)
        except (FileExistsError, NotADirectoryError):
            raise RecipeError(f"{str(out)!r} is, or stands in, a file; give another --out") from None
        lock = lock_of(out)
        try:
            lock.acquire(timeout=LOOKED_AT, poll_interval=0.02)
        except Timeout:
            why = f"{out} is in use by a run that is alive; wait for it, or give another --out"
            raise PrefgenError(why) from None
        with ExitStack() as closing:
            closing.callback(lock.release)
            before, retries = self._earlier_manifest(), read_retries(out)
            store = RecordStore(out / RECORD_STORE)
            closing.callback(store.close)
            journal_file = os.path.relpath(known_journal(pipeline, out, options.journal), out)
            append_log(
                out, "start", recipe=pipeline.recipe.name, limit=options.limit, live=options.live,
                journal=journal_file,
            )  # fmt: skip
            closing.push(self._log_refusal)
            most_workers = 0 if self._parts else further_processes(pipeline)
            workers = WorkerPool(pipeline, out, options.journal, most_workers)
            closing.callback(workers.close)
            if store.meta("prompts") is None:
                workers.prepare()
            files = source_digests(pipeline.sources, pipeline.folder)  # as they are when they are read
            begun_with = manifest_before(pipeline).replacing(source_files=files)
            inputs = Inputs(pipeline, store, self.progress, limit=options.limit, salt=options.sample_salt)
            inputs.read()
            if not self._parts:
                inputs.note_bad_rows(out / BAD_ROWS)
            journals = (
                self._parts.journals
                if self._parts
                else open_journals(pipeline, out, options.journal, closing)
            )
            budget = budget_of(pipeline, journals.project, out)
            self.progress.pay_from(budget)
            rules = AskRules(
                live=options.live,
                allow_new=options.allow_new,
                accept_served_by=frozenset(pipeline.recipe.run.accept_served_by),
                attempts=retries.keys,
                retried=frozenset(retries.records),
            )
            async with AsyncExitStack() as connections:
                context = await connect(
                    pipeline, journals, connections, out, run=self._stop, stats=self.progress.stats,
                    rules=rules, budget=budget, watch=self._parts.watch if self._parts else None,
                )  # fmt: skip
                connections.push_async_callback(context.sender.close)
                if options.live:  # before anything is asked: a start that is killed has no end
                    store.set_meta(AGREED, json.dumps(begun_with.as_json()))
                self._segments = Segments(
                    pipeline, out, store, inputs, context, self.progress, retries, workers
                )
                batches = RunBatches(context, budget)
                if options.live:
                    await (batches.cancel() if options.online else batches.collect())
                outcome = await self._segments.run()
                self._stop.close()
                await context.sender.drain()
                await context.residents.close()
                if options.live and self._stop.reason is None:
                    await batches.submit()
                if self._stop.reason is None or self._stop.reason.exit_code != 1:
                    journals.project.flush()
                complete = not (outcome.waiting or outcome.lost or self._stop.reason)
                summary = RunSummary(pipeline, context, store, budget, begun_with, complete)
                manifest = await write_output(summary, out, outcome.shards, before, self.progress)
                batches_waiting = batches.waiting()
                in_batches = batches.keys_of(batches_waiting)
                waiting_keys = [key for key in context.parked if options.live or key not in in_batches]
        return RunOutcome(
            out, complete, manifest, self._stop.reason, outcome.waiting, outcome.lost,
            waiting_keys, inputs.prompts, batches_waiting, self.progress.stats.last_fault,
            command_of(pipeline, out, options.journal),
        )  # fmt: skip

    def _log_refusal(self, _: object, error: BaseException | None, __: object) -> None:
        """Write down that a start ended before it asked anybody: it was not killed."""
        if isinstance(error, PrefgenError) and self._segments is None:
            append_log(self.options.out, "refused", why=str(error))

    def _earlier_manifest(self) -> Manifest | None:
        """What an earlier start of this run wrote. Raises RecipeError where the folder holds another
        run's.
        """
        out, name = self.options.out, self.pipeline.recipe.name
        if not is_run(out):
            return None
        manifest = read_manifest(out)
        if manifest.name != name:
            raise RecipeError(
                f"{out} holds the run of {manifest.name!r}, not of {name!r}; give another --out"
            )
        return manifest
