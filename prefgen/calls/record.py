"""One record on its way: what it asked, what is in flight, what is suspended, what it cost."""

import asyncio
import hashlib
import time
from collections.abc import Callable

from prefgen.calls.journal import Row
from prefgen.calls.ledger import ServerTally
from prefgen.errors import Fault

SETTLING_TICKS = 12
"""Turns of the event loop that a record's tasks get to go on, before it counts as stalled."""


class RecordRun:
    """One record on its way through the stages of a segment: what it asked, what is in flight, what is suspended."""

    __slots__ = (
        "asked",
        "fresh",
        "id",
        "identity",
        "in_flight",
        "lost",
        "order",
        "parked",
        "servers",
        "stalled",
        "tally",
        "tick",
        "timed_out",
        "touched",
    )  # fmt: skip

    def __init__(self, record_id: str, order: int, stalled: Callable[["RecordRun"], None]) -> None:
        self.id = record_id
        self.order = order
        self.asked: set[bytes] = set()
        self.identity = ""
        self.tally: dict[tuple[str, str], list[int]] = {}
        self.servers: dict[tuple[str, str, str, str], ServerTally] = {}
        self.touched = time.monotonic()
        self.timed_out = False
        self.fresh: list[tuple[str, str, int, int, int, tuple[str, str, str, str], float]] = []
        self.in_flight = 0
        self.parked: list[Row] = []
        self.lost: Fault | None = None
        self.stalled = stalled
        self.tick = 0

    @property
    def suspended(self) -> bool:
        return bool(self.parked) or self.lost is not None

    def keys_digest(self) -> bytes:
        """16 bytes that say which keys were asked, whatever their order."""
        return hashlib.blake2b(b"".join(sorted(self.asked)), digest_size=16).digest()

    def book(self, stage: str, model: str, row: Row, cost: int) -> None:
        """Count a reply of this record: what its dataset would cost new, and who served it."""
        who = (row.backend, row.host, row.served_model, row.fingerprint)
        self.fresh.append((stage, model, row.prompt_tokens, row.completion_tokens, cost, who, row.time))

    def settle_tally(self) -> None:
        """A stage is passed: what it was answered counts now (of a stage that is replayed later, nothing does)."""
        for stage, model, prompt_tokens, completion_tokens, cost, who, at in self.fresh:
            tally = self.tally.setdefault((stage, model), [0, 0, 0, 0])
            for i, amount in enumerate((1, prompt_tokens, completion_tokens, cost)):
                tally[i] += amount
            server = self.servers.setdefault(who, ServerTally(0, at, at))
            server.add(at)
        self.fresh.clear()

    def settle(self) -> None:
        """Look whether nothing but suspended asks is left, once the record's tasks have had their turns."""
        self.tick += 1
        self.touched = time.monotonic()
        if self.suspended and not self.in_flight:
            asyncio.get_running_loop().call_soon(self._look, self.tick, SETTLING_TICKS)

    def _look(self, tick: int, left: int) -> None:
        if tick != self.tick or self.in_flight:
            return
        if left:
            asyncio.get_running_loop().call_soon(self._look, tick, left - 1)
        else:
            self.stalled(self)
