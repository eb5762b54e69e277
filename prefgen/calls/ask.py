"""`ask`: answered from the journal, or by a model and then journalled, or parked until someone can answer it.

A plug-in never sees a passing fault. An ask that cannot be answered now neither raises nor returns: it stays suspended, and when a
record has no call in flight and at least one suspended, the engine is told (`stalled`) and cancels the record's task.
"""

import asyncio
import hashlib
import inspect
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from prefgen.calls.budget import FREE, Price
from prefgen.calls.journal import Journal, JournalRow
from prefgen.calls.key import CanonicalJson, Key, call_key
from prefgen.calls.ledger import RunStats
from prefgen.calls.queue import ModelQueue, QueuedRequest
from prefgen.calls.record_calls import RecordCalls
from prefgen.errors import (
    JournalError,
    PluginError,
    PrefgenError,
    RefusedReply,
    RefusedRequest,
    RequestFailed,
    TruncatedReply,
    UnexpectedRequest,
    UnexpectedServer,
    UnreadableReply,
)
from prefgen.roles import Messages, Model, ModelRequest, ModelResponse
from prefgen.storage.canonical_json import canonical, canonical_flat
from prefgen.transport.openai_protocol import request_body, route
from prefgen.types import Prompt, Reply, Response, user

MANNERS_KEPT = 4096
PLAIN = {str, int, float, bool, type(None)}


@dataclass(frozen=True)
class ModelSpec:
    """A model of the recipe: its identity (what keys hold), its sampling, and the hosts that may answer for it."""

    name: str
    identity: Mapping[str, Any]
    sampling: Mapping[str, Any]
    model: Model
    price: Price = FREE
    simulated: bool = False


def model_label(identity: Mapping[str, Any], simulated: bool) -> str:
    """A model's name as rows show it; a simulated one says so."""
    adapter = identity.get("fields", {}).get("adapter")  # two adapters on one base are two models
    return (
        f"simulated/{identity['name']}"
        if simulated
        else f"{identity['name']}+{adapter}"
        if adapter
        else str(identity["name"])
    )


