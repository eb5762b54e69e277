"""What goes into each segment of a run: the prompts that are read, the seeds of synthesizers, and what
curators leave of both. (prefgen/engine/inputs.py)
"""

import json

import pyarrow.parquet as pq
import pytest

from prefgen import (
    Dropped,
    curator,
)
from prefgen.dataset.read_run import read_pairs, read_records
from prefgen.errors import (
    NoPromptsLeft,
    PluginError,
    RecipeError,
)
from tests.support.durability import MANY
from tests.support.pair_curators import balanced
from tests.support.recipes import a_recipe, run
from tests.support.server import by_content
from tests.support.synthesize import POOLS, synthesized, texts
from tests.support.tables import curated
from tests.support.vectors import embedder, left, thinned


def curated(count, **more):
    recipe = a_recipe(prompts=MANY, **more)
    recipe["stages"].insert(1, {"curate": [{"use": "limit", "count": count}]})
    return recipe


async def test_a_changed_curator_sees_everything_again(tmp_path):
    counts = [(await run(curated(n), tmp_path / "out")).manifest.yields.prompts for n in (5, 12, 3)]

    assert counts == [5, 12, 3]


async def test_changed_rows_are_not_answered_from_the_old_ones(tmp_path, server):
    """A peer answers changed input rows from its cache of the old rows."""
    server.script = by_content
    await run(a_recipe(url=server.url, prompts=("One?", "Two?", "Three?")), tmp_path / "out")

    await run(a_recipe(url=server.url, prompts=("One?", "Deux?", "Three?")), tmp_path / "out")

    pairs = list(read_pairs(tmp_path / "out"))
    assert [p["prompt"][-1]["content"] for p in pairs] == ["One?", "Deux?", "Three?"]
    assert all(f"to {p['prompt'][-1]['content']}" in p["chosen"][0]["content"] for p in pairs)


async def test_curators_thin_between_stages_and_say_why(tmp_path):
    recipe = a_recipe(prompts=("One?", "one? ", "Two?", "Three?"))
    recipe["stages"].insert(1, {"curate": [{"use": "dedupe"}, {"use": "limit", "count": 2}]})

    outcome = await run(recipe, tmp_path / "out")

    assert outcome.manifest.yields.dropped_by_curators == {
        "prompts: dedupe: duplicate": 1,
        "prompts: limit: over the limit of 2": 1,
    }
    assert outcome.manifest.yields.pairs == 2


async def test_a_curator_may_leave_no_pair(tmp_path):
    outcome = await run(balanced(use="model_balance", share=0.5), tmp_path / "out")

    assert outcome.complete
    assert outcome.manifest.yields.prompts_by_outcome == {"model_balance": 4}
    assert set(outcome.manifest.yields.dropped_by_curators) == {"pairs: model_balance: a over b too often"}
    [*went] = pq.read_table(tmp_path / "out" / "curated.parquet").to_pylist()
    assert {row["rows"] for row in went} == {"pairs"}
    assert all("chosen: " in row["text"] for row in went)


async def test_an_empty_file_is_no_dataset(tmp_path):
    (tmp_path / "p.jsonl").write_text("\n")
    recipe = a_recipe()
    recipe["stages"][0] = {"prompts": {"use": "file", "path": "p.jsonl"}}

    with pytest.raises(RecipeError, match="prompts are empty"):
        await run(recipe, tmp_path / "out", folder=tmp_path)


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


async def test_a_fair_sample_takes_the_same_part_of_later_rounds(tmp_path):
    recipe = synthesized([f"thing {i}" for i in range(19)], folder=tmp_path, rounds=2)

    outcome = await run(recipe, tmp_path / "out", limit=5)

    assert outcome.complete
    rounds = [
        r.prompt.lineage.get("round") for r in read_records(tmp_path / "out") if r.prompt.category == "own"
    ]
    assert rounds.count(0) in (4, 5)
    assert rounds.count(1) == 5


@curator("test_fn_invents_rows")
def invents_rows(rows):
    return rows.dropping({"nobody": Dropped("x")})


async def test_a_curator_names_only_rows_that_it_was_given(tmp_path):
    recipe = a_recipe()
    recipe["stages"].insert(1, {"curate": [{"use": "test_fn_invents_rows"}]})

    with pytest.raises(PluginError, match="names the row 'nobody', which it was not given"):
        await run(recipe, tmp_path / "out")


async def test_two_curators_with_vectors_follow_each_other(tmp_path, server):
    server.script = embedder
    (tmp_path / "bench.jsonl").write_text(json.dumps({"question": "A hound?"}) + "\n")
    curate = [
        {"use": "dedupe", "method": "semantic", "model": "grader"},
        {"use": "decontaminate", "against": ["bench.jsonl"], "model": "grader", "cosine": 0.9},
        {"use": "diversify", "count": 1, "model": "grader"},
    ]

    outcome = await run(
        thinned(server.url, curate, ("My cat", "A kitten?", "Old dog", "The sea")),
        tmp_path / "out",
        folder=tmp_path,
    )

    assert outcome.complete
    assert len(left(tmp_path / "out")) == 1
    gone = outcome.manifest.yields.dropped_by_curators
    assert sum(gone.values()) == 3
    asked = [b["input"][0] for b in server.bodies if "input" in b]
    assert len(asked) == len(set(asked)) == 5  # a text is asked about once, whoever wants its vector
