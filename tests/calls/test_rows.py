"""A journalled reply as a value comes back as it went in. (prefgen/calls/rows.py)"""

from dataclasses import fields, replace

from prefgen.calls.journal import Journal
from prefgen.calls.rows import JournalRow
from tests.support.journal import a_row

FULL = replace(
    a_row(7), parts=bytes(range(16)), status=1, origin="import", served_model="served", fingerprint="fp",
    how="n", prompt_tokens=3, completion_tokens=4, cost=5, code="bad", request=b'{"asked": true}',
    seconds=1.25,
)  # fmt: skip


async def test_every_field_is_stored_but_what_was_parsed(tmp_path):
    journal = Journal(tmp_path / "j.sqlite")
    await journal.commit([FULL, a_row(8)])

    found = {row.key: row for row in journal.rows()}
    looked_up = journal.find(FULL.key)
    [cached] = journal.replies_for_records([FULL.record])
    journal.close()

    assert found[FULL.key] == looked_up == FULL
    assert found[a_row(8).key] == a_row(8)
    assert list(cached.rows) == [FULL.key] and cached.is_complete
    assert all(
        getattr(FULL, field.name) != field.default for field in fields(JournalRow) if field.name != "parsed"
    )


async def test_rows_that_are_cached_are_the_same_rows(tmp_path):
    journal = Journal(tmp_path / "j.sqlite")
    await journal.commit([a_row(n) for n in range(20)])

    found = journal.replies_for_records([a_row(n).record for n in range(20)])

    assert [journal.row_of(stored) for cached in found for stored in cached.rows.values()] == [
        a_row(n) for n in range(20)
    ]
    [few] = journal.replies_for_records([a_row(3).record], most=1)
    assert not few.is_complete, "there may be more than so many"
    journal.close()
