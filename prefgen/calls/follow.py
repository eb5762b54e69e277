"""A limit that follows what a model's servers say of themselves, while they are asked."""

import asyncio
import contextlib

from prefgen.calls.slots import Clock, Slots
from prefgen.transport.request import ConnectedModel, ModelHooks

LOOK_SECONDS = 1.0
"""Between two looks at how busy the servers are."""
MOST_MISSED = 3
"""Looks without an answer after which latencies say again what the servers bear."""
LATER_LOOK_SECONDS = 30.0
"""Between two looks at servers that do not say."""


class LoadFollower:
    """Looks at how busy a model's servers are for as long as something is in flight."""

    def __init__(self, model: ConnectedModel, slots: Slots, clock: Clock) -> None:
        self._slots, self._clock = slots, clock
        self._model = model if isinstance(model, ModelHooks) and model.tells_load else None
        self._task: asyncio.Task[None] | None = None

    def wake(self) -> None:
        """Something is in flight."""
        if self._model is not None and self._task is None and self._slots.limit.fixed is None:
            self._task = asyncio.create_task(self._follow(self._model))

    async def _follow(self, model: ModelHooks) -> None:
        missed = 0
        while True:
            await self._clock.sleep(LATER_LOOK_SECONDS if missed >= MOST_MISSED else LOOK_SECONDS)
            if not self._slots.in_flight:
                break
            load = await model.server_load()
            if load is None:
                missed += 1
                if missed >= MOST_MISSED:
                    self._slots.limit.is_followed = False
                continue
            missed = 0
            self._slots.limit.followed(load.running, load.waiting, self._slots.in_flight)
            self._slots.start_waiting()
        self._task = None

    async def close(self) -> None:
        """Look no more."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
