"""Looking after a journal: what is in it, erasing, verifying, saving what can be read.
(prefgen/calls/maintenance.py)
"""

import hashlib
import sqlite3

import pytest

from prefgen.calls import maintenance
from prefgen.calls.journal import Journal, JournalRow
from prefgen.errors import JournalError, RecipeError
from tests.support.journal import a_row


@pytest.mark.parametrize("share", [0.001, 0.01, 0.3, 0.6, 0.99])
async def test_a_cut_journal_is_told_in_one_line_and_what_is_left_is_saved(tmp_path, share):
    path = tmp_path / "j.sqlite"
    journal = Journal(path)
    await journal.commit([a_row(n, "x" * 500) for n in range(400)])
    maintenance.compact(journal)
    journal.close()
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])

    with pytest.raises(JournalError, match="--repair") as caught:
        Journal(path)
    saved, damaged = maintenance.repair(path)

    assert "\n" not in str(caught.value)
    assert damaged.exists()
    mended = Journal(path)
    assert maintenance.verify(mended).rows == saved
    assert saved >= (300 if share == 0.99 else 0)
    mended.close()


def journal_bytes(journal: Journal, row: JournalRow) -> list[bytes]:
    """What the journal's files hold of a row: its record's id, and its reply, packed, without the frame's
    header.
    """
    db = sqlite3.connect(journal.path)
    [(packed,)] = db.execute("SELECT reply FROM replies WHERE key = ?", (row.key,)).fetchall()
    db.close()
    return [row.record.encode(), packed[12:]]


def files_of(journal: Journal) -> bytes:
    """All of the journal's files, one after the other."""
    return b"".join(path.read_bytes() for path in sorted(journal.path.parent.glob("j.sqlite*")))


async def test_erasing_leaves_no_trace_in_the_file(journal):
    """Kept texts differ from end to end, so that no trace of one is a trace of the other."""
    secret, other = (hashlib.sha256(name).hexdigest() * 3 for name in (b"secret", b"other"))
    await journal.commit([a_row(1, secret), a_row(2, other)])
    journal.stage_completed(a_row(1).record, "stage", b"k")

    traces = [journal_bytes(journal, a_row(1)), journal_bytes(journal, a_row(2))]
    assert all(trace in files_of(journal) for trace in traces[0] + traces[1])

    gone = maintenance.remove(journal, record=a_row(1).record)

    assert gone == 1
    assert not [trace for trace in traces[0] if trace in files_of(journal)]
    assert all(trace in files_of(journal) for trace in traces[1])
    assert journal.find(a_row(1).key) is None
    assert journal.find(a_row(2).key) is not None
    assert not journal.completed_stages(a_row(1).record)


def test_erasing_needs_to_be_told_what(journal):
    with pytest.raises(RecipeError, match="--record, --run or --before"):
        maintenance.remove(journal)
