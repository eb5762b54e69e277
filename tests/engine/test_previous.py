"""previous/ in a run's folder: the finished datasets that made room for another.
(prefgen/engine/previous.py)
"""

import json
import shutil

import pytest

from prefgen.dataset.read_run import open_run, read_pairs
from prefgen.engine import previous
from prefgen.engine.previous import kept_datasets, move_to_previous, remove_kept
from prefgen.errors import RecipeError
from tests.support.recipes import a_recipe, run, shard_bytes
from tests.support.server import by_content


def other_margin(margin):
    recipe = a_recipe()
    recipe["stages"][3]["pair"]["min_margin"] = margin
    return recipe


async def test_every_finished_dataset_is_kept_under_its_digest(tmp_path):
    out = tmp_path / "out"
    made = {}
    for prompts in (["One?"], ["One?", "Two?"], ["Three?"]):
        outcome = await run(a_recipe(prompts=prompts), out)
        made[outcome.manifest.row_digest] = (outcome.manifest, shard_bytes(out))
    *earlier, last = made

    kept = kept_datasets(out)

    assert {dataset.path.name for dataset in kept} == set(earlier) and len(kept) == 2
    for dataset in kept:
        assert (dataset.manifest, shard_bytes(dataset.path)) == made[dataset.path.name]
        files = [path for path in dataset.path.rglob("*") if path.is_file()]
        assert dataset.size == sum(path.stat().st_size for path in files)
    assert shard_bytes(out) == made[last][1]


async def test_a_run_says_where_the_earlier_dataset_is(tmp_path):
    out = tmp_path / "out"
    digest = (await run(a_recipe(prompts=["One?"]), out)).manifest.row_digest

    await run(a_recipe(prompts=["One?", "Two?"]), out)

    last = json.loads((out / "log.jsonl").read_text().splitlines()[-1])
    assert last["notices"] == [f"the dataset that was here is in {out / 'previous' / digest} now"]
    with pytest.raises(RecipeError, match=f"no manifest.json; name one of those in it: .*{digest}"):
        open_run(out / "previous")


async def test_a_dataset_outlives_a_start_that_stops_and_the_next_that_does_not(tmp_path, server):
    """More prompts in the same file, which the recipe does not show, and a budget that ends in the middle."""
    server.script = by_content
    prompts, out = tmp_path / "prompts.jsonl", tmp_path / "out"

    async def started(count, **budget):
        prompts.write_text("".join(f'{{"prompt": "Question {i}?"}}\n' for i in range(count)))
        recipe = a_recipe(url=server.url, run={**budget, "concurrency": 1})
        recipe["stages"][0] = {"prompts": {"use": "file", "path": str(prompts)}}
        return await run(recipe, out)

    first = await started(3)
    bytes_of_first = shard_bytes(out)
    stopped = await started(30, budget_tokens=300)
    whole = await started(30)

    assert (first.complete, stopped.complete, whole.complete) == (True, False, True)
    [kept] = kept_datasets(out)
    assert kept.manifest.row_digest == first.manifest.row_digest
    assert shard_bytes(kept.path) == bytes_of_first
    assert len(list(read_pairs(out))) == 30


async def test_a_smaller_part_of_a_finished_run_keeps_the_whole(tmp_path):
    await run(a_recipe(), tmp_path / "out")

    await run(a_recipe(), tmp_path / "out", limit=1)

    [kept] = kept_datasets(tmp_path / "out")
    assert (kept.manifest.complete, kept.manifest.yields.prompts) == (True, 3)
    assert list((kept.path / "pairs").glob("*.parquet"))


async def test_a_run_that_comes_to_the_same_moves_nothing(tmp_path):
    await run(a_recipe(), tmp_path / "out")
    shutil.rmtree(tmp_path / "out" / "records")  # written anew, the same

    outcome = await run(a_recipe(), tmp_path / "out")

    assert outcome.complete
    assert kept_datasets(tmp_path / "out") == []


async def test_rows_that_are_asked_for_again_do_not_take_the_place_of_the_finished_ones(tmp_path):
    """Under the same recipe: what `prefgen retry` marks makes other rows."""
    out = tmp_path / "out"
    before = (await run(a_recipe(), out)).manifest
    [one, *_] = sorted(row[0] for row in _records(out))
    (out / "attempts.json").write_text(json.dumps({"keys": _keys(out, one), "records": [one]}))

    after = (await run(a_recipe(), out)).manifest

    assert after.row_digest != before.row_digest
    assert [dataset.path.name for dataset in kept_datasets(out)] == [before.row_digest]


def _records(out):
    import pyarrow.parquet as pq

    return [(row["id"],) for path in (out / "records").glob("*") for row in pq.read_table(path).to_pylist()]


def _keys(out, record):
    """Of every ask about a record: its number becomes 1."""
    from prefgen.calls.journal import Journal

    journal = Journal(out.parent / "calls.sqlite")
    keys = [key.hex() for (key,) in journal.query("SELECT key FROM replies WHERE record = ?", (record,))]
    journal.close()
    return dict.fromkeys(keys, 1)


async def test_a_move_that_is_broken_off_goes_on(tmp_path, monkeypatch):
    """Nothing that was moved is lost, and the manifest goes last: without it nothing is finished."""
    out = tmp_path / "out"
    digest = (await run(a_recipe(), out)).manifest.row_digest
    whole = {path.relative_to(out): path.read_bytes() for path in out.glob("*/*.parquet")}
    names = previous.OUTPUT
    for moved in range(1, len(names)):
        monkeypatch.setattr(previous, "OUTPUT", names[:moved])
        move_to_previous(out)  # as far as it came
        monkeypatch.setattr(previous, "OUTPUT", names)
        assert (out / "manifest.json").is_file()

    kept = move_to_previous(out)

    assert kept.name == digest
    assert {path.relative_to(kept): path.read_bytes() for path in kept.glob("*/*.parquet")} == whole
    assert not (out / "manifest.json").exists()


async def test_the_one_dataset_that_earlier_versions_kept_gets_its_digest(tmp_path):
    out = tmp_path / "out"
    first = (await run(a_recipe(), out)).manifest.row_digest
    kept = move_to_previous(out)
    for path in list(kept.iterdir()):  # previous/manifest.json, previous/pairs ...
        path.rename(out / "previous" / path.name)
    kept.rmdir()
    assert [dataset.path.name for dataset in kept_datasets(out)] == ["previous"]
    second = (await run(other_margin(4), out)).manifest.row_digest

    move_to_previous(out)

    assert {dataset.path.name for dataset in kept_datasets(out)} == {first, second}


@pytest.mark.parametrize("damaged", [False, True])
async def test_what_is_removed_leaves_nothing(tmp_path, damaged):
    out = tmp_path / "out"
    await run(a_recipe(), out)
    kept = move_to_previous(out)
    if damaged:
        (kept / "manifest.json").write_text("{")

    [dataset] = kept_datasets(out)
    remove_kept(dataset)

    assert (dataset.manifest is None) == damaged
    assert not (out / "previous").exists()
