"""The tables of a journal, and what is none. (prefgen/calls/journal_tables.py)"""

import sqlite3

import pytest

from prefgen.calls.journal import Journal
from prefgen.errors import JournalError
from tests.support.cli import prefgen


def test_what_is_no_journal_is_left_alone(done, tmp_path):
    prompts = tmp_path / "prompts.jsonl"
    prompts.write_text('{"prompt": "Why?"}\n' * 50)

    for words in (
        ("run", done / "r.json", "--out", tmp_path / "out"),
        ("cache", "verify", "--repair"),
        ("cache", "ls"),
    ):
        refused = prefgen(*words, "--journal", prompts, cwd=tmp_path)
        assert (refused.returncode, "is no journal" in refused.stderr) == (1, True), refused.stderr
        assert "--repair" not in refused.stderr

    assert list(tmp_path.glob("prompts*")) == [prompts]
    assert prompts.read_text().count("Why?") == 50


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
