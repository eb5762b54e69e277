"""A run: prompts in, segment after segment, dataset out; started again it goes on where it was.
(prefgen/engine/run.py)
"""

from prefgen.dataset.read_run import read_pairs, read_records
from tests.support.recipes import a_recipe, run, shard_bytes
from tests.support.server import by_content


async def test_a_recipe_becomes_a_dataset(tmp_path):
    outcome = await run(a_recipe(), tmp_path / "out")

    assert outcome.exit_code == 0
    pairs = list(read_pairs(tmp_path / "out"))
    assert len(pairs) == 3
    assert {p["prompt"][0]["content"] for p in pairs} == {"One?", "Two?", "Three?"}
    assert all((p["score_chosen"], p["score_rejected"], p["margin"]) == (5, 2, 3) for p in pairs)
    assert outcome.manifest.yields.prompts_by_outcome == {"pair": 3}
    assert [r.prompt.text for r in read_records(tmp_path / "out")] == ["One?", "Two?", "Three?"]


async def test_running_again_asks_nothing_and_changes_no_byte(tmp_path, server):
    server.script = by_content
    await run(a_recipe(url=server.url), tmp_path / "out")
    before, asked = shard_bytes(tmp_path / "out"), len(server.bodies)

    again = await run(a_recipe(url=server.url), tmp_path / "out")
    elsewhere = await run(a_recipe(url=server.url), tmp_path / "other")

    assert len(server.bodies) == asked
    assert shard_bytes(tmp_path / "out") == before == shard_bytes(tmp_path / "other")
    assert again.manifest.row_digest == elsewhere.manifest.row_digest


async def test_another_judge_keeps_the_samples(tmp_path, server):
    server.script = by_content
    await run(a_recipe(url=server.url), tmp_path / "out")
    sampled = len([b for b in server.bodies if b["model"] == "w"])
    recipe = a_recipe(url=server.url)
    recipe["stages"][2]["judge"]["quality"]["swap"] = True

    outcome = await run(recipe, tmp_path / "out")

    assert outcome.complete
    assert len([b for b in server.bodies if b["model"] == "w"]) == sampled
    assert len([b for b in server.bodies if b["model"] == "g"]) == 6
    assert list((tmp_path / "out" / "previous").glob("*/manifest.json"))


async def test_more_prompts_ask_only_for_themselves(tmp_path, server):
    server.script = by_content
    await run(a_recipe(url=server.url), tmp_path / "out")
    asked = len(server.bodies)

    outcome = await run(
        a_recipe(url=server.url, prompts=("One?", "Two?", "Three?", "Four?")), tmp_path / "out"
    )

    assert outcome.manifest.yields.pairs == 4
    assert len(server.bodies) == asked + 2


async def test_simulated_replies_never_reach_the_projects_journal(tmp_path):
    recipe = a_recipe()
    recipe["models"] = {
        "writer": {"use": "simulated", "temperature": 1.0},
        "grader": {"use": "simulated", "temperature": 0},
    }

    outcome = await run(recipe, tmp_path / "out")

    assert outcome.manifest.simulated
    assert not (tmp_path / "calls.sqlite").exists()
    assert all(p["chosen_model"] == "simulated/writer" for p in read_pairs(tmp_path / "out"))
