"""Models that take turns: which are loaded, and who is loaded next. (prefgen/calls/residents.py)"""

import asyncio
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefgen.calls.residents import Residents, Room
from prefgen.calls.stop import RunStop
from prefgen.calls.usage import RunStats
from prefgen.errors import FatalEndpoint, Interrupted, RequestFailed
from prefgen.transport.request import ModelHooks

ABC = {"a": 1, "b": 1, "c": 1}


@pytest.mark.parametrize(
    ("size", "sizes", "present", "waits", "left", "chosen"),
    [
        (1, ABC, ["a"], {"b": 3, "c": 5}, {"b": 3, "c": 5}, ["c"]),
        (1, ABC, ["c"], {"a": 5, "b": 5}, {}, ["a"]),  # as many wait for both: the recipe's order
        (2, ABC, ["a", "b"], {"c": 1}, {"a": 7, "b": 2, "c": 1}, ["a", "c"]),  # b has least left to do
        (2, ABC, ["a", "b"], {"c": 1}, {"a": 2, "b": 2}, ["b", "c"]),
        (2, {**ABC, "d": 1}, ["a", "b"], {"c": 1, "d": 2}, {"c": 1, "d": 2}, ["c", "d"]),  # two are idle
        (2, {**ABC, "d": 1}, ["a", "b"], {"c": 1, "d": 2}, {"a": 1, "b": 4}, ["b", "d"]),
        (3, ABC, ["a"], {"b": 1, "c": 1}, {"a": 9}, ["a", "b", "c"]),  # there is room for all
        (4, {"a": 2, "b": 2, "c": 4}, ["a", "b"], {"c": 1}, {"a": 9, "b": 9}, ["c"]),
        (4, {"a": 1, "b": 1, "c": 9}, ["a", "b"], {"c": 1}, {"a": 9, "b": 9}, ["c"]),  # its load will say
    ],
)
def test_who_is_there_next(size, sizes, present, waits, left, chosen):
    assert Room(size, sizes).next_present(present, waits, left) == chosen


@given(
    size=st.integers(1, 4),
    sizes=st.dictionaries(st.sampled_from("abcdef"), st.integers(1, 5), min_size=1),
    seen=st.data(),
)
def test_whoever_most_wait_for_comes_and_what_is_there_fits(size, sizes, seen):
    room, names = Room(size, sizes), list(sizes)
    present: list[str] = []
    for name in seen.draw(st.permutations(names)):
        present += [name] if room.has_room(present, name) else []
    absent = [name for name in names if name not in present]
    waits = {name: seen.draw(st.integers(0, 3)) for name in absent}
    left = {name: seen.draw(st.integers(0, 3)) for name in names}

    chosen = room.next_present(present, waits, left)

    most = max(waits.values(), default=0)
    assert len(chosen) == 1 or sum(sizes[name] for name in chosen) <= size
    assert most == 0 or next(name for name in absent if waits[name] == most) in chosen
    assert set(chosen) <= {*present, *(name for name in absent if waits[name])}
    assert most or chosen == sorted(present, key=names.index)


class Model(ModelHooks):
    """Counts how many are loaded; fails as it is told."""

    takes_turns = True
    loaded = 0

    def __init__(self, *, fails=None, unloads=True):
        self.loads = self.unloads = 0
        self._fails, self._unloads = fails, unloads
        self.gate = asyncio.Event()
        self.gate.set()

    async def load(self):
        self.loads += 1
        await self.gate.wait()
        if self._fails:
            raise self._fails

    async def unload(self):
        self.unloads += 1
        if not self._unloads:
            raise OSError("the process does not end")


def a_house(size=1, **models):
    run, stats, log = RunStop(), RunStats(), []
    room = Room(size, dict.fromkeys(models, 1))
    residents = Residents(
        room, models, run=run, stats=stats, log=lambda event, **fields: log.append((event, fields["model"]))
    )
    return residents, run, stats, log


def test_a_model_that_takes_no_turns_is_always_there():
    residents, *_ = a_house(a=Model())

    assert residents.admits("remote") and residents.loader("remote") is None
    assert residents.admits("a") and residents.loader("a") is not None
    assert residents.present == ["a"]


