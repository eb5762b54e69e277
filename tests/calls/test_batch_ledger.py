"""Which batches are under way, in the journal's database. (prefgen/calls/batch_ledger.py)"""

import sqlite3
import time
from contextlib import closing
from dataclasses import replace

import pytest

from prefgen.calls.batch_ledger import Batch, BatchLedger, BatchLine, LineOutcome, read_batches, waiting_batch
from prefgen.calls.budget import Price
from prefgen.calls.draw_claims import DrawClaims
from prefgen.calls.journal import Journal
from prefgen.errors import RequestFailed
from prefgen.transport.batches import ProviderBatch


def a_batch(intent: str, run: str = "aa") -> Batch:
    return Batch(
        intent * 32, run, "local", "m", "chat", digest="", state="gathering", id=None, requests=0,
        completed=0, failed=0, made=time.time(), submitted=None, looked=None, closed=None, why="",
        price=Price(1, 2, 3),
    )  # fmt: skip


def lines(*numbers: int) -> list[BatchLine]:
    return [BatchLine(number.to_bytes(16, "big"), cost=10, tokens=100) for number in numbers]


def test_a_request_is_reserved_for_one_batch_alone(journal):
    """Two runs that looked at the same moment reserve the same: the first has it."""
    ledger = BatchLedger(journal)

    assert ledger.gather(a_batch("a"), lines(1, 2, 3)) == lines(1, 2, 3)
    assert ledger.gather(a_batch("b", "bb"), lines(4, 3, 2)) == lines(4)
    assert waiting_batch(journal, lines(3)[0].key) == "a" * 32
    assert ledger.reserved("aa") == (30, 300)
    assert ledger.reserved("bb") == (10, 100)


def test_what_came_of_a_batch_is_free_again_and_failures_are_counted(journal):
    ledger = BatchLedger(journal)
    ledger.gather(a_batch("a"), lines(1, 2, 3))
    first = ledger.intend("a" * 32, lines(1, 2), [lines(3)[0].key])
    outcomes = [LineOutcome(lines(1)[0].key, "answered"), LineOutcome(lines(2)[0].key, "failed", "oops")]
    ledger.close(first.intent, outcomes)
    ledger.gather(a_batch("b"), lines(2, 3))
    second = ledger.intend("b" * 32, lines(2), [])

    assert [ledger.failures(line.key) for line in lines(1, 2, 3)] == [0, 1, 0]
    assert waiting_batch(journal, lines(1)[0].key) is None
    assert first.digest != second.digest
    assert [batch.intent[0] for batch in ledger.open_batches("aa")] == ["b"]


def test_a_digest_tells_a_batch_that_is_sent_again_from_the_first(journal):
    """It is what a provider finds it by: the same requests once more are another batch."""
    ledger = BatchLedger(journal)
    digests = []
    for intent in "abc":
        ledger.gather(a_batch(intent), lines(1, 2))
        digests.append(ledger.intend(intent * 32, lines(1, 2), []).digest)
        ledger.close(intent * 32, [LineOutcome(line.key, "failed") for line in lines(1, 2)])

    assert len(set(digests)) == 3


def test_batches_are_read_beside_whoever_writes(journal):
    ledger = BatchLedger(journal)
    ledger.gather(a_batch("a"), lines(1))
    noted = ledger.note("a" * 32, ProviderBatch("batch_7", "in_progress", completed=1, total=3))

    assert read_batches(journal.path, "aa") == [noted]
    assert noted.price == Price(1, 2, 3)
    assert read_batches(journal.path, "bb") == []


def test_a_journal_of_an_earlier_version_gets_the_tables_of_batches(tmp_path):
    path = tmp_path / "old.sqlite"
    Journal(path).close()
    with closing(sqlite3.connect(path)) as db:
        db.execute("DROP TABLE batches")
        db.execute("DROP TABLE batch_lines")
        db.commit()

    assert read_batches(path, "aa") == []
    with closing(Journal(path)) as opened:
        assert BatchLedger(opened).open_batches() == []


class Draw:
    """What DrawClaims wants to know of a request that has its turn."""

    def __init__(self, key: bytes) -> None:
        self.key = type("Key", (), {"digest": key})


def test_a_live_request_that_is_sent_in_a_batch_meanwhile_is_not_asked(journal):
    """It is looked at again when the request has its turn, and its claim is given back."""
    BatchLedger(journal).gather(a_batch("a"), lines(1))
    claims = DrawClaims([Draw(lines(1)[0].key)], journal)

    with pytest.raises(RequestFailed, match="waits in a batch"):
        claims.begin()
    with closing(Journal(journal.path)) as other:
        assert other.claims.claim(lines(1)[0].key)
    DrawClaims([Draw(lines(2)[0].key)], journal).begin()


def test_the_smallest_batch_that_had_too_many_tokens_is_the_measure_of_the_next(journal):
    ledger = BatchLedger(journal)
    for intent, requests in (("a", 40), ("b", 30)):
        ledger.gather(replace(a_batch(intent), requests=requests), lines(*range(requests)))
        problem = "token_limit_exceeded: Enqueued token limit reached"
        ledger.note(intent * 32, ProviderBatch(intent, "failed", problem=problem))
        ledger.close(intent * 32, [LineOutcome(line.key, "left") for line in lines(*range(requests))])
    now = time.time()

    assert ledger.largest_within_limit("local", "m", now - 100) == 15
    assert ledger.largest_within_limit("local", "m", now + 100) is None
    assert ledger.largest_within_limit("local", "other", now - 100) is None
