"""The way of a request: sent once, journalled, handed to everyone. (prefgen/calls/requests.py)"""

import asyncio
from dataclasses import replace

import pytest
from aiohttp import web

from prefgen.calls.journal import Journal
from prefgen.calls.journals import Journals
from prefgen.calls.key import call_key
from prefgen.calls.models import ModelSpec
from prefgen.calls.pending import PendingRequest
from prefgen.calls.record_calls import RecordCalls
from prefgen.calls.requests import RequestSender
from prefgen.calls.usage import RunStats
from prefgen.errors import JournalError, PrefgenError, RequestFailed
from prefgen.transport.request import ModelRequest
from tests.support.queue import QueueOnTrial, turns
from tests.support.recipes import RATE, a_recipe, run
from tests.support.server import by_content


class Way:
    """A sender with its queue and a journal."""

    def __init__(self, folder, script) -> None:
        self.trial = QueueOnTrial(script)
        self.journal = Journal(folder / "j.sqlite")
        self.stats = RunStats()
        self.sender = RequestSender(
            Journals(self.journal, self.journal, self.journal), self.trial.run, self.stats, "run"
        )
        self.spec = ModelSpec("m", {"name": "m"}, {}, self.trial.model)
        self.record = RecordCalls("r" * 32, 0, lambda record: None)

    def pending(self, text: str, sample: int = 0) -> PendingRequest:
        key = call_key(
            endpoint="completion",
            model={"name": "m"},
            messages=text,
            sampling={},
            reply_format={},
            record="r",
            sample=sample,
            seed=1,
        )
        request = ModelRequest(
            "completion", "m", text=text, sampling={"max_tokens": 5}, seeds=(key.server_seed,)
        )
        return PendingRequest(key, self.record, self.spec, self.trial.queue, request, shared=False)


@pytest.fixture
def way(tmp_path):
    made = Way(tmp_path, lambda text: '{"choices": []}')
    yield made
    made.journal.close()


async def test_a_reply_is_on_the_disk_before_anyone_has_it(way, tmp_path):
    pending = way.pending("hello")
    way.sender.send(pending)
    first, second = pending.result(), way.sender.find(pending.key.digest).result()

    row = await asyncio.wait_for(first, 5)

    other = Journal(tmp_path / "j.sqlite")
    assert other.find(pending.key.digest) == replace(row, parsed=None) and (await second) is row
    other.close()
    assert way.sender.find(pending.key.digest) is None
    assert (row.record, row.run, row.host, row.status) == (way.record.id, "run", "here", 0)


async def test_a_refusal_is_journalled_with_its_request(way):
    way.trial.model.script = lambda text: RequestFailed("refused", "no such field", code="bad")
    pending = way.pending("hello")
    way.sender.send(pending)

    row = await asyncio.wait_for(pending.result(), 5)

    assert (row.status, row.code) == (1, "bad") and b'"hello"' in row.request
    assert way.journal.find(pending.key.digest).request == row.request


async def test_what_passes_is_told_and_not_journalled(way):
    way.trial.model.script = lambda text: RequestFailed("fatal", "HTTP 401")
    pending = way.pending("hello")
    way.sender.send(pending)

    with pytest.raises(RequestFailed):
        await asyncio.wait_for(pending.result(), 5)

    assert way.journal.find(pending.key.digest) is None and way.stats.model("m").lost == 1


async def test_a_journal_that_cannot_be_written_stops_the_run_and_leaves_nobody_waiting(way):
    way.journal.connection.execute("DROP TABLE replies")
    pending = way.pending("hello")
    way.sender.send(pending)

    with pytest.raises(RequestFailed):
        await asyncio.wait_for(pending.result(), 5)

    assert isinstance(way.trial.run.reason, JournalError)


async def test_drain_waits_for_what_is_in_flight_and_abandon_does_not(way):
    way.trial.model.gate = asyncio.Event()
    pending = way.pending("hello")
    way.sender.send(pending)
    waiting = asyncio.create_task(way.sender.drain())
    await turns()
    assert not waiting.done()
    way.trial.model.gate.set()
    await asyncio.wait_for(waiting, 5)
    assert way.journal.find(pending.key.digest) is not None

    way.trial.model.gate.clear()
    way.sender.send(way.pending("another"))
    await turns()
    way.sender.abandon()
    await asyncio.wait_for(way.sender.drain(), 5)
    assert way.trial.model.at_work == 0


@pytest.fixture
def two_ways(tmp_path):
    """Two runs on one journal, whose servers give other texts; the first is held at its gate."""
    first, second = Way(tmp_path, lambda text: "first"), Way(tmp_path, lambda text: "second")
    first.trial.model.gate = asyncio.Event()
    yield first, second
    for way in (first, second):
        way.sender.abandon()
        way.journal.close()


async def sent(way, text="hello"):
    """A request that has had time to go out."""
    pending = way.pending(text)
    way.sender.send(pending)
    await turns()
    return pending.result()


