"""The batches of a run are cancelled, and what they have answered is kept."""

from collections.abc import Sequence
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from filelock import Timeout

from prefgen.calls.batch_ledger import Batch, BatchLedger
from prefgen.calls.batches import RunBatches
from prefgen.calls.context import AskRules
from prefgen.calls.stop import RunStop
from prefgen.calls.usage import RunStats
from prefgen.engine.connect import budget_of, connect, open_journals
from prefgen.engine.run_folder import run_id_of
from prefgen.errors import PrefgenError
from prefgen.recipe.build import Pipeline
from prefgen.storage.folder_lock import lock_of


@dataclass(frozen=True)
class Cancelled:
    """What became of a run's open batches: those that have ended, those that are still being cancelled."""

    ended: Sequence[Batch]
    left: Sequence[Batch]
    notices: Sequence[str] = field(default_factory=list)


async def cancel_batches(pipeline: Pipeline, out: Path, journal: Path) -> Cancelled:
    """Raises PrefgenError where the run is at work, or its provider cannot be asked."""
    lock = lock_of(out)
    try:
        lock.acquire(timeout=0.2, poll_interval=0.02)
    except Timeout:
        raise PrefgenError(f"{out} is in use by a run that is alive: interrupt that first") from None
    with ExitStack() as closing:
        closing.callback(lock.release)
        journals = open_journals(pipeline, out, journal, closing)
        ledger, run_id = BatchLedger(journals.project), run_id_of(out)
        before = ledger.open_batches(run_id)
        stop, stats, budget = RunStop(), RunStats(), budget_of(pipeline, journals.project, out)
        if before:
            async with AsyncExitStack() as connections:
                context = await connect(
                    pipeline, journals, connections, out, run=stop, stats=stats, rules=AskRules(),
                    budget=budget,
                )  # fmt: skip
                await RunBatches(context, budget).cancel()
        if stop.reason is not None:
            raise stop.reason
        left = ledger.open_batches(run_id)
        still = {batch.intent for batch in left}
        now = {batch.intent: batch for batch in ledger.batches(run_id)}
        ended = [now[b.intent] for b in before if b.intent in now and b.intent not in still]
        return Cancelled(ended, left, stats.notices)
