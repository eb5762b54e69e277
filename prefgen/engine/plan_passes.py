"""In which passes a run would work where models take turns: what the asks of a plan's replay wait for, played
through as the engine would (`prefgen.calls.residents`).
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from prefgen.calls.residents import Room
from prefgen.recipe.segments import Segment

AsksInTurn = Mapping[str, Mapping[str, Mapping[int, Collection[str]]]]
"""{identity of a stage: {record: {round of its asks: models that take turns and that it asks something
new}}}.
"""


@dataclass(frozen=True)
class SegmentPasses:
    """The models that are asked in each pass over a segment, and how many had to be loaded for it."""

    segment: int
    passes: Sequence[Sequence[str]]
    loads: int


def planned_passes(segments: Sequence[Segment], asks: AsksInTurn, room: Room) -> list[SegmentPasses]:
    """The passes over each segment in which a model that takes turns is asked; what is loaded stays loaded
    for the next.
    """
    planned: list[SegmentPasses] = []
    present: list[str] = []
    loaded: set[str] = set()
    for number, segment in enumerate(segments):
        works = _works_of(segment, asks)
        if works:
            passes, loads, present = _played(works, room, present, loaded)
            planned.append(SegmentPasses(number, passes, loads))
    return planned


def _works_of(segment: Segment, asks: AsksInTurn) -> list[list[set[str]]]:
    """Of each record of a segment the models that it asks, one set after the other."""
    works: dict[str, list[set[str]]] = {}
    for stage in segment.stages:
        for record, rounds in asks.get(stage.identity, {}).items():
            works.setdefault(record, []).extend(set(rounds[number]) for number in sorted(rounds))
    return list(works.values())


def _played(
    works: list[list[set[str]]], room: Room, present: list[str], loaded: set[str]
) -> tuple[list[list[str]], int, list[str]]:
    """(the models asked in each pass, how many were loaded, the models that are there at the end)."""
    passes: list[list[str]] = []
    loads = 0
    while True:
        present, asked = _one_pass(works, room, present)
        if asked:
            passes.append([name for name in room.sizes if name in asked])
        loads += len(asked - loaded)
        loaded |= asked
        waits = Counter(name for work in works if work for name in work[0])
        if not waits:
            return passes, loads, present
        left = Counter(name for work in works for name in set[str]().union(*work))
        present = room.next_present(present, waits, left)
        loaded &= set(present)


def _one_pass(works: list[list[set[str]]], room: Room, present: list[str]) -> tuple[list[str], set[str]]:
    """Let all records ask what they can. Returns (who is there then, who was asked); what was asked is gone
    from `works`.
    """
    present, asked, goes_on = list(present), set[str](), True
    while goes_on:
        goes_on = False
        for work in works:
            for name in [name for name in room.sizes if work and name in work[0]]:
                if name not in present and room.has_room(present, name):
                    present.append(name)
                if name in present:
                    work[0].discard(name)
                    asked.add(name)
            if work and not work[0]:
                work.pop(0)
                goes_on = True
    return present, asked
