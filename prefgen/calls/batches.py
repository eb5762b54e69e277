"""The batches of a run: what is parked goes to a provider as files of requests, and what came of earlier ones
is journalled.

Nothing is bought twice: a request is reserved for one batch in the journal's database before its provider
hears of it (`prefgen.calls.batch_ledger`), and a batch of which it is not known whether it was created is
looked for by its intent and its file.
"""

import asyncio
import tempfile
import time
import uuid
from collections.abc import Sequence
from contextlib import suppress
from typing import BinaryIO

from prefgen.calls.batch_intake import BatchIntake
from prefgen.calls.batch_ledger import (
    GATHERING,
    INTENDED,
    Batch,
    BatchLedger,
    BatchLine,
    waiting_batch,
)
from prefgen.calls.budget import Budget
from prefgen.calls.context import CallContext, ParkedRequest
from prefgen.calls.models import ModelSpec
from prefgen.errors import FatalEndpoint, RequestFailed
from prefgen.transport.batches import (
    MOST_BYTES,
    MOST_REQUESTS,
    NO_BATCHES,
    BatchService,
    ProviderBatch,
    is_passing,
)
from prefgen.transport.openai_protocol import route
from prefgen.transport.request import ModelHooks

FIND_AGAIN = (0.0, 1.0, 2.0, 3.0)
"""Seconds before each look for a batch whose creation was not answered."""
YOUNG = 60.0
"""Seconds in which a batch that was asked for may not be listed yet, so that it is worth waiting for."""
LISTED_BY = 600.0
"""Seconds after which a batch that is not listed does not exist: before that it is not asked for anew."""
CANCELLING = (0.2, 10.0)
"""Seconds between two looks at batches that are being cancelled, at first and later."""
LONGEST_CANCELLING = 900.0
DAY = 24 * 3600.0


