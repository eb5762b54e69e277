"""The way of a request: sent once, journalled, handed to everyone. (prefgen/calls/requests.py)"""

import asyncio
from dataclasses import replace

import pytest

from prefgen.calls.journal import Journal
from prefgen.calls.journals import Journals
from prefgen.calls.key import call_key
from prefgen.calls.models import ModelSpec
from prefgen.calls.pending import PendingRequest
from prefgen.calls.record_calls import RecordCalls
from prefgen.calls.requests import RequestSender
from prefgen.calls.usage import RunStats
from prefgen.errors import JournalError, RequestFailed
from prefgen.transport.request import ModelRequest
from tests.support.queue import QueueOnTrial, turns


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

    def pending(self, text: str) -> PendingRequest:
        key = call_key(
            endpoint="completion",
            model={"name": "m"},
            messages=text,
            sampling={},
            reply_format={},
            record="r",
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
