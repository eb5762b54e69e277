"""Prompts that are written: seeds, rounds over a growing pool, and what becomes of a seed that fails."""

import json

import pytest

from prefgen import Dropped, FromSeeds, Prompt, Seed, curator, synthesizer
from prefgen.api import options_of
from prefgen.dataset.read_run import read_records
from prefgen.engine.plan import make_plan
from prefgen.engine.progress import Progress
from prefgen.engine.run import Runner
from prefgen.engine.seeds import seeds_of
from prefgen.errors import NoPromptsLeft, PluginError, RecipeError, UnreadableReply
from prefgen.plugins.plugin import Plugin
from prefgen.recipe.build import build
from prefgen.recipe.load import recipe_from_data
from prefgen.stages.stage import StagePlugin
from prefgen.stages.synthesize import seed_in
from tests.support.recipes import a_recipe, run, shard_bytes

POOLS: dict[int, list] = {}


@synthesizer("test_fn_vary")
async def vary(seed: Seed, ask, pool, *, model: str):
    """Two prompts a seed: one that every seed of a round writes alike, and one of its own."""
    POOLS[seed.round] = pool.column("text")
    said = await ask(model, f"Ask about {seed.text}")
    if "refuses" in (seed.text or ""):
        raise UnreadableReply("cannot be read")
    return [
        Prompt.of(f"Common question {seed.round}?"),
        Prompt.of(f"{seed.text}, {said.text}?", category="own"),
    ]


def synthesized(rows=("cats", "dogs", "birds"), *, curate=True, folder, **fields):
    (folder / "seeds.jsonl").write_text("".join(json.dumps({"prompt": row}) + "\n" for row in rows))
    recipe = a_recipe()
    recipe["stages"][0] = {
        "prompts": {
            "given": {"use": "inline", "prompts": ["Given?"]},
            "made": {"use": "test_fn_vary", "model": "writer", "seeds": "seeds.jsonl", **fields},
        }
    }
    if curate:
        recipe["stages"].insert(1, {"curate": [{"use": "dedupe"}]})
    return recipe


def texts(out):
    return [record.prompt.text for record in read_records(out)]


async def test_what_is_written_becomes_records_of_its_own_that_say_where_they_come_from(tmp_path):
    outcome = await run(synthesized(folder=tmp_path), tmp_path / "out")

    assert outcome.complete
    found = list(read_records(tmp_path / "out"))
    assert [r.prompt.text for r in found].count("Common question 0?") == 1  # the curator saw all three
    assert len(found) == 1 + 1 + 3
    assert found[0].prompt.text == "Given?"
    own = [r.prompt for r in found if r.prompt.category == "own"]
    assert {p.text.partition(",")[0] for p in own} == {"cats", "dogs", "birds"}
    assert {(p.origin, p.source, p.lineage["synthesizer"], p.lineage["round"]) for p in own} == {
        ("synthesized", "made", "made", 0)
    }
    assert all(len(r.responses) == 2 for r in found)
    assert all(seed_in(r) is None for r in found)


async def test_each_round_sees_what_the_curators_left_of_those_before(tmp_path):
    POOLS.clear()

    outcome = await run(synthesized(folder=tmp_path, rounds=3), tmp_path / "out")

    assert outcome.complete
    assert POOLS[0] == ["Given?"]
    assert len(POOLS[1]) == 1 + 1 + 3
    assert len(POOLS[2]) == 1 + 2 + 6
    assert len(texts(tmp_path / "out")) == 1 + 3 + 9
    assert outcome.manifest.prompts["prompts"] == 13
    assert 0 < outcome.manifest.prompts["vendi"] <= 13
    assert texts(tmp_path / "out")[0] == "Given?"


async def test_the_same_again_asks_nothing_and_gives_the_same_bytes_whatever_the_window(tmp_path):
    recipe = synthesized(folder=tmp_path, rounds=2)
    await run(recipe, tmp_path / "out")
    before = shard_bytes(tmp_path / "out")

    again = await run({**recipe, "run": {"max_records_in_flight": 1}}, tmp_path / "again", live=False)

    assert again.complete
    assert shard_bytes(tmp_path / "again") == before


