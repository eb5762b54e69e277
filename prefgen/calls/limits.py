"""How much one model is asked at once, and how often."""

import math
import time
from collections.abc import Callable

WAITING_SHARE = 16
"""A little waits at a server: one for so many that it works on."""
GROWTH = 1.5
"""By how much a limit grows at a look at a server that has nothing waiting."""


class ConcurrencyLimit:
    """The number of requests that may be in flight: fixed, or adaptive between 1 and `most`.

    Adaptive: doubles every round trip until the first sign of overload, then grows by one a round trip.
    Halves on a 429 or 503 of a request that was sent after the last decrease, so that one event is one
    decrease. Holds while the latency per output token is over twice the best that was seen.

    Where the server says how much it has waiting (`followed`), that alone lets it grow: batches are slower a
    token long before they are full.
    """

    def __init__(
        self,
        fixed: int | None = None,
        *,
        start: int = 8,
        most: int = 256,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock = clock
        self.fixed = fixed
        self.value: float = float(fixed if fixed is not None else start)
        self.most = most
        self.slow_start = True
        self.decreased_at = -math.inf
        self.is_followed = False
        """Whether the server's own numbers, and no latencies, say what it bears."""
        self._has_waited = False
        self._best = math.inf
        self._recent: float | None = None

    @property
    def slots(self) -> int:
        return max(1, int(self.value))

    def answered(self, seconds: float, output_tokens: int, in_flight: int) -> None:
        """A reply came after `seconds`, while `in_flight` requests were under way."""
        if self.fixed is not None or self.is_followed:
            return
        pace = seconds / max(output_tokens, 16)
        self._recent = pace if self._recent is None else 0.9 * self._recent + 0.1 * pace
        self._best = min(self._best, self._recent)
        if self._recent > 2 * self._best or in_flight < self.slots - 1:
            return  # the server is slowing down, or the limit is not what holds us
        self.value = min(self.most, self.value + (1 if self.slow_start else 1 / self.value))

    def followed(self, running: int, waiting: int, in_flight: int) -> None:
        """The server says how many sequences it works on and how many wait, while `in_flight` requests of
        ours were under way. Wanted is that a little waits, so that none of its places is ever empty.
        """
        if self.fixed is not None:
            return
        self.is_followed = True
        little = max(1, running // WAITING_SHARE)
        if waiting > little:
            if self._has_waited:  # at one look it may be a burst that it takes up at once
                share = (running + little) / (running + waiting)
                self.value = max(1.0, min(self.value, in_flight) * share)
            self._has_waited = True
            return
        self._has_waited = False
        if not waiting and in_flight >= self.slots - 1:
            self.value = min(self.most, self.value * GROWTH)

    def overloaded(self, sent_at: float) -> bool:
        """The server said that it is asked too much; returns whether this lowered the limit."""
        if self.fixed is not None or sent_at <= self.decreased_at:
            return False
        self.value = max(1.0, self.value / 2)
        self.slow_start = False
        self.decreased_at = self._clock()
        return True


class Rate:
    """A token bucket of `per_minute` units that starts with a tenth of a minute's worth."""

    def __init__(self, per_minute: float | None, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self.per_second = per_minute / 60 if per_minute else None
        self._room = (per_minute or 0) / 10
        self._full = self._room
        self._at = clock()

    def wait(self, units: float) -> float:
        """Seconds until `units` may be spent; 0 when now. A request larger than the bucket may go when it is
        full.
        """
        if self.per_second is None:
            return 0.0
        now = self._clock()
        self._room = min(self._full, self._room + (now - self._at) * self.per_second)
        self._at = now
        lacking = min(units, self._full) - self._room
        return max(0.0, lacking / self.per_second)

    def spend(self, units: float) -> None:
        if self.per_second is not None:
            self._room -= units
