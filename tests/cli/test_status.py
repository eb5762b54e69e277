"""prefgen status (prefgen/cli/status.py)"""

import json
import shutil
import sqlite3

from tests.support.cli import prefgen_here as prefgen


def test_status_reads_the_files_alone(done):
    [row] = json.loads(prefgen("status", "runs/test", "--json", cwd=done).stdout)

    assert (row["state"], row["pairs"]) == ("complete", 3)


def test_status_of_a_run_that_was_killed_says_how_far_it_came(done, tmp_path):
    shutil.copytree(done / "runs" / "test", tmp_path / "killed")
    (tmp_path / "killed" / "manifest.json").unlink()
    with sqlite3.connect(tmp_path / "killed" / "record_store.sqlite") as db:
        db.execute("UPDATE state SET done = 0 WHERE position = 0")
    db.close()

    [row] = json.loads(prefgen("status", "killed", "--json", cwd=tmp_path).stdout)

    assert (row["state"], row["finished"], row["prompts"], row["pairs"]) == ("never stopped cleanly", 2, 3, 2)
    assert row["paid_usd"] is None
    assert "2 of 3 prompts, 2 pairs" in prefgen("status", "killed", cwd=tmp_path).stdout


def test_status_survives_a_folder_whose_manifest_is_broken(tmp_path):
    (tmp_path / "runs" / "a").mkdir(parents=True)
    (tmp_path / "runs" / "a" / "manifest.json").write_text("{")

    result = prefgen("status", cwd=tmp_path)

    assert result.returncode == 0
    assert "cannot be read" in result.stdout
