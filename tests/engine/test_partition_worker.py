"""A further process that replays partitions, spoken to as the run speaks to it.
(prefgen/engine/partition_worker.py)
"""

import json
import shutil
import subprocess
import sys
from contextlib import closing

from prefgen.dataset.unfinished_run import RECORD_STORE
from prefgen.engine.partition_store import partition_path
from prefgen.engine.partitions import FOLDER, members_of
from prefgen.engine.record_store import RecordStore
from prefgen.recipe.build import build
from prefgen.recipe.load import recipe_from_data
from tests.support.paths import ROOT
from tests.support.recipes import a_recipe, run
from tests.support.server import by_content


def spoken_to(out, recipe, journal, *lines):
    """What the process answers to the job and to `lines`."""
    pipeline = build(recipe_from_data(recipe, out.parent))
    job = {
        "path": [str(ROOT), *sys.path], "data": recipe, "folder": str(out.parent), "out": str(out),
        "journal": str(journal), "fingerprint": json.loads(json.dumps(pipeline.fingerprint)),
    }  # fmt: skip
    said = "".join(json.dumps(line) + "\n" for line in (job, *lines))
    words = [sys.executable, "-m", "prefgen.engine.partition_worker"]
    return subprocess.run(words, input=said, capture_output=True, text=True, cwd=ROOT, timeout=60)


async def test_it_replays_each_partition_that_nobody_has_claimed_into_a_store_of_its_own(tmp_path, server):
    server.script = by_content
    recipe, out = a_recipe(url=server.url, prompts=[f"Question {i}?" for i in range(40)]), tmp_path / "out"
    await run(recipe, out)
    asked = len(server.bodies)
    shutil.rmtree(out / FOLDER, ignore_errors=True)
    (out / FOLDER).mkdir()
    with closing(RecordStore(out / RECORD_STORE)) as store:
        store.clear_results(0)
        store.flush()
        members = members_of(store, 0, 4, "file")

    done = spoken_to(
        out,
        recipe,
        tmp_path / "calls.sqlite",
        {"segment": 0, "partitions": 4, "order": "file", "owner": "tester"},
    )

    assert done.returncode == 0, done.stderr
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(members) == 4
    assert sorted(answer["partition"] for answer in answers) == sorted(members)
    assert sum(answer["stages"]["pair"][0] for answer in answers) == 40
    assert sum(answer["replies"]["writer"] for answer in answers) == 80
    for answer in answers:
        with closing(RecordStore(partition_path(out / FOLDER, answer["partition"]))) as partition:
            assert set(partition.done(0)) == set(members[answer["partition"]])
    assert len(server.bodies) == asked, "it asks nobody"


async def test_a_process_that_comes_to_another_recipe_replays_nothing(tmp_path):
    recipe, out = a_recipe(), tmp_path / "out"
    await run(recipe, out)
    pipeline = build(recipe_from_data(recipe, tmp_path))
    job = {
        "path": [str(ROOT), *sys.path], "data": {**recipe, "seed": 2}, "folder": str(tmp_path),
        "out": str(out), "journal": str(tmp_path / "calls.sqlite"),
        "fingerprint": json.loads(json.dumps(pipeline.fingerprint)),
    }  # fmt: skip

    done = subprocess.run(
        [sys.executable, "-m", "prefgen.engine.partition_worker"],
        input=json.dumps(job) + "\n", capture_output=True, text=True, cwd=ROOT, timeout=60,
    )  # fmt: skip

    assert done.returncode == 1 and "same recipe" in done.stderr and not done.stdout


async def test_one_that_is_not_needed_ends_quietly(tmp_path):
    recipe, out = a_recipe(), tmp_path / "out"
    await run(recipe, out)

    done = spoken_to(out, recipe, tmp_path / "calls.sqlite")

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