async def test_a_row_more_asks_only_about_itself(tmp_path, server):
    recipe = synthesized(folder=tmp_path)
    recipe["models"] = {
        name: {"use": "openai", "name": name, "temperature": 1.0} for name in ("writer", "grader")
    }
    recipe["run"] = {"endpoints": {name: {"base_url": server.url} for name in recipe["models"]}}
    recipe["stages"] = recipe["stages"][:2]
    await run(recipe, tmp_path / "out")
    first = len(server.bodies)

    synthesized(("cats", "dogs", "fish", "birds"), folder=tmp_path)
    await run(recipe, tmp_path / "out")

    assert first == 3
    assert [b["messages"][-1]["content"] for b in server.bodies[first:]] == ["Ask about fish"]


async def test_a_seed_that_fails_is_on_the_ledger_and_costs_the_others_nothing(tmp_path):
    outcome = await run(synthesized(("cats", "refuses"), folder=tmp_path), tmp_path / "out")

    assert outcome.complete
    assert len(texts(tmp_path / "out")) == 1 + 1 + 1
    assert outcome.manifest.yields.failures


async def test_when_every_seed_fails_the_run_stops_and_says_so_again(tmp_path):
    recipe = synthesized(("refuses",), folder=tmp_path, curate=False)
    recipe["stages"][0]["prompts"].pop("given")

    for _ in range(2):
        outcome = await run(recipe, tmp_path / "out")

        assert isinstance(outcome.stopped, NoPromptsLeft)
        assert "no prompt was written from 1 seeds; 1 failed, for example: cannot be read" in str(
            outcome.stopped
        )
        assert not outcome.manifest.complete
        assert outcome.manifest.yields.failures


async def test_curators_that_drop_everything_stop_the_run_and_keep_what_was_there(tmp_path):
    recipe = a_recipe()
    await run(recipe, tmp_path / "out")
    recipe["stages"].insert(1, {"curate": [{"use": "test_fn_drops_all"}]})

    outcome = await run(recipe, tmp_path / "out")

    assert outcome.exit_code == 1
    assert "dropped all 3 prompts" in str(outcome.stopped)


@curator("test_fn_drops_all")
def drops_all(rows):
    return rows.dropping({i: Dropped("all go") for i in rows.ids()})


@synthesizer("test_fn_pooled")
async def pooled(seed: Seed, ask, pool, *, model: str):
    """Asks something that depends on the pool."""
    said = await ask(model, f"Beside {pool.rows.num_rows} others, ask about {seed.text}")
    return [Prompt.of(f"{seed.text}: {said.text}?")]


async def test_another_pool_asks_anew_without_being_told(tmp_path):
    (tmp_path / "seeds.jsonl").write_text('{"prompt": "cats"}\n{"prompt": "dogs"}\n')
    recipe = a_recipe()
    made = {"use": "test_fn_pooled", "model": "writer", "seeds": "seeds.jsonl"}
    recipe["stages"][0] = {"prompts": {"given": {"use": "inline", "prompts": ["A?"]}, "made": made}}
    await run(recipe, tmp_path / "out")
    recipe["stages"][0]["prompts"]["given"]["prompts"] = ["A?", "B?"]

    outcome = await run(recipe, tmp_path / "out")

    assert outcome.complete
    assert (await run(recipe, tmp_path / "again", live=False)).complete


async def test_other_examples_ask_again_only_where_they_are_shown(tmp_path):
    await run(synthesized(folder=tmp_path), tmp_path / "out")

    outcome = await run(synthesized(folder=tmp_path, shots=1, rounds=1), tmp_path / "again", live=False)

    assert outcome.complete


async def test_without_a_curator_equal_prompts_are_told_apart(tmp_path):
    await run(synthesized(folder=tmp_path, curate=False), tmp_path / "out")

    found = list(read_records(tmp_path / "out"))
    assert [r.prompt.text for r in found].count("Common question 0?") == 3
    assert len({r.id for r in found}) == 1 + 6


async def test_a_plan_counts_the_seeds_and_what_follows(tmp_path):
    recipe = synthesized(folder=tmp_path, curate=False)
    pipeline = build(recipe_from_data(recipe, tmp_path))

    plan = await make_plan(
        pipeline, options_of(pipeline, tmp_path / "out", tmp_path / "calls.sqlite"), sample=99
    )

    assert {(line.stage, line.model): line.requests for line in plan.lines} == {
        ("prompts", "writer"): 3, ("sample", "writer"): 14, ("judge", "grader"): 7,
    }  # fmt: skip


