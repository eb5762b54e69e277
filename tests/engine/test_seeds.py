"""The seeds of a synthesizer: which texts it starts from in a round, and which examples each of them brings
along. (prefgen/engine/seeds.py)
"""

import json

import pytest

from prefgen import FromSeeds
from prefgen.dataset.read_run import read_records
from prefgen.engine.seeds import seeds_of
from prefgen.errors import RecipeError
from prefgen.stages.stage import StagePlugin
from prefgen.stages.synthesize import seed_in
from tests.support.recipes import run
from tests.support.synthesize import synthesized


def prompts_alone(folder, server):
    """A recipe that only has prompts written, by models at a server."""
    recipe = synthesized(folder=folder)
    recipe["models"] = {
        name: {"use": "openai", "name": name, "temperature": 1.0} for name in ("writer", "grader")
    }
    recipe["run"] = {"endpoints": {name: {"base_url": server.url} for name in recipe["models"]}}
    recipe["stages"] = recipe["stages"][:2]
    return recipe


async def test_a_row_more_asks_only_about_itself(tmp_path, server):
    recipe = prompts_alone(tmp_path, server)
    await run(recipe, tmp_path / "out")
    first = len(server.bodies)

    synthesized(("cats", "dogs", "fish", "birds"), folder=tmp_path)
    await run(recipe, tmp_path / "out")

    assert first == 3
    assert [b["messages"][-1]["content"] for b in server.bodies[first:]] == ["Ask about fish"]


async def test_other_examples_ask_again_only_where_they_are_shown(tmp_path):
    await run(synthesized(folder=tmp_path), tmp_path / "out")

    outcome = await run(synthesized(folder=tmp_path, shots=1, rounds=1), tmp_path / "again", live=False)

    assert outcome.complete


async def test_a_synthesizer_more_changes_no_other_ones_seeds(tmp_path, server):
    recipe = prompts_alone(tmp_path, server)
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
