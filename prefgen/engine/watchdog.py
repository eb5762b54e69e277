"""Name the plug-in that blocks the event loop: while it computes, no reply of any record is taken in.

A thread looks at what the loop's thread is doing whenever the loop has not come round for a while.
"""

import asyncio
import sys
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import Self

from prefgen.plugins.plugin import Plugin

PATIENCE = 0.1
"""Seconds that a plug-in may compute without waiting for anything."""


class BlockedLoop:
    """While open, says once of each plug-in's method that it held the running loop, in which this is made,
    for longer than `patience` seconds.
    """

    def __init__(self, say: Callable[[str], None], patience: float = PATIENCE) -> None:
        self._say = say
        self._patience = patience
        self._named: set[str] = set()
        self._over = threading.Event()
        self._loop = asyncio.get_running_loop()
        self._watched = threading.get_ident()
        self._last = time.monotonic()
        self._timer: asyncio.TimerHandle | None = None

    def __enter__(self) -> Self:
        self._beat()
        threading.Thread(target=self._watch, name="blocked loop", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        if self._timer is not None:
            self._timer.cancel()

    def _beat(self) -> None:
        self._last = time.monotonic()
        self._timer = self._loop.call_later(self._patience / 2, self._beat)

    def _watch(self) -> None:
        seen: tuple[float, int] | None = None
        while not self._over.wait(self._patience / 2):
            late = time.monotonic() - self._last
            found = (
                _plugin_at_work(sys._current_frames().get(self._watched)) if late > self._patience else None
            )
            if found is None:
                seen = None
                continue
            place, frame = found
            now = (self._last, frame)
            # the same call, and the loop has not come round in between
            if seen == now and place not in self._named:
                self._named.add(place)
                words = (
                    f"{place} computes for {late:.1f} s at a time and holds up every other record: make the "
                    "method a plain `def`"
                )
                self._loop.call_soon_threadsafe(self._say, f"{words}, and it runs in a thread of its own")
            seen = now


def _plugin_at_work(frame: FrameType | None) -> tuple[str, int] | None:
    """(the outermost method of a plug-in that a thread is in, what tells this call from another). Our own are
    left out: who reads of them could not mend them, and a busy machine makes them look slow.
    """
    found = None
    while frame is not None:
        owner = frame.f_locals.get("self")
        if isinstance(owner, Plugin) and not type(owner).__module__.startswith("prefgen."):
            code = frame.f_code
            found = (
                f"{type(owner).__name__}.{code.co_name} ({code.co_filename}:{code.co_firstlineno})",
                id(frame),
            )
        frame = frame.f_back
    return found