async def test_a_fair_sample_takes_the_same_part_of_later_rounds(tmp_path):
    recipe = synthesized([f"thing {i}" for i in range(19)], folder=tmp_path, rounds=2)

    outcome = await run(recipe, tmp_path / "out", limit=5)

    assert outcome.complete
    rounds = [
        r.prompt.lineage.get("round") for r in read_records(tmp_path / "out") if r.prompt.category == "own"
    ]
    assert rounds.count(0) in (4, 5)
    assert rounds.count(1) == 5


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


async def test_equal_prompts_of_several_rounds_each_have_an_id_of_their_own(tmp_path):
    await run(synthesized(folder=tmp_path, rounds=3, curate=False), tmp_path / "out")

    found = list(read_records(tmp_path / "out"))
    assert len({r.id for r in found}) == len(found) == 1 + 3 * 6


async def test_a_synthesizer_more_changes_no_other_ones_seeds(tmp_path, server):
    recipe = synthesized(folder=tmp_path)
    recipe["models"] = {
        name: {"use": "openai", "name": name, "temperature": 1.0} for name in ("writer", "grader")
    }
    recipe["run"] = {"endpoints": {name: {"base_url": server.url} for name in recipe["models"]}}
    recipe["stages"] = recipe["stages"][:2]
    await run(recipe, tmp_path / "out")
    first = len(server.bodies)
    made = recipe["stages"][0]["prompts"]["made"]
    recipe["stages"][0]["prompts"] = {"another": made, "made": made}

    await run(recipe, tmp_path / "again")

    assert len(server.bodies) == 2 * first


async def test_a_license_of_the_seeds_stays_with_what_is_written_from_them(tmp_path):
    recipe = synthesized(folder=tmp_path, curate=False)
    (tmp_path / "seeds.jsonl").write_text('{"prompt": "cats", "license": "CC-BY-4.0"}\n')

    await run(recipe, tmp_path / "out")

    assert {r.prompt.license for r in read_records(tmp_path / "out") if r.prompt.origin == "synthesized"} == {
        "CC-BY-4.0"
    }


@curator("test_fn_invents_rows")
def invents_rows(rows):
    return rows.dropping({"nobody": Dropped("x")})


async def test_a_curator_names_only_rows_that_it_was_given(tmp_path):
    recipe = a_recipe()
    recipe["stages"].insert(1, {"curate": [{"use": "test_fn_invents_rows"}]})

    with pytest.raises(PluginError, match="names the row 'nobody', which it was not given"):
        await run(recipe, tmp_path / "out")


class Drawn(FromSeeds):
    pass


def seeds(folder, rows, round_number=0, **fields):
    (folder / "s.jsonl").write_text(
        "".join(json.dumps({"prompt": row, "category": "c"}) + "\n" for row in rows)
    )
    made = [
        seed_in(r)
        for r in seeds_of(StagePlugin("made", Drawn(seeds="s.jsonl", **fields)), folder, round_number)
    ]
    return [s for s in made if s]


def test_seeds_go_through_all_rows_before_one_comes_again(tmp_path):
    rows = [f"row {i}" for i in range(7)]

    drawn = seeds(tmp_path, rows, count=5) + seeds(tmp_path, rows, 1, count=5)

    assert sorted(s.text for s in drawn[:7]) == sorted(rows)
    assert len({s.id for s in drawn}) == 10
    assert drawn[0].metadata == {"category": "c"}


def test_examples_are_others_and_a_row_more_moves_only_few_of_them(tmp_path):
    rows = [f"row {i}" for i in range(60)]

    before = {s.text: s.shots for s in seeds(tmp_path, rows, shots=4)}
    after = {s.text: s.shots for s in seeds(tmp_path, [*rows, "one more"], shots=4)}

    assert all(len(set(shots)) == 4 and text not in shots for text, shots in before.items())
    assert len({tuple(s) for s in before.values()}) > 50
    assert sum(before[text] != after[text] for text in before) < 20
    assert len(seeds(tmp_path, rows[:3], shots=9)[0].shots) == 2


def test_an_empty_file_of_seeds_is_named(tmp_path):
    with pytest.raises(RecipeError, match="empty"):
        seeds(tmp_path, [])


def test_a_synthesizer_class_has_the_fields_of_seeds():
    from prefgen.errors import PluginError

    with pytest.raises(PluginError, match="FromSeeds"):
        synthesizer("test_not_from_seeds")(type("Bare", (Plugin,), {}))


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
