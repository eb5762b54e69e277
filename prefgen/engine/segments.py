"""The segments of a run, one after the other: what goes in, records through their stages, what comes out goes
into the next.
"""

import asyncio
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prefgen.calls.context import CallContext
from prefgen.dataset.unfinished_run import BEGUN, SEGMENT
from prefgen.engine.connect import records_in_flight
from prefgen.engine.inputs import Inputs
from prefgen.engine.manifest import begun_segment
from prefgen.engine.partition_store import merge_partition, partition_path
from prefgen.engine.partitions import PartitionFeed, ReplayEstimate, estimate_replay, members_of
from prefgen.engine.progress import Progress
from prefgen.engine.record_store import RecordStore
from prefgen.engine.record_work import RecordWorker, SegmentPlan
from prefgen.engine.run_folder import PARTIAL, MarkedRetries, append_log, remove_folder
from prefgen.engine.segment import ListFeed, Order, PositionFeed, SegmentRun, in_order
from prefgen.engine.shards import Shards
from prefgen.engine.worker_pool import Worker, WorkerPool, merge_answers
from prefgen.errors import JournalError, NoPromptsLeft, PluginError, RecipeError
from prefgen.recipe.build import Pipeline
from prefgen.types import content_id


@dataclass
class SegmentsOutcome:
    """How far the segments came: records that wait for a reply, records that found no server, and the last
    segment's shards.
    """

    waiting: int = 0
    lost: int = 0
    shards: Shards | None = None


