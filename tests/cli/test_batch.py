"""What the command line says of batches: come back later, status, cancel, plan, exported files.
(prefgen/cli/batch.py)
"""

import asyncio
import json

import pytest

from tests.support.cli import prefgen
from tests.support.recipes import a_recipe


@pytest.fixture
def folder(tmp_path, provider):
    """A folder with a recipe whose models are asked by batches."""
    recipe = a_recipe(url=provider.url)
    for endpoint in recipe["run"]["endpoints"].values():
        endpoint["batch"] = True
    (tmp_path / "r.json").write_text(json.dumps(recipe))
    return tmp_path


def said(*words, folder):
    return asyncio.to_thread(prefgen, *words, cwd=folder)


async def test_a_run_says_come_back_later_and_goes_on_by_the_same_command(folder, provider):
    first = await said("run", "r.json", folder=folder)
    status = await said("status", folder=folder)
    facts = json.loads((await said("status", "--json", folder=folder)).stdout)
    second = await said("run", "r.json", folder=folder)
    third = await said("run", "r.json", folder=folder)
    after = await said("status", folder=folder)

    assert (first.returncode, second.returncode, third.returncode) == (3, 3, 0)
    assert "come back later: 6 requests of w wait in batch batch_0 (validating)" in first.stderr
    assert "`prefgen run r.json` looks again" in " ".join(first.stderr.split())
    [row] = [line for line in status.stdout.splitlines() if "batch_0" in line]
    assert {"runs/test", "batch_0", "w", "validating", "6"} <= set(row.split())
    [batch] = facts[0]["batches"]
    assert (batch["id"], batch["state"], batch["requests"], batch["ended"]) == (
        "batch_0",
        "validating",
        6,
        False,
    )
    assert batch["submitted_at"].endswith("Z")
    assert "batch_0" not in after.stdout  # complete


@pytest.mark.parametrize("what", ["r.json", "runs/test"])
async def test_batches_are_cancelled_by_recipe_or_by_run_and_what_they_answered_is_kept(
    folder, provider, what
):
    provider.finishes_at_once = False
    await said("run", "r.json", folder=folder)
    provider.batches["batch_0"].status, provider.batches["batch_0"].counts = "in_progress", (2, 0)
    cancelled = await said("batch", "cancel", what, "--json", folder=folder)
    again = await said("batch", "cancel", what, folder=folder)
    journal = await said("journal", "ls", "--json", folder=folder)

    assert json.loads(cancelled.stdout) == {"ended": ["batch_0"], "left": []}, cancelled.stderr
    assert "no batch of runs/test is under way" in again.stderr
    assert [row["replies"] for row in json.loads(journal.stdout)] == [2]


async def test_online_finishes_live(folder, provider):
    provider.finishes_at_once = False
    await said("run", "r.json", folder=folder)
    online = await said("run", "r.json", "--online", folder=folder)

    assert online.returncode == 0, online.stderr
    assert provider.batches["batch_0"].status == "cancelled"
    assert len(provider.live) == 3 + 3  # two draws a request, and a judgment
    assert not provider.bought


async def test_online_that_asks_nobody_is_refused(folder):
    result = await said("run", "r.json", "--online", "--offline", folder=folder)

    assert result.returncode == 2
    assert "--online asks" in result.stderr


async def test_a_plan_says_what_goes_to_batches_and_how_often_one_waits(folder):
    plan = await said("plan", "r.json", folder=folder)
    facts = json.loads((await said("plan", "r.json", "--json", folder=folder)).stdout)

    assert "batches: 6 of writer, 3 of grader requests go to batches" in plan.stdout
    assert "waits 2 times" in plan.stdout
    assert [line["batched"] for line in facts["lines"]] == [True, True]


async def test_a_preview_is_asked_at_once(folder, provider):
    preview = await said("preview", "r.json", "-n", "1", folder=folder)

    assert preview.returncode == 0, preview.stderr
    assert not provider.batches


def lines_of(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


async def test_exported_files_are_cut(folder):
    words = ("--export-requests", "q.jsonl", "--requests-per-file", "4")
    result = await said("run", "r.json", *words, folder=folder)

    assert "4 requests written to q.w.chat.1.jsonl" in result.stderr
    assert "2 requests written to q.w.chat.2.jsonl" in result.stderr
    assert not (folder / "q.jsonl").exists()
    assert len(lines_of(folder / "q.w.chat.1.jsonl")) == 4


async def test_what_waits_in_a_batch_is_not_exported(folder, provider):
    provider.finishes_at_once = False
    await said("run", "r.json", folder=folder)
    result = await said("run", "r.json", "--export-requests", "q.jsonl", folder=folder)

    assert "6 requests wait in batch batch_0, and are in no file" in result.stderr
    assert lines_of(folder / "q.jsonl") == []
