"""The curators of a segment at work: each sees the whole set, and says which rows go and why.
(prefgen/engine/curate.py)
"""

import json

import pyarrow.parquet as pq
import pytest

from prefgen import (
    Dropped,
    curator,
)
from prefgen.errors import (
    PluginError,
)
from tests.support.pair_curators import balanced
from tests.support.recipes import a_recipe, run
from tests.support.vectors import embedder, left, thinned


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
