"""One record on its way: what it asked, what is in flight, what is suspended, what it cost.
(prefgen/calls/record_calls.py)
"""

import asyncio
from collections.abc import Sequence

import pytest

from prefgen import Ask, Plugin, Prompt, Response, Score, gather, gather_settled, judge
from prefgen.calls.journal import Journal
from tests.support.recipes import a_recipe, run, shard_bytes
from tests.support.served import FOLDER, SLOTS, asked_twice, in_turns, loads
from tests.support.server import by_content


@judge("test_many_ways")
class ManyWays(Plugin):
    """Asks in every shape that a plug-in may take; used to see that parking takes each."""

    model: str
    way: str

    async def judge(self, prompt: Prompt, responses: Sequence[Response], ask: Ask) -> Sequence[Score]:
        async def one(response: Response) -> Score:
            reply = await ask(self.model, f"{prompt.text} / {response.text}")
            return Score(response_id=response.id, aspect="a", value=float(reply.text), scale=(1, 5))

        if self.way == "gather":
            return await asyncio.gather(*(one(r) for r in responses))
        if self.way == "taskgroup":
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(one(r)) for r in responses]
            return [t.result() for t in tasks]
        if self.way == "except":
            out = []
            for response in responses:
                try:
                    out.append(await one(response))
                except Exception:
                    out.append(Score(response_id=response.id, aspect="a", value=1, scale=(1, 5)))
            return out
        if self.way == "swallows":
            try:
                return await gather(one(r) for r in responses)
            except asyncio.CancelledError:
                return [Score(response_id=r.id, aspect="a", value=1, scale=(1, 5)) for r in responses]
        return await gather_settled(one(r) for r in responses)


@pytest.mark.parametrize("way", ["gather", "taskgroup", "except", "swallows", "settled"])
async def test_parking_takes_every_shape_of_plug_in(tmp_path, server, way):
    """Half of the asks are in the journal, the other half cannot be answered: no shape may end with a made-up
    score.
    """
    server.script = lambda body, attempt: (
        "4" if " / " in str(body["messages"][-1]["content"]) else by_content(body, attempt)
    )
    recipe = a_recipe(url=server.url)
    recipe["stages"][2] = {"judge": {"quality": {"use": "test_many_ways", "model": "grader", "way": way}}}
    recipe["stages"][3]["pair"]["ties"] = "keep"
    await run(recipe, tmp_path / "out")
    journal = Journal(tmp_path / "calls.sqlite")
    db = journal.connection
    half = [k for (k,) in db.execute("SELECT key FROM replies WHERE model = 'g' ORDER BY key")][::2]
    db.executemany("DELETE FROM replies WHERE key = ?", [(k,) for k in half])
    db.execute("DELETE FROM completed")
    journal.close()

    parked = await asyncio.wait_for(run(recipe, tmp_path / "again", live=False), 20)

    assert parked.exit_code == 3
    assert parked.parked_keys
    assert set(parked.parked_keys) <= set(half)
    finished = await run(recipe, tmp_path / "again")
    assert finished.complete
    assert shard_bytes(tmp_path / "again") == shard_bytes(tmp_path / "out")


@judge("test_many_ways_in_turns")
class ManyWaysInTurns(Plugin):
    """Asks two models about each response, in every shape; one of them is never loaded at first."""

    models: tuple[str, ...]
    way: str

    async def judge(self, prompt: Prompt, responses: Sequence[Response], ask: Ask) -> Sequence[Score]:
        scores: list[Score] = []
        for model in self.models if self.way == "in series" else [None]:
            asked = Shuffled(ask, self.models if model is None else [model])
            way = ManyWays(model="", way="except" if model else self.way)
            scores += await way.judge(prompt, responses, asked)
        return scores


class Shuffled:
    """Asks one of the models after the other."""

    def __init__(self, ask: Ask, models: Sequence[str]) -> None:
        self._ask, self._models, self._count = ask, models, 0

    async def __call__(self, model: str, messages: str):
        self._count += 1
        return await self._ask(self._models[self._count % len(self._models)], messages[:150])


@pytest.mark.parametrize("way", ["gather", "taskgroup", "except", "swallows", "settled", "in series"])
async def test_a_model_whose_turn_has_not_come_takes_every_shape_of_plug_in(tmp_path, monkeypatch, way):
    """Some asks of a record are answered in one pass and some in another: the scores are those that come
    where all are answered at once.
    """
    monkeypatch.setenv(FOLDER, str(tmp_path))
    monkeypatch.setenv(SLOTS, "3")
    judged = {"quality": {"use": "test_many_ways_in_turns", "models": ["b", "c"], "way": way}}
    stages = [
        {"sample": {"use": "each", "model": "a", "n": 3}},
        {"judge": judged},
        {"pair": {"use": "best_vs_worst", "score": "quality", "ties": "keep"}},
    ]
    await run(
        in_turns(stages, "a", "b", "c", resident=3), tmp_path / "at-once", journal=tmp_path / "1.sqlite"
    )
    for file in ("servers", "asked"):
        (tmp_path / file).unlink()
    monkeypatch.setenv(SLOTS, "1")

    outcome = await asyncio.wait_for(run(in_turns(stages, "a", "b", "c"), tmp_path / "out"), 30)

    assert outcome.complete, outcome.stopped
    assert outcome.manifest.yields.pairs == 6
    assert len(loads(tmp_path)) == (3 if way != "except" else 4)
    assert asked_twice(tmp_path) == []
    assert shard_bytes(tmp_path / "out") == shard_bytes(tmp_path / "at-once")