async def test_many_that_want_a_model_load_it_once():
    model = Model()
    model.gate.clear()
    residents, _, stats, log = a_house(a=model)
    residents.admits("a")

    waiting = [asyncio.create_task(residents.load("a")) for _ in range(9)]
    await asyncio.sleep(0.01)
    began = (model.loads, stats.model("a").place)
    model.gate.set()
    await asyncio.gather(*waiting)

    assert (began, model.loads, stats.model("a").place) == ((1, "loading"), 1, "loaded")
    assert (log, len(stats.notices)) == ([("load", "a")], 1)
    await residents.load("a")  # it may have died since: its own load says
    assert model.loads == 2


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (RequestFailed("fatal", "no memory"), "fatal", "no memory"),
        (RequestFailed("connection", "gone"), "connection", "gone"),
        (ValueError("odd"), "fatal", "ValueError: odd"),
    ],
)
async def test_a_load_that_fails_says_its_cause_and_may_have_taken_memory(error, kind, words):
    model = Model(fails=error)
    residents, *_ = a_house(a=model)

    with pytest.raises(RequestFailed) as failed:
        await residents.load("a")
    await residents.close()

    assert (failed.value.kind, str(failed.value), model.unloads) == (kind, words, 1)


async def test_a_load_ends_when_the_run_stops_and_none_begins_then():
    model, other = Model(), Model()
    model.gate.clear()
    residents, run, stats, _ = a_house(2, a=model, b=other)
    loading = asyncio.create_task(residents.load("a"))
    await asyncio.sleep(0.01)
    run.stop(Interrupted("enough"))

    for load in (loading, residents.load("b")):
        with pytest.raises(RequestFailed) as stopped:
            await asyncio.wait_for(load, 5)
        assert stopped.value.kind == "stopped"

    assert (other.loads, stats.model("a").place) == (0, "")


async def test_memory_is_free_before_the_next_one_comes():
    models = {"a": Model(), "b": Model(), "c": Model()}
    residents, _, stats, log = a_house(**models)
    residents.admits("a")
    await residents.load("a")
    assert not residents.admits("b")

    await residents.change({"b": 4, "c": 2}, {"b": 4, "c": 2})
    await residents.load("b")

    assert (residents.present, log) == (["b"], [("load", "a"), ("unload", "a"), ("load", "b")])
    assert stats.notices[1] == "pass 2: 4 prompts wait for b; a makes room"
    await residents.close()
    assert [model.unloads for model in models.values()] == [1, 1, 0]


async def test_a_model_that_keeps_its_memory_stops_the_run_and_the_others_are_unloaded():
    models = {"a": Model(unloads=False), "b": Model(), "c": Model()}
    residents, run, stats, _ = a_house(2, **models)
    for name in ("a", "b"):
        residents.admits(name)
        await residents.load(name)

    await residents.change({"c": 1}, {"b": 3})
    await residents.close()

    assert isinstance(run.reason, FatalEndpoint) and "the process does not end" in str(run.reason)
    assert models["b"].unloads == 1
    assert "a could not be unloaded: the process does not end" in stats.notices


def test_every_order_of_first_asks_fills_the_room():
    for order in itertools.permutations("abc"):
        residents, *_ = a_house(2, **{name: Model() for name in "abc"})

        assert [residents.admits(name) for name in order] == [True, True, False]


async def test_models_on_one_server_take_one_turn():
    models = {"base": Model(), "other": Model(), "adapter": Model()}
    models["base"].turn_key = models["adapter"].turn_key = "one server"
    residents, *_, log = a_house(**models)

    assert [residents.admits(name) for name in ("adapter", "other", "base")] == [True, False, True]
    assert [residents.turn_of(name) for name in (*models, "remote")] == ["base", "other", "base", "remote"]
    for name in ("adapter", "base"):
        await residents.load(name)
    await residents.change({"other": 1}, {"other": 1})

    assert residents.present == ["other"]
    assert log == [("load", "adapter"), ("load", "base"), ("unload", "adapter"), ("unload", "base")]
