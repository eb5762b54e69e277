"""A model's queue with a clock that is moved by hand, and a model that answers as it is told."""

import asyncio
from collections.abc import Callable, Sequence

from prefgen.calls.budget import Budget
from prefgen.calls.exchange import QueueSettings
from prefgen.calls.limits import ConcurrencyLimit, Rate
from prefgen.calls.queue import ModelQueue
from prefgen.calls.slots import Clock
from prefgen.calls.stop import RunStop
from prefgen.calls.usage import ModelStats
from prefgen.transport.request import ModelRequest, ModelResponse
from prefgen.types import Reply


class MovedClock(Clock):
    """Stands still until `move`."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._sleepers: list[tuple[float, asyncio.Future[None]]] = []

    def now(self) -> float:
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        waking: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._sleepers.append((self.seconds + seconds, waking))
        await waking

    async def move(self, seconds: float) -> None:
        """Let time pass, and let whoever wakes do what it can."""
        self.seconds += seconds
        for at, waking in self._sleepers:
            if at <= self.seconds and not waking.done():
                waking.set_result(None)
        self._sleepers = [(at, waking) for at, waking in self._sleepers if not waking.done()]
        await turns()


async def turns(count: int = 20) -> None:
    """Some turns of the event loop."""
    for _ in range(count):
        await asyncio.sleep(0)


class ToldModel:
    """Answers what `script` says of a request's text: a text, or an error that is raised."""

    host, backend = "here", "told"

    def __init__(self, script: Callable[[str], str | Exception]) -> None:
        self.script = script
        self.respond: Callable[[str], ModelResponse | None] = lambda text: None
        """A whole response, where it says one."""
        self.asked: list[str] = []
        self.requests: list[ModelRequest] = []
        self.at_work = self.most_at_work = 0
        self.gate: asyncio.Event | None = None

    async def send(self, request: ModelRequest, /) -> Sequence[ModelResponse]:
        self.asked.append(request.text)
        self.requests.append(request)
        self.at_work += 1
        self.most_at_work = max(self.most_at_work, self.at_work)
        try:
            if self.gate is not None:
                await self.gate.wait()
            if (told := self.respond(request.text)) is not None:
                return [told] * request.samples
            said = self.script(request.text)
            if isinstance(said, Exception):
                raise said
            reply = ModelResponse(said.encode(), Reply(text=said, finish_reason="stop"))
            return [reply] * request.samples
        finally:
            self.at_work -= 1

    def parse(self, raw: bytes, endpoint: str, /) -> Reply:
        return Reply(text=raw.decode(), finish_reason="stop")


class QueueOnTrial:
    """A queue, and everything that it tells others."""

    def __init__(
        self, script: Callable[[str], str | Exception], *, budget: Budget | None = None, **settings
    ) -> None:
        self.model, self.clock, self.run = ToldModel(script), MovedClock(), RunStop()
        self.budget, self.stats = budget or Budget(), ModelStats()
        self.notices: list[str] = []
        self.billed: list[tuple[int, int, str]] = []
        concurrency = settings.pop("concurrency", 4)
        rate = settings.pop("requests_per_minute", None)
        self.queue = ModelQueue(
            "m",
            self.model,
            QueueSettings(ConcurrencyLimit(concurrency, most=64), requests=Rate(rate), **settings),
            budget=self.budget,
            stats=self.stats,
            run=self.run,
            notify=self.notices.append,
            possibly_billed=lambda cost, tokens, why: self.billed.append((cost, tokens, why)),
            clock=self.clock,
        )

    def ask(self, text: str, order: int = 0) -> asyncio.Task:
        request = ModelRequest("completion", "m", text=text, sampling={"max_tokens": 10})
        return asyncio.create_task(self.queue.send(request, order, 5))
