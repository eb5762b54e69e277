"""What the journal knows of earlier asks. (prefgen/calls/history.py)"""

import pytest

from prefgen.calls.history import key_parts, mean_usage
from tests.support.journal import a_row


async def test_means_are_of_answers_and_of_those_that_somebody_waited_for(journal):
    rows = [
        a_row(1, completion_tokens=10, seconds=2.0),
        a_row(2, completion_tokens=21, seconds=0.0),  # imported: nobody waited
        a_row(3, completion_tokens=500, seconds=9.0, status=1),
    ]
    await journal.commit(rows)

    assert mean_usage(journal, "m") == (15, pytest.approx(2.0))
    assert mean_usage(journal, "another") == (None, 0.0)


async def test_the_parts_of_every_key_of_a_record(journal):
    await journal.commit([a_row(1, parts=bytes(range(16))), a_row(2)])

    assert key_parts(journal, a_row(1).record) == [bytes(range(16))]
    assert key_parts(journal, "unknown") == []
