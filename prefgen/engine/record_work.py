"""One record's way through the stages of a segment, and what is stored of it: finished, suspended, or out of
time.
"""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Self

from prefgen.calls.ask import PluginAsk
from prefgen.calls.context import CallContext
from prefgen.calls.record_calls import RecordCalls
from prefgen.dataset.record_codec import state_row
from prefgen.engine.parked import ParkedRecords
from prefgen.engine.progress import Progress
from prefgen.engine.record_store import RecordStore
from prefgen.engine.yield_table import yield_counts
from prefgen.errors import PluginError
from prefgen.recipe.build import Pipeline
from prefgen.stages import annotate, filter, judge, pair, revise, sample, synthesize
from prefgen.stages.stage import AskFor, Stage, StagePlugin
from prefgen.tables import Table
from prefgen.types import Failure, Record, content_id

ANSWERING = ("sample", "revise")
"""Stages whose asks answer the prompt: its tools are offered there, and not to those who judge the answers.
"""
DRAWING_APART = ("sample", "annotate")
StageFunction = Callable[[Stage, Record, AskFor], Awaitable[tuple[Record, list[Failure]]]]
STAGE_FUNCTIONS: Mapping[str, StageFunction] = {
    "annotate": annotate.run,
    "sample": sample.run,
    "revise": revise.run,
    "judge": judge.run,
    "filter": filter.run,
    "pair": pair.run,
}


@dataclass
class RecordAtWork:
    """A record at its position, and how far it is: so many stages passed, these failures met."""

    position: int
    record: Record
    calls: RecordCalls
    passed: int
    failures: list[Failure]


@dataclass(frozen=True)
class SegmentPlan:
    """What a segment does: its stages, what synthesizers see beside their seed, and which sampler counts its
    draws from 0.
    """

    number: int
    stages: Sequence[Stage]
    first_sampler: tuple[str, str] | None
    """(label of its stage, its name)."""
    pool: Table | None = None

    @classmethod
    def of(cls, pipeline: Pipeline, segment: int, pool: Table | None) -> Self:
        """The plan of segment number `segment`; `pool` holds what its synthesizers are told of, if it has
        any.
        """
        first = next((stage for stage in pipeline.stages if stage.kind == "sample"), None)
        first_sampler = (first.label, first.plugins[0].name) if first else None
        return cls(segment, pipeline.segments[segment].stages, first_sampler, pool)