@dataclass
class CallContext:
    """What all asks of a run share. `live` False parks every new ask (offline, export); `known_only` leaves records alone that have one."""

    journal: Journal
    simulated_journal: Journal
    progress_journal: Journal
    models: Mapping[str, ModelSpec]
    queues: Mapping[str, ModelQueue]
    stats: RunStats
    run_id: str
    seed: int = 0
    live: bool = True
    known_only: bool = False
    allow_new: bool = False
    accept_served_by: frozenset[str] = frozenset()
    attempts: Mapping[str, int] = field(default_factory=dict)
    retried: frozenset[str] = frozenset()
    stopped: PrefgenError | None = None

    def __post_init__(self) -> None:
        self.parked_keys: list[bytes] = []
        self._pending: dict[bytes, PendingRequest] = {}
        self._groups: dict[tuple, list[PendingRequest]] = {}
        self._never: set[asyncio.Future[Any]] = set()

    def stage_key(self, identity: str, pool: str = "") -> str:
        """Under which identity a record that has passed a stage is remembered: the run's seed, and what synthesizers saw, are part of it."""
        return f"{identity}:{self.seed}{pool}"

    def stop(self, why: PrefgenError) -> None:
        """End the run: nothing new is asked, what is in flight is kept."""
        if self.stopped is None:
            self.stopped = why
            for line in self.queues.values():
                line.close()

    async def get_or_request(
        self,
        run: RecordCalls,
        plugin: str,
        stage: str,
        spec: ModelSpec,
        key: Key,
        random: bool,
        shared: bool,
        make_call: Callable[[], ModelRequest],
    ) -> JournalRow:
        """The row under `key`: journalled, in flight already, or asked now. Suspends for ever when it cannot be had."""
        again = key.digest in run.asked
        if random and not shared:
            self._refuse_second_draw(run, plugin, stage, spec, key)
        run.asked.add(key.digest)
        found = self._lookup(run, spec, key.digest, shared or again)
        run.last_active = time.monotonic()
        found = found or self._unexpected(run, plugin, spec, key)
        if found is not None:
            self.stats.model(spec.name).replayed += 1
        else:
            found = await self._wait(run, spec, key, make_call(), shared)
        self._check_server(found, spec)
        run.stage_usage.add(
            stage,
            spec.name,
            found,
            spec.price.cost(found.prompt_tokens, found.completion_tokens) or found.cost,
        )
        return found

    def journal_of(self, spec: ModelSpec) -> Journal:
        """Simulated replies live in a journal that is thrown away; all others in the project's."""
        return self.simulated_journal if spec.simulated else self.journal

    def _refuse_second_draw(
        self, run: RecordCalls, plugin: str, stage: str, spec: ModelSpec, key: Key
    ) -> None:
        """A forgotten sample number must not look like agreement; two judges or revisers that ask the same share one reply."""
        before = run.first_asker.setdefault(key.digest, (stage, plugin))
        if key.digest in run.asked and (before == (stage, plugin) or plugin.startswith("sample ")):
            raise PluginError(
                f"{plugin}: asked model {spec.name!r} the same random request twice for one record. "
                "Number repeated draws with `sample=0, 1, ...`"
            )

    def _lookup(self, run: RecordCalls, spec: ModelSpec, digest: bytes, anew: bool) -> JournalRow | None:
        """Look in the journal: all replies of a record are read at once, when it first asks. `anew` looks for what came since."""
        if spec.simulated or anew:
            return self.journal_of(spec).find(digest)
        if run.cached is None:
            [run.cached] = self.journal.replies_for_records([run.id])
        found = run.cached.rows.get(digest)
        if found is not None:
            return self.journal.row_of(found)
        return None if run.cached.is_complete and self.journal.sole_writer else self.journal.find(digest)

    def _unexpected(self, run: RecordCalls, plugin: str, spec: ModelSpec, key: Key) -> JournalRow | None:
        """Stop at a new ask of a record that passed this stage before, unless another process has just asked it: then that reply."""
        if run.id in self.retried or self.allow_new or self.known_only or not run.stage_key:
            return None
        if run.completed_stages is None:
            run.completed_stages = self.journal_of(spec).completed_stages(run.id)
        if run.stage_key not in run.completed_stages:
            return None
        found = self.journal_of(spec).find(key.digest)
        if found is None:
            self.stop(
                UnexpectedRequest(
                    f"{plugin}: a finished record ({run.id[:12]}) asks model {spec.name!r} something new although its stage is unchanged. "
                    "If the plug-in changed on purpose, go on with --allow-new; `prefgen plan --why` says what differs"
                )
            )
        return found

    async def _wait(
        self, run: RecordCalls, spec: ModelSpec, key: Key, call: ModelRequest, shared: bool
    ) -> JournalRow:
        if self.stopped or self.known_only:
            return await self.suspend_forever(run, str(self.stopped or "no reply is journalled"))
        if not self.live and not spec.simulated:
            row = self._journal_row(spec, key, None if shared else run.id, call)
            run.parked.append(row)
            self.parked_keys.append(key.digest)
            self.journal.park(row, export_line(key, spec, call))
            return await self._suspend(run)
        ticket = self._pending.get(key.digest)
        if ticket is None:
            ticket = self._pending[key.digest] = PendingRequest(key, run, spec, call, shared, call.seeds[0])
            self._enqueue(ticket)
        answer: asyncio.Future[JournalRow] = asyncio.get_running_loop().create_future()
        ticket.waiting.append(answer)
        run.in_flight += 1
        run.turn += 1
        try:
            return await answer
        except RequestFailed as lost:
            run.last_error = lost
        finally:
            run.in_flight -= 1
            run.check_stalled()
        return await self._suspend(run)

    async def suspend_forever(self, run: RecordCalls, why: str) -> JournalRow:
        """Suspend an ask for good: its record is left where it is."""
        run.last_error = RequestFailed("stopped", why)
        return await self._suspend(run)

    async def _suspend(self, run: RecordCalls) -> JournalRow:
        never: asyncio.Future[JournalRow] = asyncio.get_running_loop().create_future()
        self._never.add(never)
        run.check_stalled()
        try:
            return await never
        finally:
            self._never.discard(never)

    def _enqueue(self, ticket: "PendingRequest") -> None:
        """Collect the draws of one request that are asked in one turn of the loop, so that they can be one request."""
        call = ticket.call
        group_of = (ticket.run, ticket.spec.name, ticket.key.parts, call.endpoint)
        if not self.queues[ticket.spec.name].supports_n or call.endpoint not in ("chat", "completion"):
            self._submit([ticket])
        elif group_of in self._groups:
            if same_request(self._groups[group_of][0].call, call):  # the parts are short hashes
                self._groups[group_of].append(ticket)
            else:
                self._submit([ticket])
        else:
            self._groups[group_of] = [ticket]
            asyncio.get_running_loop().call_soon(self._flush, group_of, 1)

    def _flush(self, group_of: tuple, ticks: int) -> None:
        if ticks:
            asyncio.get_running_loop().call_soon(self._flush, group_of, ticks - 1)
        else:
            self._submit(self._groups.pop(group_of))

    def _submit(self, tickets: "list[PendingRequest]") -> None:
        first = tickets[0]
        call = first.call
        if len(tickets) > 1:
            call.seeds = tuple(seed for ticket in tickets for seed in ticket.call.seeds)
        errand = QueuedRequest(
            request=call,
            order=first.run.order,
            answered=lambda served, seconds: self._answered(tickets, served, seconds),
            failed=lambda fault: self._failed(tickets, fault),
            prompt_tokens=estimate_tokens(call),
        )
        self.queues[first.spec.name].submit(errand)

    def _submit_singly(self, tickets: "list[PendingRequest]") -> None:
        for ticket in tickets:
            ticket.call.seeds = (ticket.seed,)
            self._submit([ticket])

    def _answered(
        self, tickets: "list[PendingRequest]", served: Sequence[ModelResponse], seconds: float
    ) -> None:
        if len(served) < len(tickets):  # the server has no `n`
            line = self.queues[tickets[0].spec.name]
            line.supports_n = False
            line.notify(
                f"{line.name}: the server gave {len(served)} of {len(tickets)} draws in one request; asking for each on its own"
            )
            self._submit_singly(tickets[len(served) :])
            tickets[0].call.seeds = tickets[0].call.seeds[: len(served)]
            tickets = tickets[: len(served)]
        rows = []
        for ticket, answer in zip(tickets, served, strict=False):
            row = self._journal_row(ticket.spec, ticket.key, ticket.record, ticket.call)
            row.reply, row.parsed, row.seconds = answer.raw, answer.reply, seconds
            row.served_model, row.fingerprint, row.how = answer.model, answer.fingerprint, answer.how
            usage = answer.reply.usage
            row.prompt_tokens, row.completion_tokens = usage.prompt_tokens, usage.completion_tokens
            row.cost = ticket.spec.price.cost(
                usage.prompt_tokens, usage.completion_tokens, usage.cached_tokens
            )
            rows.append(row)
        self._commit(tickets, rows)

    def _failed(self, tickets: "list[PendingRequest]", fault: RequestFailed) -> None:
        if (
            fault.kind in ("refused", "empty") and len(tickets) > 1
        ):  # perhaps it is `n` that the server does not know
            self.queues[tickets[0].spec.name].supports_n = False
            self._submit_singly(tickets)
            return
        if fault.kind in ("refused", "empty"):
            rows = []
            for ticket in tickets:
                row = self._journal_row(ticket.spec, ticket.key, ticket.record, ticket.call)
                row.status, row.code = 1, fault.code
                row.reply = json.dumps({"error": fault.message, "code": fault.code}).encode()
                row.request = export_line(ticket.key, ticket.spec, ticket.call)
                rows.append(row)
            self._commit(tickets, rows)
            return
        self.stats.model(tickets[0].spec.name).lost += len(tickets)
        for ticket in tickets:
            self._pending.pop(ticket.key.digest, None)
            ticket.answer(fault)

    def _commit(self, tickets: "list[PendingRequest]", rows: list[JournalRow]) -> None:
        def kept(held: Sequence[JournalRow], broken: JournalError | None) -> None:
            for i, ticket in enumerate(tickets):
                self._pending.pop(ticket.key.digest, None)
                ticket.answer(RequestFailed("stopped", str(broken)) if broken else held[i])
            if broken:
                self.stop(broken)

        self.journal_of(tickets[0].spec).submit(rows, kept)

    def _journal_row(self, spec: ModelSpec, key: Key, record: str | None, call: ModelRequest) -> JournalRow:
        model = spec.model
        return JournalRow(
            key=key.digest, endpoint=call.endpoint, model=str(spec.identity["name"]), record=record, run=self.run_id,
            backend=model.backend, host=model.host, reply=b"", parts=key.parts, time=time.time(),
        )  # fmt: skip

    def _check_server(self, row: JournalRow, spec: ModelSpec) -> None:
        if row.origin == "step" or row.host == spec.model.host or row.host in self.accept_served_by:
            return
        why = UnexpectedServer(
            f"model {spec.name!r}: a journalled reply was served by {row.host!r} ({row.backend}), which is not {spec.model.host!r} of this "
            f"recipe. If that is meant, add it: run: {{accept_served_by: [{row.host}]}}"
        )
        self.stop(why)
        raise why


