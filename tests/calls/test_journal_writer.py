"""The one thread that writes a journal: it commits in groups of about 5 ms (10 where much comes in).
(prefgen/calls/journal_writer.py)
"""

import asyncio
import subprocess
import sys

from prefgen.calls import maintenance
from prefgen.calls.journal import Journal
from tests.support.journal import a_row
from tests.support.paths import ROOT


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


async def test_group_commit_answers_many_at_once_in_few_commits(journal):
    before = commits_in_wal(journal)
    await asyncio.gather(*(journal.commit([a_row(n)]) for n in range(500)))

    assert 1 <= commits_in_wal(journal) - before <= 10
    assert maintenance.verify(journal).rows == 500


def commits_in_wal(journal: Journal) -> int:
    """Frames of the write-ahead log that end a transaction (https://sqlite.org/fileformat.html, section
    4.1).
    """
    wal = journal.path.with_name("j.sqlite-wal").read_bytes()
    page_size, salts, commits = int.from_bytes(wal[8:12], "big"), wal[16:24], 0
    for start in range(32, len(wal), 24 + page_size):
        frame = wal[start : start + 24]
        commits += frame[8:16] == salts and frame[4:8] != bytes(4)
    return commits
