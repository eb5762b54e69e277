"""What a batch that has ended came to: its replies are journalled as live ones are, and of each request it is
noted whether it is to be asked again.
"""

import json
import time
from dataclasses import dataclass

from prefgen.calls.batch_files import parked_row
from prefgen.calls.batch_ledger import TOKEN_LIMIT, Batch, BatchLedger, BatchLine, LineOutcome
from prefgen.calls.batch_replies import CANCELLED, FINAL, BatchReply, read_line, request_of, response_of
from prefgen.calls.budget import Budget
from prefgen.calls.context import CallContext
from prefgen.calls.models import ModelSpec
from prefgen.calls.rows import JournalRow
from prefgen.errors import FatalEndpoint, RequestFailed
from prefgen.transport.batches import BatchService, ProviderBatch

MOST_FAILURES = 3
"""Batches in which a request may fail before that is final."""
NOT_ITS_OWN = ("rate", "busy", "fatal")
"""Kinds of failures that are no request's own: of the account, or of the hour."""
SHOWN_WITHIN = 3 * 86_400.0
"""Seconds from its submission in which all replies of a batch are to be there, at the latest."""
ROWS_A_COMMIT = 500


@dataclass
class _Collected:
    """What came of a batch so far."""

    rows: list[JournalRow]
    outcomes: dict[bytes, LineOutcome]
    cost: int = 0
    tokens: int = 0


