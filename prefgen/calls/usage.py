"""What was asked and what it cost: of one start of a run (the numbers that a panel shows), and of records and
whole datasets.
"""

from dataclasses import dataclass, field
from typing import Self

import orjson

from prefgen.calls.rows import JournalRow

Server = tuple[str, str, str, str]
"""(backend, host, model, fingerprint) as the server said."""


@dataclass
class ModelStats:
    """Counts of one model in this start of the run. `cost` is in picodollars, `seconds` the sum of
    latencies.
    """

    requests: int = 0
    replayed: int = 0
    in_flight: int = 0
    retries: int = 0
    refused: int = 0
    lost: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost: int = 0
    seconds: float = 0.0
    limit: int = 0
    place: str = ""
    """Of a model that takes turns: loading or loaded, where it is either."""
    awaited: int = 0
    """Records that wait until it is loaded."""
    state: str = ""
    """How its server is now, where that is worth a line."""

    def show(self, state: str) -> None:
        self.state = state

    def count_answer(self, prompt_tokens: int, completion_tokens: int, cost: int, seconds: float) -> None:
        self.requests += 1
        self.prompt_tokens += prompt_tokens
        self.completion_tokens += completion_tokens
        self.cost += cost
        self.seconds += seconds


@dataclass
class RunStats:
    """Everything that is counted while a run goes on, and what the user should read once."""

    models: dict[str, ModelStats] = field(default_factory=dict)
    notices: list[str] = field(default_factory=list)
    last_fault: str = ""
    """Why the last request that found no answer found none."""

    def model(self, name: str) -> ModelStats:
        return self.models.setdefault(name, ModelStats())

    def notify(self, notice: str) -> None:
        """Something that the user should read once; repeated lines are dropped."""
        if notice not in self.notices:
            self.notices.append(notice)


class Usage:
    """What replies cost and who gave them: of one record, or of a whole dataset.

    `costs` is {(stage, model): [requests, prompt tokens, completion tokens, picodollars]}, `servers` {who:
    [replies, first, last]}, where the times are seconds since 1970.
    """

    __slots__ = ("costs", "servers")

    def __init__(self) -> None:
        self.costs: dict[tuple[str, str], list[int]] = {}
        self.servers: dict[Server, list[float]] = {}

    def add(self, stage: str, model: str, row: JournalRow, cost: int) -> None:
        """Count one reply."""
        self._count((stage, model), 1, row.prompt_tokens, row.completion_tokens, cost)
        self._count_server((row.backend, row.host, row.served_model, row.fingerprint), 1, row.time, row.time)

    def merge(self, other: Self) -> None:
        """Count everything that `other` has."""
        for key, counts in other.costs.items():
            self._count(key, *counts)
        for server, (replies, first, last) in other.servers.items():
            self._count_server(server, replies, first, last)

    def _count(
        self, key: tuple[str, str], requests: int, prompt_tokens: int, completion_tokens: int, cost: int
    ) -> None:
        counts = self.costs.get(key)
        if counts is None:
            self.costs[key] = [requests, prompt_tokens, completion_tokens, cost]
        else:
            counts[0] += requests
            counts[1] += prompt_tokens
            counts[2] += completion_tokens
            counts[3] += cost

    def _count_server(self, server: Server, replies: float, first: float, last: float) -> None:
        counts = self.servers.get(server)
        if counts is None:
            self.servers[server] = [replies, first, last]
        else:
            counts[0] += replies
            counts[1] = min(counts[1], first)
            counts[2] = max(counts[2], last)

    def dump(self) -> bytes:
        """As JSON, in a fixed order."""
        costs = [[*key, *counts] for key, counts in sorted(self.costs.items())]
        return orjson.dumps([costs, [[*server, *counts] for server, counts in sorted(self.servers.items())]])

    @classmethod
    def load(cls, text: bytes) -> Self:
        usage = cls()
        costs, servers = orjson.loads(text)
        for stage, model, *counts in costs:
            usage.costs[stage, model] = counts
        for backend, host, model, fingerprint, *counts in servers:
            usage.servers[backend, host, model, fingerprint] = counts
        return usage
