"""The call journal: every reply that was ever paid for, raw, under the key of what was asked.
(prefgen/calls/journal.py)
"""

import asyncio
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from hypothesis import example, given
from hypothesis import strategies as st

from prefgen.calls.journal import Journal
from tests.support.journal import a_row
from tests.support.paths import ROOT
from tests.support.recipes import a_recipe


def test_several_runs_share_a_journal_at_once(tmp_path):
    """Four processes, one journal, four folders: each ends well, and their datasets are the same."""
    recipe = a_recipe(prompts=[f"Question {i}?" for i in range(150)])
    (tmp_path / "r.json").write_text(json.dumps(recipe))
    words = [sys.executable, "-m", "prefgen", "run", "r.json", "--json", "--journal", "calls.sqlite"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    runs = [
        subprocess.Popen(
            [*words, "--out", f"out{i}"],
            cwd=tmp_path,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        for i in range(4)
    ]

    ended = [(run.communicate(timeout=120), run.returncode) for run in runs]

    assert [code for _, code in ended] == [0] * 4, ended[0][0][1]
    assert len({json.loads(out)["row_digest"] for (out, _), _ in ended}) == 1


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