@dataclass(slots=True)
class PendingRequest:
    key: Key
    run: RecordCalls
    spec: ModelSpec
    call: ModelRequest
    shared: bool
    seed: int | None
    waiting: "list[asyncio.Future[JournalRow]]" = field(default_factory=list)
    """Everyone who asks just this: a suspended asker is cancelled alone."""

    @property
    def record(self) -> str | None:
        return None if self.shared else self.run.id

    def answer(self, outcome: JournalRow | RequestFailed) -> None:
        for asker in self.waiting:
            if asker.done():
                continue
            if isinstance(outcome, RequestFailed):
                asker.set_exception(outcome)
            else:
                asker.set_result(outcome)


@dataclass(frozen=True, slots=True)
class Manner:
    """A model, the sampling that is wanted of it, whether that draws, and both as keys hold them."""

    spec: ModelSpec
    wanted: Mapping[str, Any]
    random: bool
    identity: CanonicalJson
    sampling: CanonicalJson


class PluginAsk:
    """The `ask` that one plug-in gets for one record (see `prefgen.roles.Ask` for what each form does)."""

    def __init__(
        self,
        calls: CallContext,
        run: RecordCalls,
        *,
        kind: str,
        name: str,
        stage: str,
        seed: int = 0,
        overrides: Mapping[str, Mapping[str, Any]] | None = None,
        tools: Sequence[Mapping[str, Any]] = (),
        sample_offset: int = 0,
        manners: dict[tuple[Any, ...], Manner] | None = None,
    ) -> None:
        self._calls = calls
        self._run = run
        self._plugin = f"{kind} {name!r}"
        self.name = name
        self._stage = stage
        self._seed = seed
        self._overrides = overrides or {}
        self._tools = tools
        self._sample_offset = sample_offset
        self._manners = {} if manners is None else manners

    async def __call__(
        self,
        model: str,
        messages: Messages,
        /,
        *,
        sample: int = 0,
        schema: Mapping[str, Any] | None = None,
        logprobs: int = 0,
        shared: bool = False,
        tools: Sequence[Mapping[str, Any]] | None = None,
        **sampling: Any,
    ) -> Reply:
        turns = (user(messages),) if isinstance(messages, str) else tuple(messages)
        offered = self._tools if tools is None else tools
        reply_format: dict[str, Any] = {}
        if schema is not None:
            reply_format["schema"] = schema
        if logprobs:
            reply_format["logprobs"] = logprobs
        if offered:
            reply_format["tools"] = list(offered)
        reply = await self._reply(
            "chat", model, [m.hashable() for m in turns], sampling, reply_format, sample, shared,
            lambda wanted: ModelRequest("chat", "", turns, "", wanted, schema, logprobs, False, offered),
        )  # fmt: skip
        return usable_reply(reply)

    async def complete(
        self,
        model: str,
        text: str,
        /,
        *,
        sample: int = 0,
        logprobs: int = 0,
        echo: bool = False,
        shared: bool = False,
        **sampling: Any,
    ) -> Reply:
        reply_format = {k: v for k, v in (("logprobs", logprobs), ("echo", echo)) if v}
        return await self._reply(
            "completion", model, text, sampling, reply_format, sample, shared,
            lambda wanted: ModelRequest("completion", "", (), text, wanted, None, logprobs, echo),
        )  # fmt: skip

    async def score(
        self, model: str, prompt: Prompt, response: Response, other: Response | None = None, /
    ) -> float:
        turns = (*prompt.messages, *response.messages, *(other.messages if other else ()))
        endpoint = "rank" if other else "score"
        reply = await self._reply(
            endpoint, model, [m.hashable() for m in turns], {}, {}, 0, False,
            lambda _: ModelRequest(endpoint, "", turns),
        )  # fmt: skip
        return float(json.loads(reply.text))

    async def embed(self, model: str, texts: Sequence[str], /) -> list[list[float]]:
        reply = await self._reply(
            "embed",
            model,
            list(texts),
            {},
            {},
            0,
            True,
            lambda _: ModelRequest("embed", "", inputs=tuple(texts)),
        )
        return json.loads(reply.text)

    async def step(self, name: str, function: Callable[..., Any], /, *args: Any, version: int = 1) -> Any:
        key = call_key(
            endpoint="step",
            model={"name": name},
            messages=list(args),
            sampling={},
            reply_format={"version": version},
            record=self._run.id,
        )
        run, journal = self._run, self._calls.journal
        run.asked.add(key.digest)
        found = journal.find(key.digest)
        if found is None and self._calls.known_only:
            found = await self._calls.suspend_forever(run, "this step has not run")
        if found is None:
            run.in_flight += 1
            run.turn += 1
            try:
                run.last_active = time.monotonic()
                result = (
                    await function(*args)
                    if inspect.iscoroutinefunction(function)
                    else await asyncio.to_thread(function, *args)
                )
                row = JournalRow(
                    key=key.digest, endpoint="step", model=name, record=run.id, run=self._calls.run_id, backend="step", host="local",
                    reply=canonical(result), parts=key.parts, origin="step", time=time.time(),
                )  # fmt: skip
                [found] = await journal.commit([row])
            finally:
                run.in_flight -= 1
                run.check_stalled()
        return json.loads(found.reply)

    def rng(self, name: str) -> Random:
        digest = hashlib.blake2b(
            canonical_flat(["rng", self._seed, self._run.id, name]), digest_size=8
        ).digest()
        return Random(int.from_bytes(digest, "big"))

    def options(self, model: str) -> Mapping[str, Any]:
        return {**self._spec(model).sampling, **self._overrides.get(model, {})}

    def label(self, model: str) -> str:
        spec = self._spec(model)
        return model_label(spec.identity, spec.simulated)

    def _spec(self, model: str) -> ModelSpec:
        spec = self._calls.models.get(model)
        if spec is None:
            raise PluginError(
                f"{self._plugin}: asks model {model!r}, which the recipe does not have under `models`"
            )
        return spec

    def _manner(self, endpoint: str, model: str, sampling: Mapping[str, Any]) -> Manner:
        """How a model is asked: found out once for all records of a plug-in (which share `manners`) that asks in one manner."""
        if not all(type(value) in PLAIN for value in sampling.values()):  # a list, such as `stop`
            return self._new_manner(endpoint, model, sampling)
        known_as = (endpoint, model, *sampling.items(), *map(type, sampling.values()))  # 1 equals True
        manner = self._manners.get(known_as)
        if manner is None:
            if len(self._manners) >= MANNERS_KEPT:
                self._manners.clear()
            manner = self._manners[known_as] = self._new_manner(endpoint, model, sampling)
        return manner

    def _new_manner(self, endpoint: str, model: str, sampling: Mapping[str, Any]) -> Manner:
        spec = self._spec(model)
        wanted: dict[str, Any] = {}
        if endpoint in ("chat", "completion"):
            wanted = {**spec.sampling, **self._overrides.get(model, {}), **sampling}
            wanted = {name: value for name, value in wanted.items() if value is not None}
        random = endpoint in ("chat", "completion") and wanted.get("temperature") != 0
        return Manner(spec, wanted, random, CanonicalJson.of(spec.identity), CanonicalJson.of(wanted))

    async def _reply(
        self, endpoint: str, model: str, hashed: Any, sampling: Mapping[str, Any], reply_format: Mapping[str, Any], sample: int,
        shared: bool, make_call: Callable[[Mapping[str, Any]], ModelRequest],
    ) -> Reply:  # fmt: skip
        calls, run = self._calls, self._run
        try:
            manner = self._manner(endpoint, model, sampling)
            random = manner.random
            if random and not shared:
                sample += self._sample_offset
            fields: dict[str, Any] = {
                "endpoint": endpoint, "model": manner.identity, "messages": hashed, "sampling": manner.sampling, "reply_format": reply_format,
                "sample": sample, "record": None if shared else run.id, "seed": calls.seed if random else None,
            }  # fmt: skip
            key = base = call_key(**fields)
            attempt = calls.attempts.get(key.hex, 0) if calls.attempts else 0
            if attempt:
                key = call_key(**fields, attempt=attempt)
        except (ValueError, TypeError) as wrong:
            raise PluginError(f"{self._plugin}: an ask that cannot be keyed: {wrong}") from wrong
        spec = manner.spec

        def named_call() -> ModelRequest:
            call = make_call(dict(manner.wanted))
            call.model = str(spec.identity["name"])
            call.seeds = (key.server_seed if random else None,)
            return call

        row = await calls.get_or_request(
            run, self._plugin, self._stage, spec, key, random, shared, named_call
        )
        if row.status:
            error = json.loads(row.reply)
            message = f"{spec.name}: {error.get('error')}"
            raise RefusedRequest(
                message, code=row.code or "bad_request", replies=(row.reply.decode(),), keys=(base.hex,)
            )
        reply = row.parsed if row.parsed is not None else spec.model.parse(row.reply, endpoint)
        return reply.replacing(key=base.hex)


