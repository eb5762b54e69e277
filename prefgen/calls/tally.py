"""What replies cost and who gave them: of one record, or of a whole dataset."""

from typing import Self

import orjson

from prefgen.calls.journal import JournalRow

Server = tuple[str, str, str, str]
"""(backend, host, model, fingerprint) as the server said."""


class Usage:
    """`costs` is {(stage, model): [requests, prompt tokens, completion tokens, picodollars]}, `servers` {who: [replies, first, last]}.

    The times are seconds since 1970.
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
        for key, counts in other.costs.items():
            self._count(key, *counts)
        for who, (replies, first, last) in other.servers.items():
            self._count_server(who, replies, first, last)

    def _count(
        self, key: tuple[str, str], requests: int, prompt_tokens: int, completion_tokens: int, cost: int
    ) -> None:
        have = self.costs.get(key)
        if have is None:
            self.costs[key] = [requests, prompt_tokens, completion_tokens, cost]
        else:
            have[0] += requests
            have[1] += prompt_tokens
            have[2] += completion_tokens
            have[3] += cost

    def _count_server(self, who: Server, replies: float, first: float, last: float) -> None:
        have = self.servers.get(who)
        if have is None:
            self.servers[who] = [replies, first, last]
        else:
            have[0] += replies
            have[1] = min(have[1], first)
            have[2] = max(have[2], last)

    def dump(self) -> bytes:
        """As JSON, in a fixed order."""
        costs = [[*key, *counts] for key, counts in sorted(self.costs.items())]
        return orjson.dumps([costs, [[*who, *seen] for who, seen in sorted(self.servers.items())]])

    @classmethod
    def load(cls, text: bytes) -> Self:
        made = cls()
        costs, servers = orjson.loads(text)
        for stage, model, *counts in costs:
            made.costs[stage, model] = counts
        for backend, host, model, fingerprint, *seen in servers:
            made.servers[backend, host, model, fingerprint] = seen
        return made
