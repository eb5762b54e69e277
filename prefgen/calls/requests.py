"""The way of a request: sent, journalled, handed to everyone who waits for it. A draw that is asked for twice
is sent once.
"""

import asyncio
import json
import time
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import replace
from typing import Any

from prefgen.calls.batch_files import request_line
from prefgen.calls.draw_claims import AskedElsewhere, DrawClaims, answered_draws
from prefgen.calls.exchange import Answer
from prefgen.calls.journal import Journal
from prefgen.calls.journals import Journals
from prefgen.calls.key import Key
from prefgen.calls.models import ModelSpec
from prefgen.calls.pending import DrawGroups, PendingRequest
from prefgen.calls.rows import JournalRow
from prefgen.calls.stop import RunStop
from prefgen.calls.usage import RunStats
from prefgen.errors import JournalError, PrefgenError, RequestFailed
from prefgen.transport.failures import LOGPROBS_REFUSED
from prefgen.transport.request import estimate_prompt_tokens

FIRST_LOOK, LATER_LOOKS = 0.02, 0.5
"""Seconds between two looks at whether another run has answered; they double from the first to the second."""


class RequestSender:
    """Sends the requests of a run."""

    def __init__(self, journals: Journals, run: RunStop, stats: RunStats, run_id: str) -> None:
        self._journals, self._run, self._stats, self._run_id = journals, run, stats, run_id
        self._pending: dict[bytes, PendingRequest] = {}
        self._draws = DrawGroups(self._start)
        self._tasks: set[asyncio.Task[None]] = set()

    def find(self, digest: bytes) -> PendingRequest | None:
        """The request under this key that is under way."""
        return self._pending.get(digest)

    def send(self, pending: PendingRequest) -> None:
        """Send a request, together with the other draws of it that are asked in the same turn of the event
        loop.
        """
        self._pending[pending.key.digest] = pending
        self._draws.add(pending)

    def _start(self, draws: list[PendingRequest]) -> None:
        self._in_task(draws, self._request(draws))

    def _in_task(self, draws: Sequence[PendingRequest], work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(self._end_for_all(draws, work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _end_for_all(self, draws: Sequence[PendingRequest], work: Coroutine[Any, Any, None]) -> None:
        """Do the work; where it fails, everyone who waits for one of `draws` is told."""
        try:
            await work
        except RequestFailed as error:
            self._stats.model(draws[0].spec.name).lost += len(draws)
            if error.kind != "stopped":
                self._stats.last_fault = f"{draws[0].spec.name}: {error.message}"
            self._resolve(draws, [error] * len(draws))
        except JournalError as error:
            self._run.stop(error)
            self._resolve(draws, [RequestFailed("stopped", str(error))] * len(draws))
        except Exception as bug:
            self._run.stop(PrefgenError(f"model {draws[0].spec.name!r}: {type(bug).__name__}: {bug}"))
            self._resolve(draws, [RequestFailed("stopped", str(bug))] * len(draws))

    async def _request(self, draws: list[PendingRequest]) -> None:
        """Ask for the draws of one request, journal what came, and hand it on. Never leaves anyone
        waiting.
        """
        journal = self._journals.of(draws[0].spec)
        try:
            rows = await self._rows_from_server(draws, journal)
            journalled = await journal.commit(rows) if rows else []
        except AskedElsewhere as elsewhere:
            self._hand_on(draws, elsewhere.answered)
            taken = list(elsewhere.taken)
            free = [draw for draw in draws if draw.key.digest in self._pending and draw not in taken]
            if free:
                self._start(free)
            if taken:
                self._in_task(taken, self._wait_for_other_run(taken, journal))
        else:
            self._resolve(draws[: len(journalled)], journalled)

    async def _wait_for_other_run(self, draws: list[PendingRequest], journal: Journal) -> None:
        """Hand on what another run is told, and ask for what it is not; `draws` are those that are still
        waited for. Raises RequestFailed when this run stops before.
        """
        model, seconds = draws[0].queue.name, FIRST_LOOK
        self._stats.notify(
            f"{model}: another run on {journal.path} asks for the same; its replies are waited for"
        )
        while draws:
            if self._run.is_over:
                raise RequestFailed("stopped", str(self._run.reason))
            await asyncio.sleep(seconds)
            seconds = min(2 * seconds, LATER_LOOKS)
            self._hand_on(draws, answered_draws(draws, journal))
            draws[:] = [draw for draw in draws if draw.key.digest in self._pending]
            free = [draw for draw in draws if journal.claims.claim(draw.key.digest)]
            for draw in free:  # it is claimed again when it has its turn
                journal.claims.release(draw.key.digest)
                draws.remove(draw)
            if free:
                self._start(free)

    def _hand_on(self, draws: Sequence[PendingRequest], answered: Mapping[bytes, JournalRow]) -> None:
        """What another run was answered is this run's too; a refusal counts as one of its own."""
        for draw in draws:
            row = answered.get(draw.key.digest)
            if row is None:
                continue
            if row.status:
                draw.queue.refusals.add(RequestFailed("refused", "refused another run", code=row.code or ""))
            else:
                self._stats.model(draw.spec.name).replayed += 1
            self._resolve([draw], [row])

    async def _rows_from_server(self, draws: list[PendingRequest], journal: Journal) -> list[JournalRow]:
        """A row a draw, refusals too; where the server gives fewer than are wanted, the others are asked for
        singly.

        Raises RequestFailed for what is to be asked again another time.
        """
        queue = draws[0].queue
        try:
            answer = await self._answer(draws, journal)
        except RequestFailed as error:
            if error.kind != "refused":  # only that is final, and journalled
                raise
            if error.given_up:
                self._stats.notify(f"{queue.name}: record {draws[0].record.id[:12]}: {error.message}")
            if error.given_up or len(draws) == 1 or error.code == LOGPROBS_REFUSED:
                return [self._refused_row(draw, error) for draw in draws]
            if error.odd_tries:
                self._ask_singly(draws, error.odd_tries)
                return []
            return await self._rows_by_first_alone(draws, journal)
        count = len(answer.responses)
        if count < len(draws):
            queue.supports_n = False
            if count:
                shortfall = f"the server gave {count} of {len(draws)} draws in one request"
                self._stats.notify(f"{queue.name}: {shortfall}; asking for each on its own")
            self._ask_singly(draws[count:])
        return [self._answered_row(draw, answer, index) for index, draw in enumerate(draws[:count])]

    async def _answer(self, draws: Sequence[PendingRequest], journal: Journal) -> Answer:
        first = draws[0]
        request = first.request
        if len(draws) > 1:
            request = replace(request, seeds=[seed for draw in draws for seed in draw.request.seeds])
        tokens, claims = estimate_prompt_tokens(request), DrawClaims(draws, journal)
        return await first.queue.send(request, first.record.order, tokens, claims, together=first.together)

    async def _rows_by_first_alone(self, draws: list[PendingRequest], journal: Journal) -> list[JournalRow]:
        """After a refusal of several draws at once: it may be `n` that the server does not know, or the
        prompt. The first draw alone tells, since the others differ in their seeds only: where it is answered
        the server is asked for no several draws again, and where it is refused too, they all are.
        """
        first, *others = draws
        try:
            answer = await self._answer([first], journal)
        except RequestFailed as error:
            if error.kind != "refused":
                raise
            if error.odd_tries:  # it was answered, without an answer in it: another draw may hold one
                self._ask_singly(others)
                return [self._refused_row(first, error)]
            return [self._refused_row(draw, error) for draw in draws]
        first.queue.supports_n = False
        self._ask_singly(others)
        return [self._answered_row(first, answer, 0)]

    def _ask_singly(self, draws: Sequence[PendingRequest], together: int = 0) -> None:
        """Ask for each on its own; `together` tries for them all were in vain."""
        for draw in draws:
            draw.together = together
            self._start([draw])

    def _answered_row(self, draw: PendingRequest, answer: Answer, index: int) -> JournalRow:
        response = answer.responses[index]
        usage = response.reply.usage
        row = self.row_for(draw.spec, draw.key, draw.record_id, draw.request.endpoint)
        row.reply, row.parsed, row.seconds = response.raw, response.reply, answer.seconds
        row.served_model, row.fingerprint, row.how = response.model, response.fingerprint, response.how
        row.host = response.host or row.host
        row.prompt_tokens, row.completion_tokens = usage.prompt_tokens, usage.completion_tokens
        row.cost = draw.spec.price.cost(usage.prompt_tokens, usage.completion_tokens, usage.cached_tokens)
        return row

    def _refused_row(self, draw: PendingRequest, error: RequestFailed) -> JournalRow:
        row = self.row_for(draw.spec, draw.key, draw.record_id, draw.request.endpoint)
        row.status, row.code = 1, error.code
        row.reply = json.dumps({"error": error.message, "code": error.code}).encode()
        row.request = request_line(draw.key, draw.spec.model, draw.request)
        return row

    def row_for(self, spec: ModelSpec, key: Key, record_id: str | None, endpoint: str) -> JournalRow:
        """A row without its reply."""
        model = spec.model
        return JournalRow(
            key=key.digest, endpoint=endpoint, model=str(spec.identity["name"]), record=record_id,
            run=self._run_id, backend=model.backend, host=model.host, reply=b"", parts=key.parts,
            time=time.time(),
        )  # fmt: skip

    def _resolve(
        self, draws: Sequence[PendingRequest], outcomes: Sequence[JournalRow | RequestFailed]
    ) -> None:
        for draw, outcome in zip(draws, outcomes, strict=True):
            self._pending.pop(draw.key.digest, None)
            self._journals.of(draw.spec).claims.release(draw.key.digest)
            draw.resolve(outcome)

    async def drain(self) -> None:
        """Wait until nothing is in flight. Nothing new starts once the run is stopped."""
        while self._tasks or self._draws.are_gathering:
            if self._tasks:
                await asyncio.wait(self._tasks)
            else:
                await asyncio.sleep(0)

    def abandon(self) -> None:
        """Give up on what is in flight, at once."""
        for task in self._tasks:
            task.cancel()

    async def close(self) -> None:
        """Give up on what is in flight, and wait until nothing of it is left."""
        self.abandon()
        await asyncio.gather(*self._tasks, return_exceptions=True)