def usable_reply(reply: Reply) -> Reply:
    """The reply, unless it is a refusal, was filtered, is empty, or ended before an answer began (raises ReplyError)."""
    keys = (reply.key,)
    if reply.refusal:
        raise RefusedReply(f"the model declined: {reply.refusal[:200]}", replies=(reply.refusal,), keys=keys)
    if reply.finish_reason == "content_filter":
        raise RefusedReply(
            "a content filter cut the answer", code="content_filter", replies=(reply.text,), keys=keys
        )
    if not reply.text.strip() and not reply.tool_calls:
        if reply.finish_reason == "length":
            message = (
                "the tokens were used up before an answer began (reasoning counts too): raise max_tokens"
            )
            raise TruncatedReply(message, replies=(reply.reasoning or "",), keys=keys)
        raise UnreadableReply("the reply is empty", code="empty", replies=(reply.text,), keys=keys)
    return reply


def same_request(one: ModelRequest, other: ModelRequest) -> bool:
    """Whether two calls differ in their seeds alone."""
    fields = (
        "endpoint",
        "model",
        "messages",
        "text",
        "sampling",
        "schema",
        "logprobs",
        "echo",
        "tools",
        "inputs",
    )
    return all(getattr(one, name) == getattr(other, name) for name in fields)


def estimate_tokens(call: ModelRequest) -> int:
    """A cautious guess at the prompt's tokens: a token for every 3 bytes of UTF-8 and 8 for each message."""
    size = len(call.text.encode())
    for text in (*[m.text for m in call.messages], *call.inputs):
        size += len(text) if text.isascii() else len(text.encode())
    return size // 3 + 8 * (len(call.messages) + 1)


def export_line(key: Key, spec: ModelSpec, call: ModelRequest) -> bytes:
    """The request as a line of the OpenAI batch format, under its key as `custom_id`."""
    as_sent = getattr(spec.model, "body", None)
    body = (
        as_sent(call)
        if as_sent
        else request_body(call, {"seed": call.seeds[0]} if call.seeds[0] is not None else {})
    )
    return json.dumps(
        {"custom_id": key.hex, "method": "POST", "url": f"/v1/{route(call.endpoint)}", "body": body}
    ).encode()
