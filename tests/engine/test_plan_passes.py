"""In which passes a run would work where models take turns. (prefgen/engine/plan_passes.py)"""

from types import SimpleNamespace

import pytest

from prefgen.calls.residents import Room
from prefgen.engine.plan_passes import planned_passes


def planned(size, *segments, models="abcd"):
    """Segments of records, each a list of what it asks: "a", or "bc" for two at once."""
    asks, built = {}, []
    for number, records in enumerate(segments):
        works = {
            f"r{i}": {turn + 1: set(names) for turn, names in enumerate(work)}
            for i, work in enumerate(records)
        }
        asks[f"stage {number}"] = works
        built.append(SimpleNamespace(stages=[SimpleNamespace(identity=f"stage {number}")]))
    found = planned_passes(built, asks, Room(size, dict.fromkeys(models, 1)))
    return [(entry.segment, ["".join(names) for names in entry.passes], entry.loads) for entry in found]


@pytest.mark.parametrize(
    ("size", "records", "passes", "loads"),
    [
        (1, [["a", "b", "c"]] * 3, ["a", "b", "c"], 3),
        (2, [["a", "b", "c"]] * 3, ["ab", "c"], 3),
        (3, [["a", "b", "c"]] * 3, ["abc"], 3),
        (1, [["a", "bc", "a"]] * 2, ["a", "b", "c", "a"], 4),
        (1, [["a", "b"], ["a", "c"], ["a", "c"]], ["a", "c", "b"], 3),  # most wait for c
        (1, [["a", "b", "a", "b"]], ["a", "b", "a", "b"], 4),
        (2, [["a", "b", "a", "b"]], ["ab"], 2),
        (1, [["ab"], ["c"]], ["a", "b", "c"], 3),
    ],
)
def test_passes_over_one_segment(size, records, passes, loads):
    assert planned(size, records) == [(0, passes, loads)]


def test_what_is_loaded_stays_for_the_next_segment():
    segments = [["a", "b"]], [["b", "c"]], [], [["c"]]

    assert planned(1, *segments) == [(0, ["a", "b"], 2), (1, ["b", "c"], 1), (3, ["c"], 0)]
