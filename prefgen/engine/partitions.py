"""Replaying on every core: a segment is divided into partitions, and each process takes one after the other.

A further process replays a partition as an ordinary run that reads the journal, asks nobody and writes a
record store of its own; the run merges that store when it is whole. It takes partitions itself meanwhile.
What a process does not finish comes back to the run; so does everything of one that dies.
"""

import math
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from prefgen.calls.context import CallContext
from prefgen.engine.record_store import RecordStore
from prefgen.engine.segment import Order, in_order
from prefgen.stages.stage import Stage

FOLDER = "partitions"


@dataclass(frozen=True)
class ReplayEstimate:
    """About how many records the journal has replies for, and whether all have passed the last stage
    before.
    """

    replied: float
    all_passed: bool


def estimate_replay(
    context: CallContext, store: RecordStore, segment: int, stages: Sequence[Stage], positions: Sequence[int]
) -> ReplayEstimate:
    """What the journal knows of the records at `positions`, by a hundred of them."""
    sample = positions[:: math.ceil(len(positions) / 100) or 1]
    if not sample or not stages:
        return ReplayEstimate(0, False)
    ids = [record.id for record in store.input(segment, sample).values()]
    replied = sum(bool(cached.rows) for cached in context.journals.project.replies_for_records(ids))
    passed = context.journals.progress.count_completed(ids, context.stage_key(stages[-1].identity))
    return ReplayEstimate(len(positions) * replied / len(sample), passed == len(sample))


def members_of(store: RecordStore, segment: int, partitions: int, order: Order) -> dict[int, list[int]]:
    """{partition: the positions of its records that are not finished, in `order`}: the segment's input in
    that order, cut into equal pieces: so every process comes to the same, whatever was finished meanwhile.
    """
    positions, done = in_order(store.input_ids(segment), order), store.done(segment)
    members: dict[int, list[int]] = {}
    for rank, position in enumerate(positions):
        if position not in done:
            members.setdefault(rank * partitions // len(positions), []).append(position)
    return members


def claim(folder: Path, partition: int, owner: str) -> bool:
    """Take a partition, unless another process was faster."""
    try:
        with (folder / f"{partition}.claim").open("x") as file:
            file.write(owner)
    except FileExistsError:
        return False
    return True


def owner_of(folder: Path, partition: int) -> str | None:
    """Who has claimed a partition."""
    try:
        return (folder / f"{partition}.claim").read_text()
    except OSError:
        return None


class PartitionFeed:
    """The positions of this process: of partitions that it claims, and of those that others gave back.

    `members` is {partition: positions}; `owner` names this process among the claims.
    """

    def __init__(self, folder: Path, members: Mapping[int, Sequence[int]], owner: str = "run") -> None:
        self.folder, self.members = folder, members
        self.merged = 0
        """Records that others have replayed."""
        self._owner = owner
        self._left: deque[int] = deque()
        self._open = set(members)
        """Partitions that others are at, or that nobody has claimed."""
        self._unclaimed = set(members)
        """Those that nobody has claimed, as far as is known here."""

    def take(self, most: int) -> Sequence[int]:
        while not self._left and self._claim_another():
            pass
        return [self._left.popleft() for _ in range(min(most, len(self._left)))]

    def _claim_another(self) -> bool:
        while self._unclaimed:
            partition = min(self._unclaimed)
            self._unclaimed.discard(partition)
            if claim(self.folder, partition, self._owner):
                self.give_back(partition, self.members[partition])
                return True
        return False

    def merge(self, partition: int, finished: Sequence[int]) -> None:
        """Another process has replayed a partition and finished these positions; what is left of it is worked
        on here.
        """
        self.merged += len(finished)
        self.give_back(partition, sorted(set(self.members[partition]).difference(finished)))

    def give_back(self, partition: int, positions: Sequence[int]) -> None:
        """What another process left of a partition is worked on here."""
        self._open.discard(partition)
        self._left.extend(positions)

    def claimed_by(self, owner: str) -> list[int]:
        """The partitions that a process has claimed and not handed over."""
        return [p for p in sorted(self._open) if owner_of(self.folder, p) == owner]

    def is_exhausted(self) -> bool:
        return not self._left and not self._open
