"""`ask`, as one plug-in gets it for one record: asks become keys, and rows become replies (see
`prefgen.roles.Ask`).
"""

import asyncio
import hashlib
import inspect
import json
import time
from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Any

from prefgen.calls.context import CallContext, KeyedAsk
from prefgen.calls.key import Key, call_key
from prefgen.calls.models import ModelSpec, WantedSampling
from prefgen.calls.record_calls import RecordCalls
from prefgen.calls.rows import JournalRow
from prefgen.calls.usable_reply import as_asked, cut_at, usable_reply, without_leftovers
from prefgen.errors import PluginError, RefusedRequest, ReplyError
from prefgen.kit.answer_tokens import answer_tokens
from prefgen.roles import Messages
from prefgen.storage.canonical_json import canonical, canonical_flat
from prefgen.transport.request import ModelRequest
from prefgen.types import Prompt, Reply, Response, user


class PluginAsk:
    """The `ask` of one plug-in for one record. `overrides` is {model: sampling} of this stage alone.

    `tools` are offered where the plug-in does not name others; draws are numbered from `sample_offset`.
    """

    def __init__(
        self,
        context: CallContext,
        record: RecordCalls,
        *,
        kind: str,
        name: str,
        stage: str,
        seed: int = 0,
        overrides: Mapping[str, Mapping[str, Any]] | None = None,
        tools: Sequence[Mapping[str, Any]] = (),
        sample_offset: int = 0,
    ) -> None:
        self._context = context
        self._record = record
        self._plugin = f"{kind} {name!r}"
        self.name = name
        self._stage = stage
        self._seed = seed
        self._overrides = overrides or {}
        self._tools = tools
        self._sample_offset = sample_offset

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
        brief: bool = False,
        opened: bool = False,
        **sampling: Any,
    ) -> Reply:
        turns = (user(messages),) if isinstance(messages, str) else tuple(messages)
        offered = self._tools if tools is None else tools
        reply_format: dict[str, Any] = {}
        if schema is not None:
            reply_format["schema"] = schema
        if logprobs:
            reply_format["logprobs"] = logprobs
        if opened:
            reply_format["opened"] = True
        if offered:
            reply_format["tools"] = list(offered)
        reply = await self._reply(
            "chat", model, [turn.hashable() for turn in turns], sampling, reply_format, sample, shared,
            lambda wanted: ModelRequest(
                "chat", "", turns, "", wanted, schema, logprobs, False, offered, brief=brief, opened=opened
            ),
        )  # fmt: skip
        if logprobs and not answer_tokens(reply):
            self._notify_of_votes(model, reply)
        spec = self._spec(model)
        try:
            reply = usable_reply(as_asked(reply, turns))
            answer = without_leftovers(reply, spec.leaks, turns, offered)
        except ReplyError as error:
            error.model = spec.label
            raise
        if answer.text != reply.text:
            self._context.stats.notify(
                f"{model}: its server leaves marks of its chat template in answers, which are taken out"
            )
        return answer

    def _notify_of_votes(self, model: str, reply: Reply) -> None:
        """Say once a run why labels are not read from log-probabilities."""
        is_thinking = reply.finish_reason == "length" and not reply.text.strip()
        why = "its server gives no log-probabilities"
        if is_thinking:
            why = "it thinks before it answers"
        elif reply.logprobs:
            why = "its server gives log-probabilities of other tokens than it writes"
        self._context.stats.notify(f"{model}: {why}, so a judge of labels counts sampled votes instead")

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
        reply_format = {name: value for name, value in (("logprobs", logprobs), ("echo", echo)) if value}
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
            endpoint, model, [turn.hashable() for turn in turns], {}, {}, 0, False,
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
            record=self._record.id,
        )
        self._record.asked.add(key.digest)
        row = self._context.journals.project.find(key.digest)
        if row is None and self._context.rules.known_only:
            row = await self._context.suspend_forever(self._record, "this step has not run")
        if row is None:
            row = await _run_step(self._context, self._record, key, name, function, args)
        return json.loads(row.reply)

    def rng(self, name: str) -> Random:
        spelled = canonical_flat(["rng", self._seed, self._stage, self.name, self._record.id, name])
        return Random(int.from_bytes(hashlib.blake2b(spelled, digest_size=8).digest(), "big"))

    def options(self, model: str) -> Mapping[str, Any]:
        return {**self._spec(model).sampling, **self._overrides.get(model, {})}

    def label(self, model: str) -> str:
        return self._spec(model).label

    def _spec(self, model: str) -> ModelSpec:
        spec = self._context.models.get(model)
        if spec is None:
            raise PluginError(
                f"{self._plugin}: asks model {model!r}, which the recipe does not have under `models`"
            )
        return spec

    def _wanted_sampling(self, endpoint: str, model: str, sampling: Mapping[str, Any]) -> WantedSampling:
        """What is wanted of a model; remembered where the ask itself says nothing of it, which saves 5 % of a
        replay.
        """
        if sampling:
            return WantedSampling.of(endpoint, {**self.options(model), **sampling})
        overrides = self._overrides.get(model)
        asked_so = (endpoint, model, id(overrides))
        known = self._context.wanted_samplings.get(asked_so)
        if known is None or known[0] is not overrides:
            known = (overrides, WantedSampling.of(endpoint, self.options(model)))
            self._context.wanted_samplings[asked_so] = known
        return known[1]

    async def _reply(
        self, endpoint: str, model: str, hashed: Any, sampling: Mapping[str, Any],
        reply_format: Mapping[str, Any], sample: int, shared: bool,
        make_request: Callable[[dict[str, Any]], ModelRequest],
    ) -> Reply:  # fmt: skip
        """The reply to what is asked. Raises PluginError for what cannot be keyed, RefusedRequest for what
        was refused.
        """
        context, spec = self._context, self._spec(model)
        try:
            wanted = self._wanted_sampling(endpoint, model, sampling)
            random = wanted.random
            if random and not shared:
                sample += self._sample_offset
            fields: dict[str, Any] = {
                "endpoint": endpoint, "model": spec.identity_json, "messages": hashed,
                "sampling": wanted.json, "reply_format": reply_format, "sample": sample,
                "record": None if shared else self._record.id, "seed": context.seed if random else None,
            }  # fmt: skip
            first_key = call_key(**fields)
            attempt = context.rules.attempts.get(first_key.hex, 0) if context.rules.attempts else 0
            key = call_key(**fields, attempt=attempt) if attempt else first_key
        except (ValueError, TypeError) as error:
            raise PluginError(f"{self._plugin}: an ask that cannot be keyed: {error}") from error

        def request() -> ModelRequest:
            model_request = make_request(dict(wanted.values))
            model_request.model = str(spec.identity["name"])
            model_request.seeds = (key.server_seed if random else None,)
            model_request.about = self._record.id
            return model_request

        ask = KeyedAsk(self._plugin, self._stage, spec, key, random, shared, request)
        row = await context.get_or_request(self._record, ask)
        if row.status:
            refusal = json.loads(row.reply)
            raise RefusedRequest(
                f"{spec.name}: {refusal.get('error')}",
                code=row.code or "bad_request",
                replies=(row.reply.decode(),),
                keys=(first_key.hex,),
                model=spec.label,
            )
        reply = row.parsed if row.parsed is not None else spec.model.parse(row.reply, endpoint)
        if wanted.unsent_stops:
            reply = cut_at(reply, wanted.unsent_stops)
        return reply.replacing(key=first_key.hex)


async def _run_step(
    context: CallContext,
    record: RecordCalls,
    key: Key,
    name: str,
    function: Callable[..., Any],
    args: tuple[Any, ...],
) -> JournalRow:
    """Run what a plug-in computes in a step, and journal its result."""
    record.in_flight += 1
    record.turn += 1
    record.last_active = time.monotonic()
    try:
        if inspect.iscoroutinefunction(function):
            result = await function(*args)
        else:
            result = await asyncio.to_thread(function, *args)
        row = JournalRow(
            key=key.digest, endpoint="step", model=name, record=record.id, run=context.run_id,
            backend="step", host="local", reply=canonical(result), parts=key.parts, origin="step",
            time=time.time(),
        )  # fmt: skip
        [journalled] = await context.journals.project.commit([row])
        return journalled
    finally:
        record.in_flight -= 1
        record.check_stalled()
