"""One record on its way: what it asked, what is in flight, what is suspended, what it cost."""

import asyncio
import hashlib
import time
from collections.abc import Callable

from prefgen.calls.journal import CachedReplies
from prefgen.calls.usage import Usage
from prefgen.errors import RequestFailed

STALL_TURNS = 12
"""Turns of the event loop that a record's tasks get to go on, before it counts as stalled."""


class RecordCalls:
    """One record on its way through the stages of a segment: what it asked, what is in flight, what is
    suspended.
    """

    __slots__ = (
        "asked",
        "cached",
        "completed_stages",
        "first_asker",
        "id",
        "in_flight",
        "is_parked",
        "last_active",
        "last_error",
        "on_stalled",
        "order",
        "stage_key",
        "stage_usage",
        "timed_out",
        "turn",
        "usage",
        "waits_for",
    )

    def __init__(
        self,
        record_id: str,
        order: int,
        on_stalled: Callable[["RecordCalls"], None],
        cached: CachedReplies | None = None,
    ) -> None:
        self.id = record_id
        self.order = order
        self.asked: set[bytes] = set()
        self.first_asker: dict[bytes, tuple[str, str]] = {}
        """Who asked each random request first: (stage, plug-in)."""
        self.stage_key = ""
        self.usage = Usage()
        """Of the stages that are passed."""
        self.stage_usage = Usage()
        """Of the stage that it is in: counted when that is passed, since one that is cut short is replayed
        later.
        """
        self.cached = cached
        self.completed_stages: frozenset[str] | None = None
        """Identities of the stages that it had passed before, by the journal."""
        self.last_active = time.monotonic()
        self.timed_out = False
        self.in_flight = 0
        self.is_parked = False
        """Whether a request of it waits to be exported."""
        self.waits_for: frozenset[str] = frozenset()
        """Models that it asked, and that are not loaded."""
        self.last_error: RequestFailed | None = None
        self.on_stalled = on_stalled
        self.turn = 0

    @property
    def suspended(self) -> bool:
        return self.is_parked or self.last_error is not None or bool(self.waits_for)

    def keys_digest(self) -> bytes:
        """16 bytes that say which keys were asked, whatever their order."""
        return hashlib.blake2b(b"".join(sorted(self.asked)), digest_size=16).digest()

    def count_stage(self) -> None:
        """A stage is passed: what it was answered counts now."""
        self.usage.merge(self.stage_usage)
        self.stage_usage = Usage()

    def check_stalled(self) -> None:
        """Look whether nothing but suspended asks is left, once the record's tasks have had their turns."""
        self.turn += 1
        self.last_active = time.monotonic()
        if self.suspended and not self.in_flight:
            asyncio.get_running_loop().call_soon(self._check_again, self.turn, STALL_TURNS)

    def _check_again(self, turn: int, left: int) -> None:
        if turn != self.turn or self.in_flight:
            return
        if left:
            asyncio.get_running_loop().call_soon(self._check_again, turn, left - 1)
        else:
            self.on_stalled(self)
