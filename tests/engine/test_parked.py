"""Records of a segment that wait for a model which is not loaded. (prefgen/engine/parked.py)"""

from prefgen.calls.usage import RunStats
from prefgen.engine.parked import ParkedRecords
from prefgen.recipe.build import build
from prefgen.recipe.load import recipe_from_data
from tests.support.served import CHAIN, in_turns


def test_what_waits_for_whom_and_what_is_left(tmp_path):
    stages = build(recipe_from_data(in_turns(CHAIN, "a", "b", "c", "d"), tmp_path)).segments[0].stages
    stats = RunStats()
    parked = ParkedRecords(stages, stats, lambda name: name)
    parked.add(0, 1, frozenset({"b"}))
    parked.add(1, 2, frozenset({"c", "b"}))
    parked.add(2, 3, frozenset({"d"}))

    assert parked.waits() == {"b": 2, "c": 1, "d": 1}
    assert parked.left() == {"b": 1, "c": 2, "d": 3}
    assert {name: stats.model(name).awaited for name in "bcd"} == {"b": 2, "c": 1, "d": 1}
    assert parked.take(["a", "c"]) == {1}
    assert (len(parked), parked.waits()) == (2, {"b": 1, "d": 1})
    assert {name: stats.model(name).awaited for name in "bcd"} == {"b": 1, "c": 0, "d": 1}


def test_models_that_are_loaded_together_are_waited_for_once_a_record(tmp_path):
    stages = build(recipe_from_data(in_turns(CHAIN, "a", "b", "c", "d"), tmp_path)).segments[0].stages
    parked = ParkedRecords(stages, RunStats(), {"a": "a", "b": "b", "c": "b", "d": "b"}.get)
    parked.add(0, 1, frozenset({"b", "c"}))
    parked.add(1, 0, frozenset({"d"}))

    assert (parked.waits(), parked.left()) == ({"b": 2}, {"a": 1, "b": 2})
    assert parked.take(["b"]) == {0, 1}
