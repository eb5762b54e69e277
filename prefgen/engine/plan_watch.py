"""Who watches a plan's asks: one learns from replies that the journal holds, another counts those that are
new.
"""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

from prefgen.calls.context import GetRow, KeyedAsk
from prefgen.calls.journal import CachedReplies, Journal
from prefgen.calls.record_calls import STALL_TURNS, RecordCalls
from prefgen.calls.rows import JournalRow
from prefgen.engine.expectations import Expectations


class Overlay(Journal):
    """A throw-away journal over one that is only read (`known`)."""

    def __init__(self, path: Path, known: Journal | None) -> None:
        super().__init__(path)
        self.known = known
        self.new_rows: dict[bytes, JournalRow] = {}

    def is_new(self, row: JournalRow) -> bool:
        """Whether a row was made for this plan."""
        return row.key in self.new_rows

    def find(self, key: bytes) -> JournalRow | None:
        return super().find(key) or (self.known.find(key) if self.known else None)

    def replies_for_records(self, records: Sequence[str], most: int = 0) -> list[CachedReplies]:
        return [CachedReplies({}, is_complete=False) for _ in records]  # `find` looks in both

    def completed_stages(self, record: str) -> frozenset[str]:
        return frozenset()

    def commit(self, rows: Sequence[JournalRow]) -> "asyncio.Future[list[JournalRow]]":
        self.new_rows |= {row.key: row for row in rows}
        return super().commit(rows)


class PlanWatch(Protocol):
    """Stands between a plug-in's ask and its answer; `overlay` is the journal of the replay at hand."""

    overlay: Overlay | None

    async def watch(self, record: RecordCalls, ask: KeyedAsk, get_row: GetRow) -> JournalRow: ...


@dataclass
class LearningWatch:
    """Learns what known replies took."""

    expectations: Expectations
    overlay: Overlay | None = None

    async def watch(self, record: RecordCalls, ask: KeyedAsk, get_row: GetRow) -> JournalRow:
        """Let an ask through, and learn from its reply where that is a real one."""
        row = await get_row(record, ask)
        if self.overlay and not self.overlay.is_new(row):
            self.expectations.learn(ask, row)
        return row


@dataclass
class NewAsks:
    """Asks of one stage to one model that the journal does not know."""

    requests: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0


@dataclass
class AskCounts:
    """Counts asks by stage and model where they are new, and how many follow each other. What is expected of
    their replies goes with them to whoever stands in for the model.
    """

    expectations: Expectations
    overlay: Overlay | None = None
    turns: Mapping[str, str] = field(default_factory=dict)
    """{model that takes turns: whose turn is its own}."""
    new: dict[tuple[str, str], NewAsks] = field(default_factory=dict)
    in_turn: dict[str, dict[str, dict[int, set[str]]]] = field(default_factory=dict)
    """New asks of models that take turns (`prefgen.engine.plan_passes.AsksInTurn`)."""
    _answered_rounds: Counter[tuple[str, str]] = field(default_factory=Counter)
    """{(record, stage): rounds of asks that are answered}."""
    _rounds: Counter[tuple[str, str]] = field(default_factory=Counter)
    """{(stage, its key): the most rounds of any record}: of a synthesizer each round is a stage with a key of
    its own.
    """

    async def watch(self, record: RecordCalls, ask: KeyedAsk, get_row: GetRow) -> JournalRow:
        """Let an ask through, and count it."""
        asker, identity = (record.id, ask.stage), record.stage_key.partition(":")[0]
        round_of_this = self._answered_rounds[asker] + 1
        row = await get_row(record, replace(ask, make_request=lambda: self.expectations.expected(ask)))
        for _ in range(STALL_TURNS):
            # an answer that is there at once must not come before the asks beside it begin
            await asyncio.sleep(0)
        self._answered_rounds[asker] = max(self._answered_rounds[asker], round_of_this)
        stage = (ask.stage, record.stage_key)
        self._rounds[stage] = max(self._rounds[stage], round_of_this)
        if self.overlay and self.overlay.is_new(row):
            new = self.new.setdefault((ask.stage, ask.spec.name), NewAsks())
            new.requests += 1
            new.prompt_tokens += row.prompt_tokens
            new.completion_tokens += row.completion_tokens
            if ask.spec.name in self.turns:
                rounds = self.in_turn.setdefault(identity, {}).setdefault(record.id, {})
                rounds.setdefault(round_of_this, set()).add(self.turns[ask.spec.name])
        return row

    @property
    def new_rows(self) -> list[JournalRow]:
        """What was made for the plan."""
        return list(self.overlay.new_rows.values()) if self.overlay else []

    def rounds(self, stage: str) -> int:
        """Asks of a stage that follow each other: of one record, and of each round of a synthesizer after the
        one before.
        """
        return sum(rounds for (name, _), rounds in self._rounds.items() if name == stage)
