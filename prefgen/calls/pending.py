"""Requests that are under way, and how the draws of one request become one."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from prefgen.calls.key import Key
from prefgen.calls.models import ModelSpec
from prefgen.calls.queue import ModelQueue
from prefgen.calls.record_calls import RecordCalls
from prefgen.calls.rows import JournalRow
from prefgen.errors import RequestFailed
from prefgen.transport.request import ModelRequest

MERGED_ENDPOINTS = ("chat", "completion")
DrawKey = tuple[RecordCalls, str, bytes, str]
"""(record, model, parts of the key, endpoint): the same for all draws of one request, and nearly always for
them alone.
"""


@dataclass(slots=True)
class PendingRequest:
    """One draw that is under way, and everyone who waits for it: a suspended asker is cancelled alone."""

    key: Key
    record: RecordCalls
    spec: ModelSpec
    queue: ModelQueue
    request: ModelRequest
    shared: bool
    together: int = 0
    """How often it was tried in vain together with other draws (`Tries`)."""
    _waiting: list[asyncio.Future[JournalRow]] = field(default_factory=list)

    @property
    def record_id(self) -> str | None:
        """The record that the journal notes; none for an ask that any record may share."""
        return None if self.shared else self.record.id

    def result(self) -> "asyncio.Future[JournalRow]":
        """The journalled row, once it is there; raises RequestFailed when there will be none."""
        waiting: asyncio.Future[JournalRow] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiting)
        return waiting

    def resolve(self, outcome: JournalRow | RequestFailed) -> None:
        for waiting in self._waiting:
            if waiting.done():
                continue
            if isinstance(outcome, RequestFailed):
                waiting.set_exception(outcome)
            else:
                waiting.set_result(outcome)


class DrawGroups:
    """Collects the draws of one request that are asked in one turn of the event loop; `send` gets each
    group.
    """

    def __init__(self, send: Callable[[list[PendingRequest]], None]) -> None:
        self._send = send
        self._groups: dict[DrawKey, list[PendingRequest]] = {}

    @property
    def are_gathering(self) -> bool:
        """Whether some draws still wait for others of their request."""
        return bool(self._groups)

    def add(self, pending: PendingRequest) -> None:
        """Send it, with the other draws of its request where the server takes several (`n`)."""
        request = pending.request
        if not pending.queue.supports_n or request.endpoint not in MERGED_ENDPOINTS:
            self._send([pending])
            return
        draw_key = (pending.record, pending.spec.name, pending.key.parts, request.endpoint)
        group = self._groups.get(draw_key)
        if group is None:
            self._groups[draw_key] = [pending]
            asyncio.get_running_loop().call_soon(self._wait_a_turn, draw_key)
        elif differs_in_seeds_alone(group[0].request, request):  # the parts are short hashes
            group.append(pending)
        else:
            self._send([pending])

    def _wait_a_turn(self, draw_key: DrawKey) -> None:
        asyncio.get_running_loop().call_soon(self._flush, draw_key)

    def _flush(self, draw_key: DrawKey) -> None:
        self._send(self._groups.pop(draw_key))


def differs_in_seeds_alone(request: ModelRequest, other: ModelRequest) -> bool:
    """Whether two requests are one but for their seeds."""
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
        "brief",
        "opened",
    )
    return all(getattr(request, name) == getattr(other, name) for name in fields)
