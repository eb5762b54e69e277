"""The journal: commit before the answer, first reply wins, damage is told and repaired."""

import asyncio
import hashlib
import json
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from prefgen.calls import batch_files, maintenance
from prefgen.calls.journal import Journal, JournalRow
from prefgen.errors import JournalError, RecipeError
from tests.support.journal import a_row
from tests.support.paths import ROOT


@pytest.fixture
def journal(tmp_path):
    opened = Journal(tmp_path / "j.sqlite")
    yield opened
    opened.close()


async def test_a_kept_reply_is_found_by_another_connection(journal):
    await journal.commit([a_row(1, prompt_tokens=3, cost=5)])

    other = Journal(journal.path)
    found = other.find(a_row(1).key)
    other.close()

    assert found is not None
    assert (json.loads(found.reply)["n"], found.prompt_tokens, found.cost, found.host) == (1, 3, 5, "local")


async def test_the_first_reply_under_a_key_wins(journal):
    await journal.commit([a_row(1, "first")])

    [held] = await journal.commit([a_row(1, "second")])

    assert b"first" in held.reply
    assert b"first" in journal.find(a_row(1).key).reply


async def test_two_journals_on_one_file_agree(journal):
    other = Journal(journal.path)

    ours, theirs = await asyncio.gather(
        asyncio.gather(*(journal.commit([a_row(n, "ours")]) for n in range(50))),
        asyncio.gather(*(other.commit([a_row(n, "theirs")]) for n in range(50))),
    )
    other.close()

    assert [a[0].reply for a in ours] == [b[0].reply for b in theirs]


def test_what_was_returned_survives_a_killed_process(tmp_path):
    code = f"""
import asyncio, os, sys
sys.path.insert(0, {str(ROOT)!r})
from prefgen.calls.journal import Journal
from tests.support.journal import a_row
from pathlib import Path
async def main():
    journal = Journal(Path({str(tmp_path / "j.sqlite")!r}))
    for n in range(10_000):
        await journal.commit([a_row(n)])
        print(n, flush=True)
asyncio.run(main())
"""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as process:
        while int(process.stdout.readline()) < 20:
            pass
        process.kill()
        said = [int(line) for line in process.stdout.read().split()]

    journal = Journal(tmp_path / "j.sqlite")
    kept = [n for n in range(max(said, default=20) + 1) if journal.find(n.to_bytes(16, "big"))]
    journal.close()

    assert kept == list(range(max(said, default=20) + 1))


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