class RecordWorker:
    """Takes records through the stages of a segment. `position_done` is told of each that is finished."""

    def __init__(
        self,
        plan: SegmentPlan,
        context: CallContext,
        store: RecordStore,
        progress: Progress,
        *,
        plugin_timeout: float,
        stage_completed: Callable[[str, str, bytes], None],
        position_done: Callable[[int], None],
    ) -> None:
        self._plan = plan
        self._context, self._store, self._progress = context, store, progress
        self._plugin_timeout = plugin_timeout
        self._stage_completed, self._position_done = stage_completed, position_done
        self._functions = dict(STAGE_FUNCTIONS)
        self._pool_key = ""
        if plan.pool is not None:  # what synthesizers see beside their seed is part of what they are asked in
            self._functions["synthesize"] = partial(synthesize.run, pool=plan.pool)
            self._pool_key = f":{content_id('pool', plan.pool.ids())}"
        self.waiting = 0
        self.lost = 0
        self.parked = ParkedRecords(plan.stages, context.stats, context.residents.turn_of)
        """Those that wait for a model which is not loaded."""

    async def work(self, at_work: RecordAtWork) -> None:
        """Take a record through the stages that are left; store it when it is finished, or cannot go on
        now.
        """
        calls = at_work.calls
        for stage in self._plan.stages[at_work.passed :]:
            stats = self._progress.stage(stage.label)
            calls.stage_key = self._context.stage_key(stage.identity, self._pool_key)
            stats.active += 1
            try:
                record, failures = await self._run_stage(stage, at_work)
            except PluginError:
                if not (calls.suspended and _is_being_cancelled()):
                    raise
                return self._suspend(at_work)  # the plug-in made an error of its own of the cancellation
            except asyncio.CancelledError:
                if calls.timed_out:
                    stats.failed += 1
                    return self._finish(at_work, [self._late(stage, at_work)])
                if not _is_being_cancelled():
                    who = f"a plug-in of stage {stage.label!r}"
                    raise PluginError(
                        f"{who} was cancelled from within, on record {at_work.record.id[:12]}"
                    ) from None
                if not calls.suspended and not self._context.run.reason:
                    raise
                return self._suspend(at_work)
            finally:
                stats.active -= 1
            # the plug-in caught the cancellation: what it returned was made without its replies
            if calls.suspended:
                return self._suspend(at_work)
            calls.count_stage()
            at_work.record, at_work.passed = record, at_work.passed + 1
            at_work.failures = [*at_work.failures, *failures]
            stats.done += 1
            stats.failed += len(failures)
            self._stage_completed(record.id, calls.stage_key, calls.keys_digest())
        return self._finish(at_work)

    async def _run_stage(self, stage: Stage, at_work: RecordAtWork) -> tuple[Record, list[Failure]]:
        def ask_for(plugin: StagePlugin) -> PluginAsk:
            return PluginAsk(
                self._context,
                at_work.calls,
                kind=stage.kind,
                name=plugin.name,
                stage=stage.label,
                seed=plugin.seed,
                overrides=plugin.overrides,
                tools=at_work.record.prompt.tools if stage.kind in ANSWERING else (),
                sample_offset=self._sample_offset(stage, plugin),
            )

        return await self._functions[stage.kind](stage, at_work.record, ask_for)

    def _sample_offset(self, stage: Stage, plugin: StagePlugin) -> int:
        """Samplers draw apart from each other, so that two that ask the same do not get the same answer; the
        first counts from 0.

        So do curators that ask: a prompt that is kept for a policy's answers must not be given just these.
        """
        if stage.kind not in DRAWING_APART or (stage.label, plugin.name) == self._plan.first_sampler:
            return 0
        digest = hashlib.blake2b(f"{stage.label}/{plugin.name}".encode(), digest_size=4).digest()
        return int.from_bytes(digest, "big") * 1000

    def _late(self, stage: Stage, at_work: RecordAtWork) -> Failure:
        return Failure(
            record_id=at_work.record.id,
            stage=stage.label,
            plugin=stage.label,
            code="plugin_timeout",
            reason=f"spent over {self._plugin_timeout:g} s outside ask",
        )

    def _finish(self, at_work: RecordAtWork, more_failures: Sequence[Failure] = ()) -> None:
        record = at_work.record
        self._save(at_work, [*at_work.failures, *more_failures], yield_counts(record))
        self._progress.finished += 1
        self._progress.pairs += len(record.pairs)
        self._position_done(at_work.position)

    def _suspend(self, at_work: RecordAtWork) -> None:
        calls = at_work.calls
        if calls.waits_for and calls.last_error is None:  # what it has in batches beside that waits on
            self.parked.add(at_work.position, at_work.passed, calls.waits_for)
        elif calls.is_parked:
            self.waiting += 1
            self._progress.waiting += 1
        else:
            self.lost += 1
            self._progress.lost += 1
        if at_work.passed:
            self._save(at_work, at_work.failures)

    def _save(self, at_work: RecordAtWork, failures: Sequence[Failure], counts: bytes | None = None) -> None:
        """Store a record after its last passed stage; one that is finished has `counts`."""
        passed = at_work.passed if counts is None else len(self._plan.stages)
        row = state_row(
            self._plan.number, at_work.position, passed, at_work.record, failures,
            at_work.calls.usage.dump(), counts,
        )  # fmt: skip
        self._store.save(row)


def _is_being_cancelled() -> bool:
    """Whether it is the engine that cancels the present task, and not the plug-in itself."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
