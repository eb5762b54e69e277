"""What all asks of a run share, and how an ask is answered: from the journal, or by a model, or not now.

A plug-in never sees a passing fault. An ask that cannot be answered now neither raises nor returns: it stays
suspended, and when a record has no request in flight and at least one suspended, the engine is told
(`on_stalled`) and cancels the record's task.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from prefgen.calls.batch_files import request_line
from prefgen.calls.batch_ledger import waiting_batch
from prefgen.calls.journals import Journals
from prefgen.calls.key import Key
from prefgen.calls.models import ModelSpec, WantedSampling
from prefgen.calls.pending import PendingRequest
from prefgen.calls.queue import ModelQueue
from prefgen.calls.record_calls import RecordCalls
from prefgen.calls.requests import RequestSender
from prefgen.calls.reservation import Reservation
from prefgen.calls.residents import Residents, Room
from prefgen.calls.rows import JournalRow
from prefgen.calls.stop import RunStop
from prefgen.calls.usage import RunStats
from prefgen.errors import PluginError, RequestFailed, UnexpectedRequest, UnexpectedServer
from prefgen.transport.batches import BATCHED_ENDPOINTS
from prefgen.transport.request import ModelHooks, ModelRequest, estimate_prompt_tokens, hosts_of
from prefgen.transport.server_names import OWN_FINGERPRINT, published_host


@dataclass(frozen=True)
class AskRules:
    """Which asks of a run may be new. `live` False parks every new one (offline, export); `known_only` leaves
    its record alone.
    """

    live: bool = True
    known_only: bool = False
    allow_new: bool = False
    accept_served_by: frozenset[str] = frozenset()
    attempts: Mapping[str, int] = field(default_factory=dict)
    """{key of an ask's first attempt: number of the present one}, of asks that are marked to be made again.
    """
    retried: frozenset[str] = frozenset()
    """The records that those are of."""


@dataclass(frozen=True, slots=True)
class ParkedRequest:
    """A request that waits to be answered elsewhere: the model's name in the recipe, and what it may take
    there at most (picodollars and tokens).
    """

    key: bytes
    model: str
    endpoint: str
    cost: int
    tokens: int


@dataclass(slots=True)
class KeyedAsk:
    """One ask of a plug-in under its key. `make_request` is called only where a model must answer."""

    plugin: str
    stage: str
    spec: ModelSpec
    key: Key
    random: bool
    shared: bool
    make_request: Callable[[], ModelRequest]


GetRow = Callable[[RecordCalls, KeyedAsk], Awaitable[JournalRow]]
AskWatch = Callable[[RecordCalls, KeyedAsk, GetRow], Awaitable[JournalRow]]
"""Stands between a plug-in's ask and its answer, which the last argument gets: for whoever counts asks."""


class CallContext:
    """What all asks of a run share."""

    def __init__(
        self,
        journals: Journals,
        models: Mapping[str, ModelSpec],
        queues: Mapping[str, ModelQueue],
        *,
        run: RunStop,
        stats: RunStats,
        run_id: str,
        seed: int = 0,
        rules: AskRules | None = None,
        watch: AskWatch | None = None,
        residents: Residents | None = None,
    ) -> None:
        self.journals = journals
        self.models = models
        self.queues = queues
        self.run = run
        self.stats = stats
        self.run_id = run_id
        self.seed = seed
        self.rules = rules or AskRules()
        self.residents = residents or Residents(Room(), {}, run=run, stats=stats, log=_no_log)
        self.sender = RequestSender(journals, run, stats, run_id)
        self.parked: dict[bytes, ParkedRequest] = {}
        self.answering: set[str] = set()
        """Models of which a reply was had in this start, and be it from the journal."""
        self.refused_records: set[str] = set()
        self.wanted_samplings: dict[tuple[str, str, int], tuple[object, WantedSampling]] = {}
        """{(endpoint, model, id of a plug-in's overrides): (those, so that the id stays theirs; what is
        wanted)}: what `PluginAsk` remembers.
        """
        self._watch = watch
        self._suspended: set[asyncio.Future[JournalRow]] = set()

    def stage_key(self, identity: str, pool: str = "") -> str:
        """Under which words a record that has passed a stage is remembered: the run's seed, and what
        synthesizers saw, are part of them.
        """
        return f"{identity}:{self.seed}{pool}"

    def get_or_request(self, record: RecordCalls, ask: KeyedAsk) -> Awaitable[JournalRow]:
        """The row under the ask's key: journalled, in flight already, or asked now. Suspends for ever when it
        cannot be had.
        """
        if self._watch is not None:
            return self._watch(record, ask, self._get_or_request)
        return self._get_or_request(record, ask)

    async def _get_or_request(self, record: RecordCalls, ask: KeyedAsk) -> JournalRow:
        digest = ask.key.digest
        again = digest in record.asked
        if ask.random and not ask.shared:
            self._refuse_second_draw(record, ask, again)
        record.asked.add(digest)
        row = self._lookup(record, ask.spec, digest, anew=ask.shared or again)
        record.last_active = time.monotonic()
        row = row or self._stop_if_unexpected(record, ask)
        if row is not None:
            self.stats.model(ask.spec.name).replayed += 1
        else:
            row = await self._request_or_suspend(record, ask)
        self._check_server(row, ask.spec)
        if row.status:
            self.refused_records.add(record.id)
        elif ask.spec.name not in self.answering:
            self.answering.add(ask.spec.name)
        cost = ask.spec.price.cost(row.prompt_tokens, row.completion_tokens) or row.cost
        record.stage_usage.add(ask.stage, ask.spec.name, row, cost)
        return row

    def _refuse_second_draw(self, record: RecordCalls, ask: KeyedAsk, again: bool) -> None:
        """A forgotten sample number must not look like agreement; two judges or revisers that ask the same
        share one reply.
        """
        asker = (ask.stage, ask.plugin)
        first_asker = record.first_asker.setdefault(ask.key.digest, asker)
        if again and (first_asker == asker or ask.plugin.startswith("sample ")):
            raise PluginError(
                f"{ask.plugin}: asked model {ask.spec.name!r} the same random request twice for one record. "
                "Number repeated draws with `sample=0, 1, ...`"
            )

    def _lookup(
        self, record: RecordCalls, spec: ModelSpec, digest: bytes, *, anew: bool
    ) -> JournalRow | None:
        """Look in the journal: all replies of a record are read at once, when it first asks. `anew` looks for
        what came since.
        """
        journal = self.journals.of(spec)
        if spec.simulated or anew:
            return journal.find(digest)
        if record.cached is None:
            [record.cached] = journal.replies_for_records([record.id])
        stored = record.cached.rows.get(digest)
        if stored is not None:
            return journal.row_of(stored)
        # what another run may have been told since is looked for when the request has its turn
        will_look_again = self.rules.live or journal.claims.is_alone
        return None if record.cached.is_complete and will_look_again else journal.find(digest)

    def _stop_if_unexpected(self, record: RecordCalls, ask: KeyedAsk) -> JournalRow | None:
        """Stop at a new ask of a record that passed this stage before, unless another process has just asked
        it: then that reply.
        """
        rules = self.rules
        if record.id in rules.retried or rules.allow_new or rules.known_only or not record.stage_key:
            return None
        journal = self.journals.of(ask.spec)
        if record.completed_stages is None:
            record.completed_stages = journal.completed_stages(record.id)
        if record.stage_key not in record.completed_stages:
            return None
        row = journal.find(ask.key.digest)
        if row is None:
            self.run.stop(
                UnexpectedRequest(
                    f"{ask.plugin}: a finished record ({record.id[:12]}) asks model {ask.spec.name!r} "
                    "something new although its stage is unchanged. If the plug-in changed on purpose, go "
                    "on with --allow-new; `prefgen plan --why` says what differs"
                )
            )
        return row

    async def _request_or_suspend(self, record: RecordCalls, ask: KeyedAsk) -> JournalRow:
        if self.run.reason or self.rules.known_only:
            return await self.suspend_forever(record, str(self.run.reason or "no reply is journalled"))
        if not ask.spec.simulated and self._is_answered_elsewhere(ask):
            self._park(record, ask)
            return await self._suspend(record)
        pending = self.sender.find(ask.key.digest)
        if pending is None:
            if self._must_wait(ask):
                record.waits_for |= {ask.spec.name}
                return await self._suspend(record)
            queue = self.queues[ask.spec.name]
            pending = PendingRequest(ask.key, record, ask.spec, queue, ask.make_request(), ask.shared)
            self.sender.send(pending)
        record.in_flight += 1
        record.turn += 1
        try:
            return await pending.result()
        except RequestFailed as error:
            record.last_error = error
        finally:
            record.in_flight -= 1
            record.check_stalled()
        return await self._suspend(record)

    def _is_answered_elsewhere(self, ask: KeyedAsk) -> bool:
        """Whether an ask is not for its server: offline, where it goes to a batch, and where it waits in
        one, whoever sent that.
        """
        if not self.rules.live:
            return True
        if ask.spec.batched and ask.make_request().endpoint in BATCHED_ENDPOINTS:
            return True
        return waiting_batch(self.journals.project, ask.key.digest) is not None

    def _must_wait(self, ask: KeyedAsk) -> bool:
        """Whether the turn of an ask's model has yet to come. Where it can never be answered, that is not
        waited for: its queue says so before it loads the model.
        """
        if self.residents.admits(ask.spec.name):
            return False
        try:
            self.residents.check_request(ask.spec.name, ask.make_request())
        except RequestFailed:
            return False
        return True

    def _park(self, record: RecordCalls, ask: KeyedAsk) -> None:
        """Keep a request that nobody may be asked now, so that it can be answered elsewhere."""
        request = ask.make_request()
        row = self.sender.row_for(ask.spec, ask.key, None if ask.shared else record.id, request.endpoint)
        record.is_parked = True
        cost, tokens = Reservation(ask.spec.price).of(request, estimate_prompt_tokens(request))
        self.parked[ask.key.digest] = ParkedRequest(
            ask.key.digest, ask.spec.name, request.endpoint, cost, tokens
        )
        self.journals.project.park(row, request_line(ask.key, ask.spec.model, request))

    async def suspend_forever(self, record: RecordCalls, why: str) -> JournalRow:
        """Suspend an ask for good: its record is left where it is."""
        record.last_error = RequestFailed("stopped", why)
        return await self._suspend(record)

    async def _suspend(self, record: RecordCalls) -> JournalRow:
        never: asyncio.Future[JournalRow] = asyncio.get_running_loop().create_future()
        self._suspended.add(never)  # nothing else holds the future, and so the task that waits for it
        record.check_stalled()
        try:
            return await never
        finally:
            self._suspended.discard(never)

    def _check_server(self, row: JournalRow, spec: ModelSpec) -> None:
        if row.origin == "step":
            return
        if spec.fingerprint and row.fingerprint != spec.fingerprint:
            self._check_weights(row, spec)
        if row.host == spec.model.host:
            return
        own = hosts_of(spec.model)
        expected = {*own, *self.rules.accept_served_by}
        if {row.host, published_host(row.host)} & expected:  # a release's recipe does not name all
            return
        is_replicated = isinstance(spec.model, ModelHooks) and spec.model.replica_hosts
        if is_replicated and row.run == self.run_id:  # this run asked it while it was a replica
            self.stats.notify(
                f"{spec.name}: earlier replies of this run are by {row.host}, which is no replica any more; "
                "they stay"
            )
            return
        error = UnexpectedServer(
            f"model {spec.name!r}: a journalled reply was served by {row.host!r} ({row.backend}), which is "
            f"not {' or '.join(map(repr, sorted(own)))} of this recipe. If that is meant, add it: run: "
            f"{{accept_served_by: [{row.host}]}}"
        )
        self.run.stop(error)
        raise error

    def _check_weights(self, row: JournalRow, spec: ModelSpec) -> None:
        """Raises UnexpectedServer where the reply itself says that other weights gave it."""
        if not row.fingerprint.startswith(OWN_FINGERPRINT) or row.fingerprint in self.rules.accept_served_by:
            return
        error = UnexpectedServer(
            f"model {spec.name!r}: a journalled reply was given by the weights {row.fingerprint}, and what "
            f"`serve` names is {spec.fingerprint} (model, revision, dtype and quantization make it). If that "
            f"is meant, add it: run: {{accept_served_by: [{row.fingerprint}]}}; else say another `revision` "
            "under models: to ask anew"
        )
        self.run.stop(error)
        raise error


def _no_log(event: str, **fields: object) -> None:
    """Where no model takes turns, there is nothing to tell."""