async def test_a_wal_cut_at_any_byte_loses_only_its_end(tmp_path):
    path = tmp_path / "j.sqlite"
    journal = Journal(path)
    for n in range(30):
        await journal.commit([a_row(n)])
    parts = {name: (tmp_path / name).read_bytes() for name in ("j.sqlite", "j.sqlite-wal")}
    journal.close()
    size = len(parts["j.sqlite-wal"])
    page_size = int.from_bytes(parts["j.sqlite-wal"][8:12], "big")

    @given(cut=st.integers(0, size))
    @example(cut=0)
    @example(cut=31)
    @example(cut=size - 1)
    @example(cut=size)
    def kept_rows(cut: int) -> None:
        with tempfile.TemporaryDirectory() as folder:
            for name, content in parts.items():
                (Path(folder) / name).write_bytes(content[:cut] if name.endswith("wal") else content)
            cut_journal = Journal(Path(folder) / "j.sqlite")
            kept = [n for n in range(30) if cut_journal.find(n.to_bytes(16, "big"))]
            cut_journal.close()
        whole = parts["j.sqlite-wal"][: 32 + (max(0, cut - 32) // (24 + page_size)) * (24 + page_size)]
        ends = [
            start
            for start in range(32, len(whole), 24 + page_size)
            if whole[start + 4 : start + 8] != bytes(4)
        ]
        assert kept == list(range(max(0, len(ends) - commits_before_rows)))

    commits_before_rows = (
        sum(
            parts["j.sqlite-wal"][start + 4 : start + 8] != bytes(4)
            for start in range(32, size, 24 + page_size)
        )
        - 30
    )
    assert commits_before_rows >= 0
    kept_rows()


def test_a_file_of_another_program_is_refused(tmp_path):
    db = sqlite3.connect(tmp_path / "x.sqlite")
    db.execute("CREATE TABLE a (b)")
    db.commit()
    db.close()

    with pytest.raises(JournalError, match="another program"):
        Journal(tmp_path / "x.sqlite")


def test_a_newer_format_is_refused(tmp_path):
    Journal(tmp_path / "j.sqlite").close()
    db = sqlite3.connect(tmp_path / "j.sqlite")
    db.execute("PRAGMA user_version=99")
    db.close()

    with pytest.raises(JournalError, match="newer prefgen"):
        Journal(tmp_path / "j.sqlite")


def journal_bytes(journal: Journal, row: JournalRow) -> list[bytes]:
    """What the journal's files hold of a row: its record's id, and its reply, packed, without the frame's header."""
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


async def test_replies_travel_between_journals_as_a_batch_file(journal, tmp_path):
    await journal.commit([a_row(n) for n in range(5)])
    await journal.commit(
        [
            JournalRow(
                **{
                    **{s: getattr(a_row(9), s) for s in a_row(9).__slots__},
                    "status": 1,
                    "code": "content_policy",
                    "reply": b'{"error":"no","code":"content_policy"}',
                }
            )
        ]
    )
    count = batch_files.export_batch(journal, tmp_path / "out.jsonl")

    other = Journal(tmp_path / "other.sqlite")
    done = await batch_files.import_batch(other, tmp_path / "out.jsonl")
    again = await batch_files.import_batch(other, tmp_path / "out.jsonl")

    assert (count, done.kept, done.refused, again.known) == (6, 5, 1, 6)
    assert json.loads(other.find(a_row(3).key).reply) == json.loads(a_row(3).reply)
    assert other.find(a_row(9).key).code == "content_policy"
    other.close()


async def test_a_line_that_is_no_answer_is_counted_and_asked_again_later(journal, tmp_path):
    path = tmp_path / "in.jsonl"
    key = a_row(1).key.hex()
    ours = {
        "endpoint": "chat",
        "model": "m",
        "record": None,
        "parts": "00" * 16,
        "backend": "openai",
        "host": "local",
        "time": 1,
    }
    lines = [
        {"custom_id": key, "response": {"status_code": 500, "body": {}}, "prefgen": ours},
        {"custom_id": key, "response": {"status_code": 200, "body": {"choices": []}}, "prefgen": ours},
        {"custom_id": "ff" * 16, "response": {"status_code": 200, "body": {"choices": [{}]}}},
    ]
    path.write_text("\n".join(json.dumps(line) for line in lines))

    done = await batch_files.import_batch(journal, path)

    assert (done.kept, done.failed, done.unknown) == (0, 2, 1)


async def test_a_file_that_is_no_batch_output_is_refused_with_its_line(journal, tmp_path):
    (tmp_path / "in.jsonl").write_text('{"hello": 1}\n')

    with pytest.raises(RecipeError, match=r"in\.jsonl:1"):
        await batch_files.import_batch(journal, tmp_path / "in.jsonl")


async def test_group_commit_answers_many_at_once_in_few_commits(journal):
    before = commits_in_wal(journal)
    await asyncio.gather(*(journal.commit([a_row(n)]) for n in range(500)))

    assert 1 <= commits_in_wal(journal) - before <= 10
    assert maintenance.verify(journal).rows == 500


def commits_in_wal(journal: Journal) -> int:
    """Frames of the write-ahead log that end a transaction (https://sqlite.org/fileformat.html, section 4.1)."""
    wal = journal.path.with_name("j.sqlite-wal").read_bytes()
    page_size, salts, commits = int.from_bytes(wal[8:12], "big"), wal[16:24], 0
    for start in range(32, len(wal), 24 + page_size):
        frame = wal[start : start + 24]
        commits += frame[8:16] == salts and frame[4:8] != bytes(4)
    return commits


async def test_who_is_not_alone_notices(tmp_path):
    """By a row that is there already, and by a number that somebody else's row has."""
    for first, second in ((1, 1), (1, 2)):
        path = tmp_path / f"{second}.sqlite"
        mine, other = Journal(path), Journal(path)
        await mine.commit([a_row(100), a_row(101)])
        assert mine.sole_writer
        await other.commit([a_row(first, "theirs")])

        [held] = await mine.commit([a_row(second)])

        assert not mine.sole_writer
        assert (held.reply == a_row(1, "theirs").reply) == (second == 1), "the first reply wins"
        mine.close()
        other.close()
