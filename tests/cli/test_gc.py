"""prefgen gc (prefgen/cli/gc.py)"""

import json
from pathlib import Path

import pytest

from prefgen.engine.previous import kept_datasets
from prefgen.storage.folder_lock import lock_of
from tests.support.cli import prefgen_here
from tests.support.recipes import a_recipe, run
from tests.support.terminal import prefgen_on_a_terminal


@pytest.fixture
async def kept(tmp_path):
    """The folder of a run that keeps two earlier datasets."""
    for prompts in (["One?"], ["One?", "Two?"], ["Three?"]):
        await run(a_recipe(prompts=prompts), tmp_path / "runs" / "test")
    assert len(kept_datasets(tmp_path / "runs" / "test")) == 2
    return tmp_path


def test_it_says_what_it_would_remove_and_removes_nothing_unasked(kept):
    refused = prefgen_here("gc", cwd=kept)

    assert (refused.returncode, refused.stdout) == (2, "")
    *datasets, last = refused.stderr.splitlines()
    assert [line.split(": ")[0] for line in datasets] == [
        str(dataset.path.relative_to(kept)) for dataset in kept_datasets(kept / "runs" / "test")
    ]
    assert sorted(line.split(": ")[1].split(", finished 20")[0] for line in datasets) == [
        "1 prompts, 1 pairs",
        "2 prompts, 2 pairs",
    ]
    assert last == "prefgen: gc would remove 2 earlier datasets: say --yes"
    assert len(kept_datasets(kept / "runs" / "test")) == 2


@pytest.mark.parametrize(("typed", "code", "left"), [("n\n", 1, 2), ("y\n", 0, 0)])
def test_on_a_terminal_it_asks(kept, typed, code, left):
    found, screen = prefgen_on_a_terminal("gc", "runs/test", cwd=kept, typed=typed)

    assert found == code
    assert "Remove 2 earlier datasets, 0." in screen
    assert len(kept_datasets(kept / "runs" / "test")) == left


def test_json_says_what_was_removed(kept):
    digests = [dataset.path.name for dataset in kept_datasets(kept / "runs" / "test")]

    done = prefgen_here("gc", "--yes", "--json", cwd=kept)

    found = json.loads(done.stdout)
    assert (done.returncode, done.stderr) == (0, "")
    assert [row["row_digest"] for row in found["removed"]] == digests
    assert found["bytes"] == sum(row["bytes"] for row in found["removed"]) > 0
    assert not (kept / "runs/test/previous").exists()
    assert json.loads(prefgen_here("gc", "--json", cwd=kept).stdout) == {
        "removed": [],
        "kept": [],
        "bytes": 0,
    }


def test_what_is_none_or_at_work_is_left_alone(kept):
    with lock_of(kept / "runs" / "test"):
        busy = prefgen_here("gc", "--yes", cwd=kept)
    nowhere = prefgen_here("gc", "nowhere", cwd=kept)

    assert (busy.returncode, nowhere.returncode) == (1, 2)
    assert "in use by a run that is alive" in busy.stderr
    assert "'nowhere' is no folder" in nowhere.stderr
    assert len(kept_datasets(Path("runs/test").resolve())) == 2


@pytest.mark.parametrize("present", ["stopped", "gone", "unreadable"])
def test_where_the_present_dataset_is_not_whole_the_newest_finished_one_stays(kept, present):
    older, newer = kept_datasets(kept / "runs" / "test")
    manifest = kept / "runs/test/manifest.json"
    if present == "stopped":
        manifest.write_text(json.dumps(json.loads(manifest.read_text()) | {"complete": False}))
    elif present == "gone":
        manifest.unlink()
    else:
        manifest.write_text("{")

    told = prefgen_here("gc", cwd=kept)
    done = prefgen_here("gc", "--yes", "--json", cwd=kept)
    again = prefgen_here("gc", "--yes", cwd=kept)

    assert "1 earlier dataset: say --yes" in told.stderr
    [line] = [line for line in told.stderr.splitlines() if "it stays, since the run is not complete" in line]
    assert newer.path.name in line
    found = json.loads(done.stdout)
    assert [row["row_digest"] for row in found["removed"]] == [older.path.name]
    assert [row["row_digest"] for row in found["kept"]] == [newer.path.name]
    assert [dataset.path for dataset in kept_datasets(kept / "runs" / "test")] == [newer.path]
    assert again.returncode == 0 and "no other earlier datasets are kept here" in again.stderr
