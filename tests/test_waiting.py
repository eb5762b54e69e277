"""Waiting for several asks: at once, or in turn where all of them have their answers."""

import asyncio
from collections.abc import Sequence

import pytest

from prefgen import Ask, Plugin, Prompt, Response, sampler, settled, together
from prefgen.errors import UnreadableReply
from prefgen.waiting import all_answered
from tests.running import a_recipe, run, shard_bytes


class Crowd:
    """Counts how many are at it at once."""

    def __init__(self) -> None:
        self.most = self.here = self.done = 0

    async def one(self, value: object) -> object:
        self.here += 1
        self.most = max(self.most, self.here)
        try:
            await asyncio.sleep(0)
            if isinstance(value, BaseException):
                raise value
            self.done += 1
            return value
        finally:
            self.here -= 1


@pytest.fixture(params=[False, True], ids=["asked", "answered"])
def answered(request):
    token = all_answered.set(request.param)
    yield request.param
    all_answered.reset(token)


async def test_results_come_in_order_and_those_that_are_answered_need_no_tasks(answered):
    crowd = Crowd()

    assert await together(crowd.one(i) for i in range(5)) == list(range(5))
    assert crowd.most == (1 if answered else 5)


async def test_the_first_error_is_raised_when_the_others_have_finished(answered):
    crowd = Crowd()

    with pytest.raises(KeyError, match="first"):
        await together(crowd.one(value) for value in (1, KeyError("first"), 2, ValueError("second"), 3))
    assert crowd.done == 3


async def test_replies_that_cannot_be_used_stand_in_the_result(answered):
    lost = UnreadableReply("no words")

    assert await settled(Crowd().one(value) for value in (1, lost, 2)) == [1, lost, 2]
    with pytest.raises(KeyError):
        await settled(Crowd().one(value) for value in (1, lost, KeyError()))


async def test_who_waits_can_be_cancelled(answered):
    crowd = Crowd()
    task = asyncio.create_task(together(crowd.one(i) for i in range(5)))
    await asyncio.sleep(0)

    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
    assert crowd.here == 0


crowds: list[Crowd] = []


@sampler("test_crowd")
class CrowdSampler(Plugin):
    model: str

    async def sample(self, prompt: Prompt, ask: Ask) -> Sequence[Response]:
        crowd = Crowd()
        crowds.append(crowd)

        async def one(sample: int) -> Response:
            await crowd.one(sample)
            reply = await ask(self.model, prompt.messages, sample=sample)
            return Response.of(prompt, reply.message, model=ask.name, sample=sample)

        return await together(one(i) for i in range(3))


async def test_a_stage_that_was_passed_before_is_replayed_in_turn_with_the_same_bytes(tmp_path):
    recipe = a_recipe()
    recipe["stages"][1] = {"sample": {"mine": {"use": "test_crowd", "model": "writer"}}}
    crowds.clear()

    first = await run(recipe, tmp_path / "first")
    assert {crowd.most for crowd in crowds} == {3}
    crowds.clear()
    again = await run(recipe, tmp_path / "again")
    assert {crowd.most for crowd in crowds} == {1}
    crowds.clear()
    allowed = await run(recipe, tmp_path / "allowed", allow_new=True)

    assert {crowd.most for crowd in crowds} == {3}, "there something new may be asked"
    assert first.complete and again.complete and allowed.complete
    assert shard_bytes(tmp_path / "first") == shard_bytes(tmp_path / "again") == shard_bytes(tmp_path / "allowed")
    assert {r["model"] for r in rows(tmp_path / "again")} == {"mine"}


def rows(out):
    import pyarrow.parquet as pq

    return [response for record in pq.read_table(out / "records").to_pylist() for response in record["responses"]]
