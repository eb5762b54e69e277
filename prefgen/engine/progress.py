"""How far a run is: plain numbers that a panel, a log line or a notebook can show."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from prefgen.calls.budget import Budget, dollars
from prefgen.calls.usage import RunStats


@dataclass
class StageStats:
    """Records of one stage. `failed` counts replies that could not be used."""

    done: int = 0
    active: int = 0
    failed: int = 0


@dataclass
class Progress:
    """The state of a run, for whoever shows it. `total` is the number of records of the present segment."""

    name: str = ""
    total: int = 0
    finished: int = 0
    waiting: int = 0
    lost: int = 0
    pairs: int = 0
    phase: str = "reading prompts"
    stages: dict[str, StageStats] = field(default_factory=dict)
    stats: RunStats = field(default_factory=RunStats)
    started: float = field(default_factory=time.monotonic)
    finished_at_start: int = 0
    budget: Budget | None = None
    """What was paid in the run's folder, and may be; known when the run begins."""
    spent_at_start: int = 0
    tokens_at_start: int = 0

    def pay_from(self, budget: Budget) -> None:
        """Show this budget, of which earlier starts have spent something."""
        self.budget = budget
        self.spent_at_start, self.tokens_at_start = budget.spent, budget.spent_tokens

    def stage(self, label: str) -> StageStats:
        return self.stages.setdefault(label, StageStats())

    def count_replayed(self, answer: Mapping[str, Any], finished: int, pairs: int) -> None:
        """Add what another process says that it replayed (`prefgen.engine.partition_worker`)."""
        self.finished += finished
        self.pairs += pairs
        for label, (done, failed) in answer["stages"].items():
            stage = self.stage(label)
            stage.done += done
            stage.failed += failed
        for name, replies in answer["replies"].items():
            self.stats.model(name).replayed += replies
        for notice in answer["notices"]:
            self.stats.notify(notice)

    def steps(self) -> int:
        """A number that grows with everything that is answered, and with every stage that a record passes."""
        asked = sum(stats.requests + stats.refused + stats.lost for stats in self.stats.models.values())
        return asked + self.finished + sum(stage.done for stage in self.stages.values())

    def seconds_left(self) -> float | None:
        """A guess from the pace so far; None before there is one."""
        fresh = self.finished - self.finished_at_start
        if fresh < 5 or not self.total:
            return None
        return (time.monotonic() - self.started) / fresh * (self.total - self.finished)

    def money(self) -> str:
        """What was paid in this folder, the budget of money and of tokens, and how many more prompts it is
        enough for at the pace of this start; empty where nothing was paid and nothing is limited.
        """
        budget = self.budget
        if budget is None or not (budget.spent or budget.limit is not None or budget.token_limit is not None):
            return ""
        paid, reaches = [], []
        if budget.spent or budget.limit is not None:
            of = "" if budget.limit is None else f" of {dollars(budget.limit)}"
            paid.append(f"{dollars(budget.spent)}{of}")
            reaches.append(self._prompts_for(budget.limit, budget.spent, self.spent_at_start))
        if budget.token_limit is not None:
            paid.append(f"{budget.spent_tokens:,} of {budget.token_limit:,} tokens")
            reaches.append(self._prompts_for(budget.token_limit, budget.spent_tokens, self.tokens_at_start))
        known = [reach for reach in reaches if reach is not None]
        if not known:
            return f"paid {' and '.join(paid)}"
        left = self.total - self.finished
        most = min(known)
        reach = "all that are left" if most >= left else f"about {most:,} of the {left:,} prompts left"
        return f"paid {' and '.join(paid)}, enough for {reach}"

    def _prompts_for(self, limit: int | None, spent: int, spent_at_start: int) -> int | None:
        """How many prompts the rest of a limit is enough for; None without a limit, or a pace yet."""
        fresh = self.finished - self.finished_at_start
        if limit is None or fresh < 5 or spent <= spent_at_start:
            return None
        return max(0, limit - spent) * fresh // (spent - spent_at_start)


def format_duration(seconds: float) -> str:
    """2 h 5 min, 3 min 20 s, 12 s."""
    total = int(seconds)
    if total >= 3600:
        return f"{total // 3600} h {total % 3600 // 60} min"
    return f"{total // 60} min {total % 60} s" if total >= 60 else f"{total} s"
