"""How many prompts are wanted of a synthesizer, in all and by category, and how many of them are there.
(prefgen/engine/targets.py)
"""

import json

import pytest

from prefgen.api.run import options_of
from prefgen.dataset.read_run import read_records
from prefgen.engine.progress import Progress
from prefgen.engine.run import Runner
from prefgen.recipe.build import build
from prefgen.recipe.load import recipe_from_data
from tests.support.recipes import a_recipe, run
from tests.support.synthesize import synthesized, texts


@pytest.mark.parametrize("curate", [True, False])
async def test_a_target_ends_the_rounds_and_is_met_exactly(tmp_path, curate):
    recipe = synthesized(folder=tmp_path, rounds=9, target=6, curate=curate)

    outcome = await run(recipe, tmp_path / "out")

    found = [r.prompt for r in read_records(tmp_path / "out") if r.prompt.origin == "synthesized"]
    assert outcome.complete
    assert len(found) == 6
    assert max(p.lineage["round"] for p in found) == (1 if curate else 0)
    gone = outcome.manifest.yields.dropped_by_curators
    assert gone.get("prompts: made: over the target of 6", 0) == (2 if curate else 0)


async def test_a_target_that_is_missed_is_said(tmp_path):
    progress = Progress()
    pipeline = build(recipe_from_data(synthesized(folder=tmp_path, rounds=2, target=50), tmp_path))

    await Runner(pipeline, options_of(pipeline, tmp_path / "out", tmp_path / "calls.sqlite"), progress).run()

    assert any(line.startswith("made: 8 of 50 prompts after 2 rounds") for line in progress.stats.notices)


async def test_quotas_by_category_end_a_categorys_rounds_and_what_falls_short_is_said(tmp_path):
    progress = Progress()
    quotas = {"own": 5, "rare": 2}
    recipe = synthesized(folder=tmp_path, rounds=3, curate=False)
    recipe["stages"][0]["prompts"]["made"]["quotas"] = quotas

    outcome = await run(recipe, tmp_path / "out", progress=progress)

    categories = [
        r.prompt.category for r in read_records(tmp_path / "out") if r.prompt.origin == "synthesized"
    ]
    assert categories.count("own") == 5
    assert any("no prompt is of category 'rare'" in line for line in progress.stats.notices)
    assert any(
        "over the quota of 5 of category own" in reason
        for reason in outcome.manifest.yields.dropped_by_curators
    )


async def test_a_category_that_has_enough_gets_no_more_seeds(tmp_path, server):
    (tmp_path / "seeds.jsonl").write_text(
        "".join(
            json.dumps({"text": f"{name} {i}", "category": name}) + "\n"
            for name in ("math", "code")
            for i in range(2)
        )
    )
    server.script = lambda body, seen: json.dumps({"prompts": [f"New {hash(str(body))}?"]})
    recipe = a_recipe(url=server.url)
    made = {
        "use": "few_shot",
        "model": "writer",
        "seeds": "seeds.jsonl",
        "shots": 0,
        "rounds": 3,
        "quotas": {"math": 2, "code": 4},
    }
    recipe["stages"] = [{"prompts": {"made": made}}, recipe["stages"][1]]

    await run(recipe, tmp_path / "out", folder=tmp_path)

    asked = [json.dumps(body) for body in server.bodies if "prompts" in json.dumps(body)]
    assert sum("math" in body for body in asked) == 2
    assert sum("code" in body for body in asked) == 4


@pytest.mark.parametrize("rows", [["cats"], ["cats"] * 12], ids=["one line", "one line again and again"])
async def test_seeds_that_say_one_thing_end_and_give_what_they_can(tmp_path, rows):
    progress = Progress()

    outcome = await run(
        synthesized(rows, folder=tmp_path, rounds=3, target=20), tmp_path / "out", progress=progress
    )

    assert outcome.complete
    said = any("of 20 prompts after 3 rounds" in line for line in progress.stats.notices)
    assert said == (outcome.manifest.yields.prompts < 21)  # with the one that was given
    assert len(texts(tmp_path / "out")) == len(set(texts(tmp_path / "out")))


async def test_a_model_that_always_says_the_same_ends_too(tmp_path, server):
    server.script = lambda body, seen: json.dumps({"prompts": ["Why is the sky blue?"]})
    (tmp_path / "seeds.jsonl").write_text(
        "".join(json.dumps({"prompt": f"Seed {i}?"}) + "\n" for i in range(4))
    )
    recipe = a_recipe(url=server.url)
    made = {"use": "few_shot", "model": "writer", "seeds": "seeds.jsonl", "rounds": 3, "target": 10}
    recipe["stages"] = [{"prompts": {"made": made}}, {"curate": [{"use": "dedupe"}]}, recipe["stages"][1]]
    progress = Progress()

    outcome = await run(recipe, tmp_path / "out", folder=tmp_path, progress=progress)

    assert outcome.complete
    assert texts(tmp_path / "out") == ["Why is the sky blue?"]
    assert any("made: 1 of 10 prompts after 3 rounds" in line for line in progress.stats.notices)
