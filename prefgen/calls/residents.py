"""Models that take turns on the devices that there are: which are loaded, and who is loaded next.

A model is loaded when it is first asked. One for which there is no room is asked by nobody: whoever wants it
is suspended, and when no record can go on another model makes room (`prefgen.engine.segments`).
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from prefgen.calls.slots import run_stopped
from prefgen.calls.stop import RunStop
from prefgen.calls.usage import RunStats
from prefgen.errors import FatalEndpoint, RequestFailed
from prefgen.transport.request import ModelHooks, ModelRequest


def turns_of(models: Mapping[str, ModelHooks]) -> dict[str, str]:
    """{model: whose turn is its own}: the first one's of those that are loaded together (`turn_key`)."""
    first: dict[str, str] = {}
    return {
        name: first.setdefault(model.turn_key, name) if model.turn_key else name
        for name, model in models.items()
    }


@dataclass(frozen=True)
class Room:
    """How much may be loaded at once, and how much of it each turn takes, in the recipe's order: a turn is a
    model's, and has the name of the first where several are loaded together.
    """

    size: int = 1
    sizes: Mapping[str, int] = field(default_factory=dict)

    def has_room(self, present: Sequence[str], name: str) -> bool:
        """Whether a model may be loaded beside others. Alone it always may: its load says what is wrong."""
        return not present or sum(self.sizes[other] for other in present) + self.sizes[name] <= self.size

    def next_present(
        self, present: Sequence[str], waits: Mapping[str, int], left: Mapping[str, int]
    ) -> list[str]:
        """Which models are there next. `waits` says how many records wait for each, `left` how many have
        still to ask it.

        The one that most records wait for comes in any case, and the one with the least left to do makes
        room for it; others come where there is room, or where one that has nothing left to do makes it.
        """
        order = {name: place for place, name in enumerate(self.sizes)}
        wanted = [name for name in order if waits.get(name) and name not in present]
        wanted.sort(key=lambda name: (-waits[name], order[name]))
        chosen = list(present)
        for name in wanted:
            going = sorted(set(chosen) & set(present), key=lambda other: (left.get(other, 0), order[other]))
            if name != wanted[0]:
                going = [other for other in going if not left.get(other)]
            staying = list(chosen)
            while going and not self.has_room(staying, name):
                staying.remove(going.pop(0))
            if self.has_room(staying, name):
                chosen = [*staying, name]
        return sorted(chosen, key=lambda name: order[name])


class Residents:
    """The models of a run that take turns, in the recipe's order. `log` is told of each that is loaded and
    unloaded.
    """

    def __init__(
        self,
        room: Room,
        models: Mapping[str, ModelHooks],
        *,
        run: RunStop,
        stats: RunStats,
        log: Callable[..., None],
    ) -> None:
        self._room, self._models = room, models
        self._turns = turns_of(models)
        self._run, self._stats, self._log = run, stats, log
        self.present: list[str] = []
        """Whose turn it is: those models may be asked now."""
        self.turns = 1
        self._begun: list[str] = []
        """Models whose load has begun: they hold memory, even where it has failed."""
        self._loaded: set[str] = set()
        self._locks = {name: asyncio.Lock() for name in models}
        self._stopping = asyncio.Event()
        if models:
            run.on_over.append(self._stopping.set)

    def admits(self, name: str) -> bool:
        """Whether a model may be asked now; one for which there is room may from here on."""
        turn = self._turns.get(name)
        if turn is None or turn in self.present:
            return True
        if not self._room.has_room(self.present, turn):
            return False
        self.present.append(turn)
        return True

    def turn_of(self, name: str) -> str:
        """The turn in which a model is asked."""
        return self._turns.get(name, name)

    def check_request(self, name: str, request: ModelRequest) -> None:
        """Raises RequestFailed where a request can never be answered."""
        self._models[name].check_request(request)

    def loader(self, name: str) -> Callable[[], Awaitable[None]] | None:
        """What makes a model ready to be asked; None for one that takes no turns."""
        return partial(self.load, name) if name in self._models else None

    async def load(self, name: str) -> None:
        """Be ready to ask a model; at once where it is loaded. Raises RequestFailed."""
        model = self._models[name]
        if name in self._loaded:
            await model.load()
            return
        async with self._locks[name]:
            if name not in self._loaded:
                await self._load_first(name, model)

    async def _load_first(self, name: str, model: ModelHooks) -> None:
        if self._run.is_over:
            raise run_stopped()
        stats, began = self._stats.model(name), time.monotonic()
        if name not in self._begun:
            self._begun.append(name)
        stats.place = "loading"
        try:
            await self._load_until_stopped(model)
        except BaseException:
            stats.place = ""
            raise
        self._loaded.add(name)
        stats.place, seconds = "loaded", time.monotonic() - began
        self._stats.notify(f"pass {self.turns}: {name} was loaded in {seconds:.1f} s")
        self._log("load", model=name, turn=self.turns, seconds=round(seconds, 3))

    async def _load_until_stopped(self, model: ModelHooks) -> None:
        """Load, but no longer than until the run stops: nothing that waits for it would be asked."""
        loading = asyncio.ensure_future(model.load())
        stopping = asyncio.ensure_future(self._stopping.wait())
        try:
            await asyncio.wait((loading, stopping), return_when=asyncio.FIRST_COMPLETED)
            if not loading.done():
                raise run_stopped()
            loading.result()
        except (RequestFailed, asyncio.CancelledError):
            raise
        except Exception as error:  # a backend that raises what it should not: its own words are the cause
            raise RequestFailed("fatal", f"{type(error).__name__}: {error}") from error
        finally:
            loading.cancel()
            stopping.cancel()
            await asyncio.gather(loading, stopping, return_exceptions=True)

    async def change(self, waits: Mapping[str, int], left: Mapping[str, int]) -> None:
        """Let the models come that records wait for, as `Room.next_present` says; who makes room for them is
        unloaded first. Nothing may be in flight.
        """
        chosen = self._room.next_present(self.present, waits, left)
        going = [name for name in self.present if name not in chosen]
        coming = [name for name in chosen if name not in self.present]
        self.turns += 1
        if coming:
            said = ", ".join(f"{waits[name]:,} prompts wait for {name}" for name in coming)
            room = f"; {' and '.join(going)} {'makes' if len(going) == 1 else 'make'} room" if going else ""
            self._stats.notify(f"pass {self.turns}: {said}{room}")
        for name in [name for name in self._begun if self._turns[name] in going]:
            try:
                await self._unload(name)
            except Exception as error:  # whatever a backend raises, its memory is not free for the next model
                self._run.stop(FatalEndpoint(f"model {name!r} could not be unloaded: {error}"))
                return
        self.present = chosen

    async def _unload(self, name: str) -> None:
        began = time.monotonic()
        await self._models[name].unload()
        self._begun.remove(name)
        self._loaded.discard(name)
        self._stats.model(name).place = ""
        self._log("unload", model=name, turn=self.turns, seconds=round(time.monotonic() - began, 3))

    async def close(self) -> None:
        """Unload everything that is loaded."""
        names = list(self._begun)
        ended = await asyncio.gather(*map(self._unload, names), return_exceptions=True)
        self.present = []
        for name, error in zip(names, ended, strict=True):
            if isinstance(error, Exception):
                self._stats.notify(f"{name} could not be unloaded: {error}")