async def test_what_another_run_asks_is_waited_for_and_not_asked(two_ways):
    first, second = two_ways
    theirs, ours = await sent(first), await sent(second)
    assert second.trial.model.asked == [] and "another run on" in second.stats.notices[0]

    first.trial.model.gate.set()
    rows = await asyncio.wait_for(asyncio.gather(theirs, ours), 5)

    assert [row.reply for row in rows] == [b"first", b"first"] and second.trial.model.asked == []
    assert (second.stats.model("m").replayed, second.stats.model("m").lost) == (1, 0)
    assert (await asyncio.wait_for(await sent(second, "another"), 5)).reply == b"second"


async def test_what_another_run_could_not_have_is_asked(two_ways):
    first, second = two_ways
    first.trial.model.script = lambda text: RequestFailed("fatal", "HTTP 401")
    theirs, ours = await sent(first), await sent(second)

    first.trial.model.gate.set()
    row = await asyncio.wait_for(ours, 5)

    assert row.reply == b"second"
    with pytest.raises(RequestFailed, match="401"):
        await theirs


async def test_a_run_that_stops_waits_no_longer_for_another(two_ways):
    first, second = two_ways
    theirs, ours = await sent(first), await sent(second)

    second.trial.run.stop(PrefgenError("enough"))

    with pytest.raises(RequestFailed, match="enough"):
        await asyncio.wait_for(ours, 5)
    assert not theirs.done()
    first.trial.model.gate.set()
    await theirs


def send_draws(way, count):
    """So many draws of one request; their results."""
    draws = [way.pending("hello", sample=sample) for sample in range(count)]
    for draw in draws:
        way.sender.send(draw)
    return [draw.result() for draw in draws]


async def test_of_draws_asked_together_those_that_another_run_asks_are_left_to_it(two_ways):
    first, second = two_ways
    theirs = send_draws(first, 2)
    await turns()
    ours = send_draws(second, 4)
    await turns()
    first.trial.model.gate.set()

    rows = await asyncio.wait_for(asyncio.gather(*theirs, *ours), 5)

    assert [row.reply for row in rows[2:]] == [b"first", b"first", b"second", b"second"]
    assert [way.trial.model.requests[0].samples for way in two_ways] == [2, 2]


async def test_draws_that_another_run_could_not_have_are_asked_together_again(two_ways):
    first, second = two_ways
    first.trial.model.script = lambda text: RequestFailed("fatal", "HTTP 401")
    theirs = send_draws(first, 3)
    await turns()
    ours = send_draws(second, 3)
    await turns()
    assert not second.trial.model.requests

    first.trial.model.gate.set()
    rows = await asyncio.wait_for(asyncio.gather(*ours), 5)
    await asyncio.gather(*theirs, return_exceptions=True)

    assert [row.reply for row in rows] == [b"second"] * 3
    assert [request.samples for request in second.trial.model.requests] == [3]


async def test_while_a_run_waits_to_try_again_another_may_ask_and_both_have_the_reply(two_ways):
    first, second = two_ways
    first.trial.model.script = lambda text: RequestFailed("server", "HTTP 500")
    theirs = await sent(first)
    first.trial.model.gate.set()
    await turns()

    ours = await asyncio.wait_for(await sent(second), 5)
    await first.trial.clock.move(60)

    assert ours.reply == b"second"
    assert (await asyncio.wait_for(theirs, 5)).reply == b"second"
    assert len(first.trial.model.asked) == 1


async def test_what_another_run_was_refused_is_no_sign_that_the_model_answers(two_ways):
    first, second = two_ways
    first.trial.model.script = lambda text: RequestFailed("refused", "no such field", code="bad")
    theirs, ours = await sent(first), await sent(second)
    first.trial.model.gate.set()

    rows = await asyncio.wait_for(asyncio.gather(theirs, ours), 5)

    assert [row.status for row in rows] == [1, 1]
    assert second.stats.model("m").replayed == 0 and second.trial.queue.refused_all()


async def test_a_sender_that_is_closed_leaves_nothing_at_work(two_ways):
    first, second = two_ways
    await sent(first)
    await sent(second)

    await asyncio.wait_for(second.sender.close(), 5)
    second.journal.close()
    second.journal.claims.close()

    assert not second.sender._tasks
    first.trial.model.gate.set()


@pytest.mark.usefixtures("short_backoff")
async def test_of_prompts_that_found_no_server_the_last_fault_is_said(tmp_path, server):
    """A judge that was answered once, and then is told a fault that no other try mends."""
    verdicts = []

    def script(body, attempt):
        if body["model"] != "g":
            return by_content(body, attempt)
        verdicts.append(body)
        fault = {"error": {"message": "1 validation error: response_format"}}
        return RATE if len(verdicts) == 1 else web.json_response(fault, status=500)

    server.script = script
    recipe = a_recipe(
        url=server.url, prompts=("One?", "Two?"), run={"concurrency": 1, "server_down_after": 60}
    )

    outcome = await run(recipe, tmp_path / "out")

    assert (outcome.exit_code, outcome.lost) == (3, 1)
    assert "(the last fault: grader: HTTP 500 from" in outcome.incomplete_reason()
    assert "1 validation error: response_format" in outcome.incomplete_reason()
