"""One record on its way: what it asked, what is in flight, what is suspended, what it cost."""

import asyncio
import hashlib
import time
from collections.abc import Callable

from prefgen.calls.journal import Known, Row
from prefgen.calls.tally import Tally
from prefgen.errors import Fault

SETTLING_TICKS = 12
"""Turns of the event loop that a record's tasks get to go on, before it counts as stalled."""


class RecordRun:
    """One record on its way through the stages of a segment: what it asked, what is in flight, what is suspended."""

    __slots__ = (
        "asked",
        "drawn",
        "fresh",
        "id",
        "identity",
        "in_flight",
        "known",
        "lost",
        "order",
        "parked",
        "passed",
        "stalled",
        "tally",
        "tick",
        "timed_out",
        "touched",
    )  # fmt: skip

    def __init__(
        self, record_id: str, order: int, stalled: Callable[["RecordRun"], None], known: Known | None = None
    ) -> None:
        self.id = record_id
        self.order = order
        self.asked: set[bytes] = set()
        self.drawn: dict[bytes, tuple[str, str]] = {}
        """Who asked each random request first: (stage, plug-in)."""
        self.identity = ""
        self.tally = Tally()
        """Of the stages that are passed."""
        self.fresh = Tally()
        """Of the stage that it is in: counted when that is passed, since one that is cut short is replayed later."""
        self.known = known
        self.passed: frozenset[str] | None = None
        """Identities of the stages that it had passed before, by the journal."""
        self.touched = time.monotonic()
        self.timed_out = False
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

    def settle_tally(self) -> None:
        """A stage is passed: what it was answered counts now."""
        self.tally.add(self.fresh)
        self.fresh = Tally()

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
