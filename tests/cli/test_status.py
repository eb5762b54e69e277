"""prefgen status (prefgen/cli/status.py)"""

import json
import re
import shutil
import sqlite3

from prefgen.engine import record_store
from prefgen.engine.record_store import RecordStore, read_progress
from tests.support.cli import prefgen_here as prefgen


def test_status_reads_the_files_alone(done):
    [row] = json.loads(prefgen("status", "runs/test", "--json", cwd=done).stdout)

    assert (row["state"], row["pairs"]) == ("complete", 3)


def test_a_folder_of_runs_means_all_of_them(done, tmp_path):
    for name in ("a", "b"):
        shutil.copytree(done / "runs" / "test", tmp_path / "mine" / name)

    rows = json.loads(prefgen("status", "mine", "--json", cwd=tmp_path).stdout)
    neither = prefgen("status", ".", cwd=tmp_path)

    assert [row["run"] for row in rows] == ["mine/a", "mine/b"]
    assert neither.returncode == 2 and "none of its folders is one" in neither.stderr


def test_status_of_a_run_that_was_killed_says_how_far_it_came(done, tmp_path):
    shutil.copytree(done / "runs" / "test", tmp_path / "killed")
    (tmp_path / "killed" / "manifest.json").unlink()
    log = tmp_path / "killed" / "log.jsonl"
    log.write_text(log.read_text().splitlines()[0])
    with sqlite3.connect(tmp_path / "killed" / "record_store.sqlite") as db:
        db.execute("UPDATE state SET done = 0 WHERE position = 0")
    db.close()

    [row] = json.loads(prefgen("status", "killed", "--json", cwd=tmp_path).stdout)

    assert (row["state"], row["finished"], row["prompts"], row["pairs"]) == ("never stopped cleanly", 2, 3, 2)
    assert row["paid_usd"] is None
    header, line = prefgen("status", "killed", cwd=tmp_path).stdout.splitlines()
    assert header.split() == ["run", "state", "last", "start", "prompts", "pairs", "lost", "paid", "models"]
    assert re.search(
        r"killed +never stopped cleanly +\d{4}-.* ago\) +2 of 3 +2 +0 +grader, writer$", line.rstrip()
    ), line


def test_status_survives_a_folder_whose_manifest_is_broken(tmp_path):
    (tmp_path / "runs" / "a").mkdir(parents=True)
    (tmp_path / "runs" / "a" / "manifest.json").write_text("{")

    result = prefgen("status", cwd=tmp_path)

    assert result.returncode == 0
    assert "cannot be read" in result.stdout


def test_status_of_a_start_that_was_killed_is_not_that_of_the_one_before(done, tmp_path):
    shutil.copytree(done / "runs" / "test", tmp_path / "killed")
    with (tmp_path / "killed" / "log.jsonl").open("a") as log:
        log.write('{"time":"2026-01-02T03:04:05Z","event":"start","recipe":"test"}\n')

    [row] = json.loads(prefgen("status", "killed", "--json", cwd=tmp_path).stdout)

    assert (row["state"], row["started_at"]) == ("never stopped cleanly", "2026-01-02T03:04:05Z")
    assert (row["failures"], row["paid_usd"], row["ended_at"]) == (0, None, None)


def test_of_a_slow_run_it_is_written_down_how_far_it_is(done, tmp_path, monkeypatch):
    """No count of records would write down the few of a slow server: a clock does."""
    shutil.copy(done / "runs" / "test" / "record_store.sqlite", tmp_path / "record_store.sqlite")
    store = RecordStore(tmp_path / "record_store.sqlite")
    with sqlite3.connect(done / "runs" / "test" / "record_store.sqlite") as db:
        [row] = db.execute("SELECT * FROM state WHERE position = 0").fetchall()
    db.close()
    store.clear_results(0)
    store.save(row)
    assert read_progress(store.path) == (3, 0, 0)
    monkeypatch.setattr(record_store, "FLUSH_SECONDS", 0.0)

    store.save(row)

    assert read_progress(store.path) == (3, 1, 1)
    store.close()