class Segments:
    """The segments of one start of a run."""

    def __init__(
        self,
        pipeline: Pipeline,
        out: Path,
        store: RecordStore,
        inputs: Inputs,
        context: CallContext,
        progress: Progress,
        retries: MarkedRetries,
        workers: WorkerPool,
    ) -> None:
        self._pipeline, self._out = pipeline, out
        self._store, self._inputs, self._context, self._progress = store, inputs, context, progress
        self._retries, self._workers = retries, workers
        self._at_work: SegmentRun | None = None
        self.outcome = SegmentsOutcome()

    async def run(self) -> SegmentsOutcome:
        """Work through the segments until one cannot be finished now."""
        outcome, stop = self.outcome, self._context.run
        for number in range(len(self._pipeline.segments)):
            is_last = number == len(self._pipeline.segments) - 1
            try:
                fingerprint = self._clear_if_changed(number, is_last)
                await self._inputs.curate(number, fingerprint)
                outcome.waiting, outcome.lost = await self._run_segment(number, is_last)
                await forget_refusals(self._context, self._store, number, outcome.shards)
                if outcome.waiting or outcome.lost or stop.reason:
                    break
                if not is_last:
                    self._inputs.pass_on(number)
            except (NoPromptsLeft, RecipeError) as error:
                stop.stop(error)
                break
        return outcome

    def abandon(self) -> None:
        """Give up what is in flight, at once."""
        self._context.sender.abandon()
        if self._at_work is not None:
            self._at_work.abandon()

    def _clear_if_changed(self, number: int, is_last: bool) -> str:
        """Forget what the store holds of a segment when its stages, its code or its settings changed; returns
        what says that.
        """
        store, pipeline, retries = self._store, self._pipeline, self._retries
        fingerprint = content_id(
            "segment", number, pipeline.segments[number].identity, pipeline.code, pipeline.recipe.seed,
            dict(retries.keys), list(retries.records), store.meta("prompts"), store.meta(f"input {number}"),
        )  # fmt: skip
        if store.meta(f"{SEGMENT} {number}") != fingerprint or store.meta(f"{BEGUN} {number}") is None:
            store.begin_segment(number, fingerprint, begun_segment(pipeline, number).as_text())
        if is_last and not store.shard_digests():
            remove_folder(self._out / PARTIAL)
        return fingerprint

    async def _run_segment(self, number: int, is_last: bool) -> tuple[int, int]:
        """(records that wait for a reply, records that found no server) after all passes over a segment."""
        rows, done = self._store.input_ids(number), self._store.done(number)
        self._show(number, len(rows), len(done))
        shards = Shards(self._out, self._store, number, {p for p, _ in rows}, done) if is_last else None
        self.outcome.shards = shards
        position_done = shards.position_done if shards else _nothing
        missing = [row for row in rows if row[0] not in done]
        stages, rules = self._pipeline.segments[number].stages, self._context.rules
        estimate = estimate_replay(self._context, self._store, number, stages, [p for p, _ in missing])
        replays = estimate.all_passed and not (rules.allow_new or rules.retried)
        worker = self._record_worker(number, position_done)
        # one shard after the other is whole and written where nobody is asked
        order: Order = "file" if replays else self._pipeline.recipe.run.order
        helpers = self._begin_workers(number, estimate, order)
        if helpers:
            members = members_of(self._store, number, self._workers.partitions, order)
            await self._divided_pass(number, members, helpers, worker, position_done, replays=replays)
        else:
            feed = ListFeed(in_order(missing, order))
            await self._pass(self._segment_run(number, feed, worker, replays=replays))
        self._workers.close()
        await self._passes_in_turn(number, worker)
        if worker.lost and not self._context.run.reason:
            worker = await self._second_try(number, position_done)
        return worker.waiting, worker.lost

    async def _second_try(self, number: int, position_done: Callable[[int], None]) -> RecordWorker:
        """One more try for what found no server."""
        self._progress.lost = self._progress.waiting = 0
        done = self._store.done(number)
        worker = self._record_worker(number, position_done)
        await self._pass_over(number, {p for p, _ in self._store.input_ids(number)}.difference(done), worker)
        await self._passes_in_turn(number, worker)
        return worker

    async def _passes_in_turn(self, number: int, worker: RecordWorker) -> None:
        """A pass for each model, or few, that records wait for, until none waits: no record could go on."""
        context, in_vain = self._context, 0
        while worker.parked and not context.run.reason:
            await context.sender.drain()  # what a record that was cancelled had asked
            await context.residents.change(worker.parked.waits(), worker.parked.left())
            if context.run.reason:
                return
            before = self._progress.steps()
            await self._pass_over(number, worker.parked.take(context.residents.present), worker)
            in_vain = 0 if self._progress.steps() > before else in_vain + 1
            if in_vain > len(context.models):
                context.run.stop(_asks_anew(worker.parked.waits()))

    async def _pass_over(self, number: int, positions: Collection[int], worker: RecordWorker) -> None:
        rows = [row for row in self._store.input_ids(number) if row[0] in positions]
        feed = ListFeed(in_order(rows, self._pipeline.recipe.run.order))
        await self._pass(self._segment_run(number, feed, worker, replays=False))

    async def _pass(self, segment_run: SegmentRun) -> None:
        self._at_work = segment_run
        try:
            await segment_run.run()
        finally:
            self._store.flush()

    def _show(self, number: int, total: int, finished: int) -> None:
        progress = self._progress
        progress.total, progress.finished, progress.finished_at_start = total, finished, finished
        progress.pairs = self._store.finished(number).pairs()
        progress.started = time.monotonic()
        progress.phase = "working"

    def _record_worker(self, number: int, position_done: Callable[[int], None]) -> RecordWorker:
        return RecordWorker(
            SegmentPlan.of(self._pipeline, number, self._inputs.pool(number)),
            self._context,
            self._store,
            self._progress,
            plugin_timeout=self._pipeline.recipe.run.plugin_timeout,
            stage_completed=self._context.journals.progress.stage_completed,
            position_done=position_done,
        )

    def _segment_run(
        self, number: int, feed: PositionFeed, worker: RecordWorker, *, replays: bool
    ) -> SegmentRun:
        return SegmentRun(
            number,
            feed,
            self._store,
            worker,
            self._context,
            records_in_flight=records_in_flight(self._pipeline),
            replays=replays,
            plugin_timeout=self._pipeline.recipe.run.plugin_timeout,
        )

    # --- further processes ----------------------------------------------------------------------------------

    def _begin_workers(self, number: int, estimate: ReplayEstimate, order: Order) -> Sequence[Worker]:
        pool_is_told = bool(self._pipeline.segments[number].synthesizers)
        on_network = self._context.journals.project.on_network
        if pool_is_told or on_network or not self._workers.are_worth_it(estimate):
            return ()
        return self._workers.begin(number, order)

    async def _divided_pass(
        self,
        number: int,
        members: Mapping[int, Sequence[int]],
        helpers: Sequence[Worker],
        worker: RecordWorker,
        position_done: Callable[[int], None],
        *,
        replays: bool,
    ) -> None:
        """A pass in which other processes replay some of the partitions."""
        feed = PartitionFeed(self._workers.folder, members)
        segment_run = self._segment_run(number, feed, worker, replays=replays)
        merges = [self._merge_from(helper, number, feed, segment_run, position_done) for helper in helpers]
        await self._pass(segment_run)
        for merge in merges:
            merge.cancel()
        for ended in await asyncio.gather(*merges, return_exceptions=True):  # each has let go of its pipe
            if isinstance(ended, Exception):
                raise ended
        append_log(self._out, "divided", processes=len(helpers), merged=feed.merged)

    def _merge_from(
        self,
        worker: Worker,
        number: int,
        feed: PartitionFeed,
        segment_run: SegmentRun,
        position_done: Callable[[int], None],
    ) -> "asyncio.Task[None]":
        def merge(partition: int, answer: Mapping[str, Any]) -> Sequence[int]:
            path = partition_path(feed.folder, partition)
            try:
                result = merge_partition(self._store, path, number, segment_run.begun)
            except JournalError as error:  # what this run has finished itself cannot be stored either
                self._context.run.stop(error)
                return ()
            segment_run.resume_at(result.begun)
            for completed in result.completed:
                self._context.journals.progress.stage_completed(*completed)
            self._progress.count_replayed(answer, len(result.finished), result.pairs)
            for position in result.finished:
                position_done(position)
            path.unlink(missing_ok=True)
            return result.finished

        return asyncio.create_task(merge_answers(worker, feed, merge, segment_run.start_more))


async def forget_refusals(
    context: CallContext, store: RecordStore, number: int, shards: Shards | None
) -> None:
    """When a model refused everything alike, the recipe or its endpoint is at fault: the refusals must not be
    final.
    """
    for queue in context.queues.values():
        if queue.refused_all() and queue.name not in context.answering:
            if shards is not None:
                await shards.finish()
            context.run.stop(queue.refusals.recipe_error(queue.name))
            spec = context.models[queue.name]
            journal, model = context.journals.of(spec), str(spec.identity["name"])
            journal.forget_refusals(context.run_id, model, context.refused_records)
            store.clear_results(number)


def _asks_anew(waits: Mapping[str, int]) -> PluginError:
    """What stops a run whose records wait for one model after the other, and ask none."""
    names = ", ".join(sorted(waits))
    return PluginError(
        f"{max(waits.values()):,} prompts wait for {names}, and ask nothing of a model once it is loaded: a "
        "plug-in asks something else each time, although the replies are the same"
    )


def _nothing(position: int) -> None:
    """Only the last segment's positions become shards."""
