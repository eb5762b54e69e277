"""A run's manifest: what was made, by whom, at what cost, and what it rests on.
(prefgen/engine/manifest.py)
"""

import json

import pyarrow.parquet as pq

from prefgen.dataset.read_run import read_manifest, read_pairs, read_records
from tests.support.recipes import RATE, a_recipe, run
from tests.support.server import answer, by_content

PRICES = {"w": {"input": 1.5, "output": 6}, "g": {"input": 0.5, "output": 2}}


async def test_it_counts_what_the_records_and_the_server_say(tmp_path, server):
    server.script = by_content
    recipe = a_recipe(url=server.url, run={"prices": PRICES}, description="What rivers are.")

    outcome = await run(recipe, tmp_path / "out")

    manifest = read_manifest(tmp_path / "out")
    assert manifest == outcome.manifest and manifest.complete
    records = list(read_records(tmp_path / "out"))
    assert manifest.yields.prompts == len(records) == 3
    assert manifest.yields.responses == sum(len(record.responses) for record in records)
    assert manifest.yields.pairs == len(list(read_pairs(tmp_path / "out")))
    by_stage = {(row.stage, row.model): row for row in manifest.cost.by_stage}
    samples, ratings = by_stage["sample", "writer"], by_stage["judge", "grader"]
    assert (samples.requests, ratings.requests) == (6, 3)
    tokens = [sum(row.prompt_tokens for row in rows) for rows in ([samples], [ratings])]
    full = (tokens[0] * 1.5 + samples.completion_tokens * 6) / 1e6
    full += (tokens[1] * 0.5 + ratings.completion_tokens * 2) / 1e6
    assert abs(manifest.cost.full_usd - full) < 1e-12 and manifest.cost.paid_usd == manifest.cost.full_usd
    assert {served.host for served in manifest.served_by} == {"local"}
    assert sum(served.replies for served in manifest.served_by) == 9
    assert (manifest.description, manifest.judges) == ("What rivers are.", ("quality",))


async def test_the_same_from_the_journal_costs_nothing_more_and_rests_on_the_same(tmp_path, server):
    server.script = by_content
    recipe = a_recipe(url=server.url, run={"prices": PRICES})
    first = (await run(recipe, tmp_path / "out")).manifest

    again = (await run(recipe, tmp_path / "again", live=False)).manifest

    assert (again.row_digest, again.journal_digest) == (first.row_digest, first.journal_digest)
    assert again.cost.full_usd == first.cost.full_usd > 0 == again.cost.paid_usd
    assert again.stage_fingerprints == first.stage_fingerprints


async def test_what_was_lost_is_in_a_file_and_in_the_yield(tmp_path, server):
    server.script = lambda body, attempt: (
        answer(RATE if "Two?" not in str(body) else "no rating", body)
        if body["model"] == "g"
        else by_content(body, attempt)
    )

    outcome = await run(a_recipe(url=server.url), tmp_path / "out")

    [failure] = pq.read_table(tmp_path / "out" / "failures.parquet").to_pylist()
    lost = next(r for r in read_records(tmp_path / "out") if r.prompt.text == "Two?")
    assert (failure["record_id"], failure["stage"]) == (lost.id, "judge")
    assert sum(outcome.manifest.yields.failures.values()) == 1
    assert outcome.manifest.yields.prompts_by_outcome["pair"] == 2


async def test_another_recipe_in_the_folder_leaves_the_earlier_dataset_in_previous(tmp_path):
    await run(a_recipe(), tmp_path / "out")
    earlier = json.loads((tmp_path / "out" / "manifest.json").read_text())
    recipe = a_recipe()
    recipe["stages"][3]["pair"]["use"] = "best_vs_random"

    await run(recipe, tmp_path / "out")

    kept = json.loads((tmp_path / "out" / "previous" / earlier["row_digest"] / "manifest.json").read_text())
    assert kept == earlier
    assert read_manifest(tmp_path / "out").stage_fingerprints != earlier["stage_fingerprints"]
