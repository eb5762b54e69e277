"""A segment: every record goes through all stages between two curators on its own; there is no barrier
between stages. (prefgen/engine/segment.py)
"""

import pytest

from prefgen import (
    Prompt,
    Seed,
    synthesizer,
)
from prefgen.dataset.read_run import read_pairs
from tests.support.asking import InATaskGroup  # noqa: F401 - registers a judge
from tests.support.durability import MANY
from tests.support.recipes import a_recipe, run, shard_bytes
from tests.support.server import answer, by_content
from tests.support.synthesize import synthesized


async def test_after_a_lost_row_every_prompt_keeps_its_own_answers(tmp_path, server):
    """A public script joins by position: after one dropped row, every later prompt has the next one's
    answers.
    """
    server.script = lambda body, attempt: (
        answer("", body, finish_reason="length")
        if body["model"] == "w" and "number 3 " in str(body)
        else by_content(body, attempt)
    )

    await run(a_recipe(url=server.url, prompts=MANY), tmp_path / "out")

    pairs = list(read_pairs(tmp_path / "out"))
    assert len(pairs) == 24
    assert all(
        p["prompt"][0]["content"][:20] in p[side][0]["content"]
        for p in pairs
        for side in ("chosen", "rejected")
    )


@pytest.mark.parametrize("window", [1, 2, 50])
async def test_the_window_and_the_order_change_no_byte(tmp_path, server, window):
    server.script = by_content
    prompts = [f"Question {i}?" for i in range(30)]
    await run(a_recipe(url=server.url, prompts=prompts), tmp_path / "a")

    await run(
        a_recipe(
            url=server.url,
            prompts=prompts,
            run={"max_records_in_flight": window, "order": "file", "concurrency": 2},
        ),
        tmp_path / "b",
        journal=tmp_path / "b.sqlite",
    )

    assert shard_bytes(tmp_path / "a") == shard_bytes(tmp_path / "b")


async def test_the_same_again_asks_nothing_and_gives_the_same_bytes_whatever_the_window(tmp_path):
    recipe = synthesized(folder=tmp_path, rounds=2)
    await run(recipe, tmp_path / "out")
    before = shard_bytes(tmp_path / "out")

    again = await run({**recipe, "run": {"max_records_in_flight": 1}}, tmp_path / "again", live=False)

    assert again.complete
    assert shard_bytes(tmp_path / "again") == before


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
