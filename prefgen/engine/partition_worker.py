"""`python -m prefgen.engine.partition_worker`: the process that `prefgen.engine.worker_pool` starts.

Reads a job and then a segment from stdin, a line of JSON each; claims partitions, replays them, and says so
on stdout.
"""

import asyncio
import json
import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack, closing
from pathlib import Path
from typing import IO, Any

from prefgen.calls.context import AskRules, CallContext
from prefgen.calls.journal import Journal
from prefgen.calls.journals import Journals
from prefgen.calls.stop import RunStop
from prefgen.calls.usage import RunStats
from prefgen.dataset.unfinished_run import RECORD_STORE
from prefgen.engine.connect import connect
from prefgen.engine.event_loop import collect_rarely, fast_loop
from prefgen.engine.partition_store import partition_path, save_completed
from prefgen.engine.partitions import FOLDER, claim, members_of
from prefgen.engine.progress import Progress
from prefgen.engine.record_store import RecordStore
from prefgen.engine.record_work import RecordWorker, SegmentPlan
from prefgen.engine.run_folder import read_retries
from prefgen.engine.segment import ListFeed, SegmentRun
from prefgen.recipe.build import Pipeline, build
from prefgen.recipe.load import recipe_from_data

RECORDS_IN_FLIGHT = 16


async def replay(
    pipeline: Pipeline, job: Mapping[str, Any], task: Mapping[str, Any], answers: IO[bytes]
) -> None:
    """Claim and replay one partition after the other, as long as most of their records can be finished."""
    out = Path(job["out"])
    folder, segment, partitions = out / FOLDER, task["segment"], task["partitions"]
    stats, rules = RunStats(), AskRules(live=False, known_only=True, attempts=read_retries(out).keys)
    with (
        closing(RecordStore(out / RECORD_STORE)) as inputs,
        closing(Journal(Path(job["journal"]))) as journal,
    ):
        journals = Journals(journal, journal, journal)
        async with AsyncExitStack() as connections:
            context = await connect(
                pipeline, journals, connections, out, run=RunStop(), stats=stats, rules=rules
            )
            members = members_of(inputs, segment, partitions, task["order"])
            for partition in sorted(members):
                if not claim(folder, partition, task["owner"]):
                    continue
                path, positions = partition_path(folder, partition), members[partition]
                progress = await _replay_partition(pipeline, context, inputs, segment, positions, path)
                answers.write(json.dumps(_answer(partition, progress)).encode() + b"\n")
                answers.flush()
                if progress.finished <= len(positions) / 2:
                    return


def _answer(partition: int, progress: Progress) -> dict[str, Any]:
    """What whoever watches the run is told of a partition."""
    replies = {name: stats.replayed for name, stats in progress.stats.models.items()}
    for stats in progress.stats.models.values():
        stats.replayed = 0
    return {
        "partition": partition,
        "stages": {label: (stats.done, stats.failed) for label, stats in progress.stages.items()},
        "replies": replies,
        "notices": progress.stats.notices,
    }


async def _replay_partition(
    pipeline: Pipeline,
    context: CallContext,
    inputs: RecordStore,
    segment: int,
    positions: Sequence[int],
    path: Path,
) -> Progress:
    """Replay these records from the beginning into a store at `path`."""
    progress = Progress(stats=context.stats)
    completed: list[tuple[str, str, bytes]] = []
    timeout = pipeline.recipe.run.plugin_timeout
    with closing(RecordStore(path, scratch=True)) as store:
        worker = RecordWorker(
            SegmentPlan.of(pipeline, segment, None), context, store, progress, plugin_timeout=timeout,
            stage_completed=lambda record, identity, keys: completed.append((record, identity, keys)),
            position_done=lambda position: None,
        )  # fmt: skip
        await SegmentRun(
            segment, ListFeed(positions), inputs, worker, context,
            records_in_flight=RECORDS_IN_FLIGHT, replays=True, plugin_timeout=timeout, resumes=False,
        ).run()  # fmt: skip
        save_completed(store, completed)
    return progress


def work() -> None:
    answers = os.fdopen(os.dup(1), "wb")
    quiet = os.open(os.devnull, os.O_WRONLY)
    os.dup2(quiet, 1)  # what a plug-in prints is no answer
    job = json.loads(sys.stdin.buffer.readline())
    sys.path[:] = job["path"]
    pipeline = build(recipe_from_data(job["data"], Path(job["folder"])))
    if json.loads(json.dumps(pipeline.fingerprint)) != job["fingerprint"]:
        sys.exit("this process does not come to the same recipe as the one that started it")
    collect_rarely()
    task = sys.stdin.buffer.readline()
    if task:
        with asyncio.Runner(loop_factory=fast_loop()) as loop:
            loop.run(replay(pipeline, job, json.loads(task), answers))


if __name__ == "__main__":
    work()