class BatchIntake:
    """Takes in what batches came to."""

    def __init__(self, context: CallContext, budget: Budget, ledger: BatchLedger) -> None:
        self._context, self._budget, self._ledger = context, budget, ledger
        self._journal = context.journals.project
        self._notify = context.stats.notify
        self.waits = True
        """Whether replies that are said to be there, and cannot be read, are waited for."""

    async def take_in(
        self, batch: Batch, seen: ProviderBatch, spec: ModelSpec, service: BatchService
    ) -> None:
        """Journal everything that a batch that has ended came to."""
        lines = {line.key: line for line in self._ledger.lines(batch.intent)}
        collected = _Collected([], {})
        for file_id in filter(None, (seen.output_file, seen.error_file)):
            try:
                async for text in service.lines(file_id):
                    reply = read_line(text)
                    if reply is not None and reply.key in lines and reply.key not in collected.outcomes:
                        self._read(batch, spec, service, lines[reply.key], reply, collected)
                    if len(collected.rows) >= ROWS_A_COMMIT:
                        await self._commit(collected, spec)
            except RequestFailed as failure:
                if failure.code != "404":
                    raise
                self._notify(f"{spec.name}: the replies of batch {batch.id} are gone ({failure.message})")
        if self._is_short(batch, seen, len(collected.outcomes)):
            await self._commit(collected, spec)
            self._notify(
                f"{spec.name}: batch {batch.id} has answered {seen.completed:,} requests, and "
                f"{len(collected.outcomes):,} can be read so far; they are fetched again at the next "
                "start (`--online` asks for them anew)"
            )
            return
        missing = [key for key in lines if key not in collected.outcomes]
        blamed = {key for number, key in enumerate(lines, 1) if number in seen.bad_lines}
        for key in missing:
            self._read_missing(batch, seen, spec, key, collected, is_blamed=key in blamed)
        await self._commit(collected, spec)
        if self._has_answered(batch):  # so that what is refused is not the recipe's fault
            self._context.answering.add(spec.name)
        self._ledger.close(batch.intent, list(collected.outcomes.values()))
        if batch.run == self._context.run_id:
            reserved = sum(line.cost for line in lines.values())
            reserved_tokens = sum(line.tokens for line in lines.values())
            self._budget.release(reserved, reserved_tokens, collected.cost, collected.tokens)
        self._say_ended(batch, seen, spec, collected)
        if seen.state == "failed" and not seen.bad_lines and TOKEN_LIMIT not in seen.problem:
            what = f"model {spec.name!r}: batch {batch.id} failed as a whole, and nothing of it was asked"
            why = f"{what}: {seen.problem or 'its provider does not say why'}. Mend that and run again"
            self._context.run.stop(FatalEndpoint(why))

    def _is_short(self, batch: Batch, seen: ProviderBatch, read: int) -> bool:
        """Whether replies that are paid may still come: fewer can be read than the provider says that there
        are, and it has not had long to show them.
        """
        since = batch.submitted if batch.submitted is not None else batch.made
        return self.waits and seen.completed > read and time.time() - since < SHOWN_WITHIN

    def _read(
        self, batch: Batch, spec: ModelSpec, service: BatchService, line: BatchLine, reply: BatchReply,
        collected: _Collected,
    ) -> None:  # fmt: skip
        """One line of what came back."""
        row = parked_row(self._journal, line.key, run=batch.run, origin="batch")
        if row is None:  # erased meanwhile, or answered and taken in by a start that was killed then
            collected.outcomes[line.key] = LineOutcome(line.key, "answered")
            return
        request = request_of(row.endpoint, self._journal.parked_request(line.key))
        row.how = f"batch {batch.id}"
        try:
            response = response_of(reply, request)
        except RequestFailed as failure:
            failure.message, failure.code = service.plain(failure.message), service.plain(failure.code)
            if failure.code == CANCELLED:
                collected.outcomes[line.key] = LineOutcome(line.key, "left")
                return
            if failure.billed:
                why = f"{spec.name}: {failure.message}"
                self._journal.possibly_billed(batch.run, line.cost, line.tokens, why)
                collected.cost, collected.tokens = collected.cost + line.cost, collected.tokens + line.tokens
            self._failed(row, spec, failure, collected)
            return
        usage = response.reply.usage
        row.reply, row.served_model, row.fingerprint = response.raw, response.model, response.fingerprint
        row.prompt_tokens, row.completion_tokens = usage.prompt_tokens, usage.completion_tokens
        row.cost = batch.price.cost(usage.prompt_tokens, usage.completion_tokens, usage.cached_tokens)
        collected.rows.append(row)
        collected.outcomes[line.key] = LineOutcome(line.key, "answered")

    def _read_missing(
        self, batch: Batch, seen: ProviderBatch, spec: ModelSpec, key: bytes, collected: _Collected, *,
        is_blamed: bool,
    ) -> None:  # fmt: skip
        """A request of which a batch that has ended says nothing."""
        row = parked_row(self._journal, key, run=batch.run, origin="batch")
        if row is None:
            collected.outcomes[key] = LineOutcome(key, "answered")
        elif seen.state == "cancelled" or (seen.state == "failed" and not is_blamed):
            collected.outcomes[key] = LineOutcome(key, "left")
        else:
            row.how = f"batch {batch.id}"
            self._failed(row, spec, _why_missing(seen, is_blamed=is_blamed), collected)

    def _failed(
        self, row: JournalRow, spec: ModelSpec, failure: RequestFailed, collected: _Collected
    ) -> None:
        """Count a failure; one that is final is journalled as a live refusal is."""
        if failure.kind in NOT_ITS_OWN or failure.code == "batch_expired":
            collected.outcomes[row.key] = LineOutcome(row.key, "left", failure.message)
            if failure.kind == "fatal":
                why = (
                    f"model {spec.name!r}: {failure.message}. What is in no batch is asked at the next start"
                )
                self._context.run.stop(FatalEndpoint(why))
            return
        tries = self._ledger.failures(row.key) + 1
        if failure.kind not in FINAL and tries < MOST_FAILURES:
            collected.outcomes[row.key] = LineOutcome(row.key, "failed", failure.message)
            return
        message = failure.message
        if failure.kind not in FINAL:
            message = f"given up after {tries} batches: {message}"
        row.status, row.code = 1, failure.code
        row.reply = json.dumps({"error": message, "code": failure.code}).encode()
        row.request = self._journal.parked_request(row.key)
        collected.rows.append(row)
        collected.outcomes[row.key] = LineOutcome(row.key, "refused", message)
        self._context.stats.model(spec.name).refused += 1
        self._context.queues[spec.name].refusals.add(failure)

    async def _commit(self, collected: _Collected, spec: ModelSpec) -> None:
        rows = [row for row in collected.rows if self._journal.find(row.key) is None]
        collected.rows.clear()
        if not rows:
            return
        await self._journal.commit(rows)
        for row in rows:
            tokens = row.prompt_tokens + row.completion_tokens
            collected.cost, collected.tokens = collected.cost + row.cost, collected.tokens + tokens
            if not row.status:
                stats = self._context.stats.model(spec.name)
                stats.count_answer(row.prompt_tokens, row.completion_tokens, row.cost, 0.0)

    def _has_answered(self, batch: Batch) -> bool:
        """Whether the model of a batch has ever answered its run."""
        sql = "SELECT 1 FROM replies WHERE run = ? AND model = ? AND status = 0 LIMIT 1"
        return bool(self._journal.query(sql, (batch.run, batch.model)))

    def _say_ended(self, batch: Batch, seen: ProviderBatch, spec: ModelSpec, collected: _Collected) -> None:
        outcomes = [one.outcome for one in collected.outcomes.values()]
        again = outcomes.count("failed") + outcomes.count("left")
        first = next((one.why for one in collected.outcomes.values() if one.outcome == "failed"), "")
        rest = f"; {again:,} are to be asked again{f' ({first[:200]})' if first else ''}" if again else ""
        problem = f" ({seen.problem[:300]})" if seen.problem else ""
        self._notify(
            f"{spec.name}: batch {batch.id} is {seen.state}{problem}: {outcomes.count('answered'):,} of "
            f"{len(outcomes):,} answered, {outcomes.count('refused'):,} refused{rest}"
        )


def _why_missing(seen: ProviderBatch, *, is_blamed: bool) -> RequestFailed:
    """Why a batch that has ended has no reply to a request."""
    if is_blamed:
        return RequestFailed("empty", f"its batch failed by this line: {seen.problem}", code="batch_failed")
    if seen.state == "expired":
        return RequestFailed("empty", "its batch expired before it was answered", code="batch_expired")
    return RequestFailed("empty", "its batch has ended without a line for it", code="batch_line_missing")