class RunBatches:
    """The batches of one start of a run."""

    def __init__(self, context: CallContext, budget: Budget) -> None:
        self._context, self._budget = context, budget
        self._journal = context.journals.project
        self._ledger = BatchLedger(self._journal)
        self._intake = BatchIntake(context, budget, self._ledger)
        self._notify = context.stats.notify
        self._faults = 0
        """How often a provider was not reached."""
        budget.reserve(*self._ledger.reserved(context.run_id))

    # --- what came ------------------------------------------------------------------------------------------

    async def collect(self) -> None:
        """Journal what has come of the batches of this recipe's models, whichever run sent them."""
        for batch in self._ledger.open_batches():
            if self._journal.claims.claim(batch.lock):
                try:
                    with suppress(KeyError):  # another run has dropped it meanwhile
                        await self._look(self._ledger.batch(batch.intent))
                finally:
                    self._journal.claims.release(batch.lock)
            if self._context.run.reason:
                return

    async def cancel(self) -> None:
        """Cancel the open batches of this run, wait until that is done, and journal what they answered. What
        cannot be read now is not waited for.
        """
        self._intake.waits = False
        until, seconds = time.monotonic() + LONGEST_CANCELLING, CANCELLING[0]
        await self.collect()
        for batch in self._mine():
            await self._cancel(batch)
        await self.collect()
        while self._mine() and not (self._context.run.is_over or self._faults or time.monotonic() > until):
            await asyncio.sleep(seconds)
            seconds = min(2 * seconds, CANCELLING[1])
            await self.collect()

    def _mine(self) -> list[Batch]:
        """The open batches of this run that can be asked for."""
        mine = self._ledger.open_batches(self._context.run_id)
        return [batch for batch in mine if self._service(batch) is not None]

    async def _cancel(self, batch: Batch) -> None:
        found = self._service(batch)
        if found is None or batch.id is None:
            return
        self._notify(f"{found[0].name}: batch {batch.id} is cancelled; what it has answered is kept")
        try:
            self._ledger.note(batch.intent, await found[1].cancel(batch.id))
        except RequestFailed as failure:  # it may have ended meanwhile: the next look tells
            self._notify(f"{found[0].name}: {failure.message}")

    async def _look(self, batch: Batch) -> None:
        """See how far a batch is, and journal its replies where it has ended."""
        if batch.closed is not None:
            return
        if batch.state in (GATHERING, INTENDED):  # the run that wrote it down is gone, and asked nobody
            self._drop(batch)
            return
        found = self._service(batch)
        if found is None:
            return
        spec, service = found
        try:
            seen = await (self._adopted(batch, service) if batch.id is None else service.look(batch.id))
            if seen is None:
                self._not_listed(batch, spec)
                return
            batch = self._ledger.note(batch.intent, seen)
            if seen.has_ended:
                await self._intake.take_in(batch, seen, spec, service)
        except RequestFailed as failure:
            self._fault(spec, failure, f"batch {batch.id or batch.digest} cannot be looked at")

    async def _adopted(self, batch: Batch, service: BatchService) -> ProviderBatch | None:
        """The batch that its provider made of one whose creation was not answered; None where there is
        none.
        """
        metadata, file_id = self._ledger.found_by(batch)
        for seconds in FIND_AGAIN:
            await asyncio.sleep(seconds)
            others = self._ledger.others(batch.intent)
            listed = [seen for seen in await service.find(metadata, file_id) if seen.id not in others]
            if listed:
                for other in listed[1:]:  # asked for once, and made twice
                    if not other.has_ended:
                        await service.cancel(other.id)
                return listed[0]
            if batch.submitted is not None and time.time() - batch.submitted > YOUNG:
                break
        return None

    def _not_listed(self, batch: Batch, spec: ModelSpec) -> None:
        """Keep a young batch that its provider does not list; an older one was never made."""
        age = time.time() - (batch.submitted or 0.0)
        if age < LISTED_BY:
            failure = RequestFailed("server", "its provider does not list it, which may take minutes")
            what = f"a batch of {batch.requests:,} requests that was asked for {age:.0f} s ago is waited for"
            self._fault(spec, failure, what)
            return
        self._notify(
            f"{spec.name}: the batch of {batch.requests:,} requests whose creation was not answered is not "
            "listed by its provider: they are asked anew"
        )
        self._drop(batch)

    # --- what is sent ---------------------------------------------------------------------------------------

    async def submit(self) -> None:
        """Send what is parked, a model and an endpoint a file, each as large as its provider takes it."""
        groups: dict[tuple[str, str], list[ParkedRequest]] = {}
        for parked in self._context.parked.values():
            if self._context.models[parked.model].batched:
                groups.setdefault((parked.model, parked.endpoint), []).append(parked)
        for (name, endpoint), requests in groups.items():
            await self._submit_group(self._context.models[name], endpoint, requests)

    async def _submit_group(self, spec: ModelSpec, endpoint: str, requests: Sequence[ParkedRequest]) -> None:
        waiting = [request for request in requests if self._is_free(request.key)]
        most = MOST_REQUESTS
        host, model = spec.model.host, str(spec.identity["name"])
        limited = self._ledger.largest_within_limit(host, model, time.time() - DAY)
        if limited is not None:  # one at a time, each so small that it may fit
            others = [b for b in self._ledger.open_batches() if (b.host, b.model) == (host, model)]
            waiting, most = ([] if others else waiting[:limited]), limited
        while waiting and not self._context.run.reason:
            some, waiting = waiting[:most], waiting[most:]
            lines = self._affordable(some)
            if not lines:
                return
            sent = await self._submit_file(spec, endpoint, lines)
            if sent is None or len(lines) < len(some):
                return
            in_file = {line.key for line in sent}
            waiting = [one for one in some if one.key not in in_file and self._is_free(one.key)] + waiting
            if not sent:
                return

    def _is_free(self, key: bytes) -> bool:
        """Whether nobody has answered a request since it was parked, and it waits in no batch."""
        return self._journal.find(key) is None and waiting_batch(self._journal, key) is None

    def _affordable(self, requests: Sequence[ParkedRequest]) -> list[BatchLine]:
        """As many of the first requests as the budget has room for."""
        lines, cost, tokens = list[BatchLine](), 0, 0
        for request in requests:
            cost, tokens = cost + request.cost, tokens + request.tokens
            if not self._budget.fits(cost, tokens):
                if not lines and not self._budget.could_ever_fit(request.cost, request.tokens):
                    self._context.run.stop(self._budget.error(request.cost, request.tokens))
                else:
                    left = len(requests) - len(lines)
                    self._notify(
                        f"{request.model}: the budget has no room for {left:,} requests until what is sent "
                        "has come back"
                    )
                break
            lines.append(BatchLine(request.key, request.cost, request.tokens))
        return lines

    async def _submit_file(
        self, spec: ModelSpec, endpoint: str, lines: Sequence[BatchLine]
    ) -> Sequence[BatchLine] | None:
        """Send requests as one batch; returns those that are in it, None where nothing more is to be sent."""
        intent = uuid.uuid4().hex
        lock = bytes.fromhex(intent)
        self._journal.claims.claim(lock)
        try:
            with tempfile.TemporaryFile() as file:
                batch, kept = self._intended(intent, spec, endpoint, lines, file)
                if not kept:
                    self._ledger.drop(intent)
                    return kept
                self._budget.reserve(sum(line.cost for line in kept), sum(line.tokens for line in kept))
                return kept if await self._created(batch, spec, file) else None
        finally:
            self._journal.claims.release(lock)

    def _intended(
        self, intent: str, spec: ModelSpec, endpoint: str, lines: Sequence[BatchLine], file: BinaryIO
    ) -> tuple[Batch, Sequence[BatchLine]]:
        """Write a batch down, and its file; with those of `lines` that are in it.

        What is asked live by another run is withdrawn: that run claims a key first and then looks whether it
        waits in a batch, this one the other way round, so that never both go on.
        """
        draft = Batch(
            intent, self._context.run_id, spec.model.host, str(spec.identity["name"]), endpoint, digest="",
            state=GATHERING, id=None, requests=0, completed=0, failed=0, made=time.time(), submitted=None,
            looked=None, closed=None, why="", price=spec.price,
        )  # fmt: skip
        gathered = self._ledger.gather(draft, lines)
        kept = list[BatchLine]()
        withdrawn = list[bytes]()
        for line in gathered:
            text = self._journal.parked_request(line.key) + b"\n"
            is_full = file.tell() and file.tell() + len(text) > MOST_BYTES
            if is_full or not self._is_only_mine(line.key):
                withdrawn.append(line.key)
                continue
            file.write(text)
            kept.append(line)
        file.seek(0)
        return self._ledger.intend(intent, kept, withdrawn), kept

    def _is_only_mine(self, key: bytes) -> bool:
        claims = self._journal.claims
        if not claims.claim(key):
            return False
        claims.release(key)
        return self._journal.find(key) is None

    async def _created(self, batch: Batch, spec: ModelSpec, file: BinaryIO) -> bool:
        """Whether a provider has taken a batch."""
        service = self._batches_of(spec)
        assert service is not None, "only models with batches are asked so"
        path = f"/v1/{route(batch.endpoint)}"
        try:
            file_id = await service.upload(f"prefgen-{batch.digest}.jsonl", file)
        except RequestFailed as failure:
            self._drop(batch)
            self._fault(spec, failure, "a batch could not be sent")
            return False
        self._ledger.creating(batch.intent, file_id)
        try:
            seen = await service.create(file_id, path, batch.metadata)
        except RequestFailed as failure:
            seen = await self._seen_after(failure, self._ledger.batch(batch.intent), spec, service)
            if seen is None:
                return False
        noted = self._ledger.note(batch.intent, seen)
        self._notify(f"{spec.name}: {batch.requests:,} requests are sent as batch {noted.id}")
        return True

    async def _seen_after(
        self, failure: RequestFailed, batch: Batch, spec: ModelSpec, service: BatchService
    ) -> ProviderBatch | None:
        """The batch, where it exists although its creation was answered by a failure or not at all."""
        if not is_passing(failure) or failure.kind == "rate":
            self._drop(batch)
            self._fault(spec, failure, "a batch could not be created")
            return None
        try:
            seen = await self._adopted(batch, service)
        except RequestFailed as other:
            failure, seen = other, None
        if seen is None:  # it may still come to be: the next start looks again before it asks anew
            what = "nobody knows whether a batch was created, which the next start finds out"
            self._fault(spec, failure, what)
        return seen

    # --- both -----------------------------------------------------------------------------------------------

    def waiting(self) -> list[Batch]:
        """The open batches in which requests of this run wait, whichever run sent them."""
        intents = {waiting_batch(self._journal, key) for key in self._context.parked}
        return [batch for batch in self._ledger.open_batches() if batch.intent in intents]

    def keys_of(self, batches: Sequence[Batch]) -> set[bytes]:
        """The requests that wait in these."""
        return {line.key for batch in batches for line in self._ledger.lines(batch.intent)}

    def _drop(self, batch: Batch) -> None:
        lines = self._ledger.lines(batch.intent)
        if batch.run == self._context.run_id:
            self._budget.release(sum(line.cost for line in lines), sum(line.tokens for line in lines), 0, 0)
        self._ledger.drop(batch.intent)

    def _fault(self, spec: ModelSpec, failure: RequestFailed, what: str) -> None:
        """Say what went wrong; what asking again cannot help ends the run."""
        if is_passing(failure):
            self._faults += 1
            self._context.stats.last_fault = f"{spec.name}: {what} ({failure.message})"
            self._notify(f"{spec.name}: {what} ({failure.message})")
        elif failure.code == NO_BATCHES:
            self._context.run.stop(FatalEndpoint(f"model {spec.name!r}: {failure.message}"))
        else:
            self._context.run.stop(FatalEndpoint(f"model {spec.name!r}: {what}: {failure.message}"))

    def _service(self, batch: Batch) -> tuple[ModelSpec, BatchService] | None:
        """The model of the recipe that a batch is of, with its provider's batches."""
        for spec in self._context.models.values():
            is_its = (spec.model.host, str(spec.identity["name"])) == (batch.host, batch.model)
            if is_its and not spec.simulated and (service := self._batches_of(spec)) is not None:
                return spec, service
        return None

    @staticmethod
    def _batches_of(spec: ModelSpec) -> BatchService | None:
        return spec.model.batches() if isinstance(spec.model, ModelHooks) else None
