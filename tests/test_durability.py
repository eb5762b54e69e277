"""What a kill, a deleted cache or a changed recipe must never do: each was a way to lose rows silently."""

import asyncio
import json
import shutil
import sys
import time

import pytest
from aiohttp import web

from prefgen import Plugin, Prompt, Response, Score, judge, sampler
from prefgen.dataset.read_run import read_pairs
from prefgen.engine import shards
from prefgen.engine.record_store import RecordStore
from prefgen.errors import FatalEndpoint, PluginError
from prefgen.types import Record
from tests.support.paths import ROOT
from tests.support.recipes import a_recipe, run, shard_bytes
from tests.support.server import answer, by_content

MANY = [f"Question number {i} of many?" for i in range(25)]


def curated(count, **more):
    recipe = a_recipe(prompts=MANY, **more)
    recipe["stages"].insert(1, {"curate": [{"use": "limit", "count": count}]})
    return recipe


def two_segments(second=20, **more):
    recipe = a_recipe(prompts=MANY, **more)
    recipe["stages"].insert(3, {"curate": [{"use": "limit", "count": second}]})
    return recipe


async def test_a_changed_curator_sees_everything_again(tmp_path):
    counts = [(await run(curated(n), tmp_path / "out")).manifest.yields.prompts for n in (5, 12, 3)]

    assert counts == [5, 12, 3]


def test_input_is_stored_whole_or_not_at_all(tmp_path):
    store = RecordStore(tmp_path / "record_store.sqlite")

    def breaks():
        for i in range(500):
            yield Record(prompt=Prompt.of(f"Prompt {i}"))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store.store_inputs(0, breaks(), lambda: ("prompts", "x"))

    assert store.input_ids(0) == []
    assert store.meta("prompts") is None
    store.close()


async def test_a_later_segment_is_filled_again_when_the_first_is_made_again(tmp_path, server):
    server.script = by_content
    await run(two_segments(url=server.url), tmp_path / "out")
    recipe = two_segments(url=server.url)
    recipe["stages"][2]["judge"]["quality"]["low"] = 1.5

    outcome = await run(recipe, tmp_path / "out")

    assert outcome.manifest.yields.pairs == 20


async def test_failures_of_every_segment_are_on_the_ledger(tmp_path, server):
    server.script = lambda body, attempt: (
        "no"
        if body["model"] == "g" and any(f"number {i} " in str(body) for i in range(3))
        else by_content(body, attempt)
    )

    outcome = await run(two_segments(25, url=server.url), tmp_path / "out")

    assert outcome.manifest.yields.failures == {"judge: no_rating": 3}
    assert outcome.manifest.yields.prompts_by_outcome["failed: no_rating"] == 3


@pytest.mark.parametrize(
    "damage", ["one shard", "pairs", "records", "record store", "partial left", "half in place"]
)
async def test_whatever_is_deleted_comes_back(tmp_path, monkeypatch, damage):
    monkeypatch.setattr(shards, "RECORDS_A_SHARD", 10)
    recipe = a_recipe(prompts=MANY)
    out = tmp_path / "out"
    await run(recipe, out)
    before = shard_bytes(out)
    assert len(before) == 6
    if damage == "one shard":
        (out / "records" / "00001.parquet").unlink()
    elif damage == "partial left":
        (out / "partial").mkdir()
    elif damage == "half in place":
        (out / "partial").mkdir()
        shutil.move(out / "pairs", out / "partial" / "pairs")
        manifest = json.loads((out / "manifest.json").read_text())
        (out / "manifest.json").write_text(json.dumps({**manifest, "complete": False}))
    elif damage == "record store":
        for path in out.glob("record_store.sqlite*"):
            path.unlink()
    else:
        shutil.rmtree(out / damage)

    outcome = await run(recipe, out)

    assert outcome.complete
    assert shard_bytes(out) == before
    assert not (out / "partial").exists()


async def test_a_record_store_that_is_damaged_inside_is_made_anew(tmp_path):
    recipe = a_recipe(prompts=MANY)
    await run(recipe, tmp_path / "out")
    before, path = shard_bytes(tmp_path / "out"), tmp_path / "out" / "record_store.sqlite"
    for offset in (5_000, 20_000):
        whole = bytearray(path.read_bytes())
        whole[offset : offset + 3_000] = b"\xa5" * 3_000
        path.write_bytes(bytes(whole))
        shutil.rmtree(tmp_path / "out" / "records")

        outcome = await run(recipe, tmp_path / "out")

        assert outcome.complete
        assert shard_bytes(tmp_path / "out") == before


async def test_what_was_spent_outlives_the_record_store(tmp_path, server):
    server.script = by_content
    prices = {"w": {"input": 100, "output": 1000}, "g": {"input": 100, "output": 1000}}
    first = await run(a_recipe(url=server.url, run={"prices": prices}), tmp_path / "out")
    for path in (tmp_path / "out").glob("record_store.sqlite*"):
        path.unlink()

    second = await run(a_recipe(url=server.url, run={"prices": prices}), tmp_path / "out")

    assert first.manifest.cost.paid_usd > 0
    assert second.manifest.cost == first.manifest.cost


@sampler("test_cancels_itself")
class CancelsItself(Plugin):
    async def sample(self, prompt, ask):
        task = asyncio.create_task(asyncio.sleep(9))
        task.cancel()
        await task
        return [Response.of(prompt, "never")]


async def test_a_plug_in_that_cancels_itself_is_a_bug_and_not_a_lost_row(tmp_path):
    recipe = a_recipe()
    recipe["stages"][1] = {"sample": {"use": "test_cancels_itself"}}

    outcome = await run(recipe, tmp_path / "out")

    assert isinstance(outcome.stopped, PluginError)
    assert not outcome.complete


@pytest.mark.parametrize(
    "odd",
    [
        {"choices": [{"message": "hi"}]},
        {"choices": [{"message": {"content": "x"}, "finish_reason": 7}]},
        {"choices": [{"message": {"content": "x"}}], "usage": {"prompt_tokens": "many"}},
        {"choices": [{"message": {"content": "x"}}], "usage": {"prompt_tokens": 2**63 + 5}},
    ],
)
async def test_an_answer_of_an_odd_shape_never_hangs_the_run(tmp_path, server, odd):
    server.script = lambda body, attempt: (
        odd if body["model"] == "w" and "Two?" in str(body) else by_content(body, attempt)
    )

    outcome = await asyncio.wait_for(run(a_recipe(url=server.url), tmp_path / "out"), 60)

    assert outcome.stopped is None and outcome.complete
    assert outcome.manifest.yields.prompts_by_outcome == {"pair": 2, "failed: malformed_reply": 1}
    assert {pair["prompt"][-1]["content"] for pair in read_pairs(tmp_path / "out")} == {"One?", "Three?"}


async def test_a_server_that_does_not_know_n_by_400_is_asked_without(tmp_path, server):
    def script(body, attempt):
        if body.get("n"):
            return web.json_response(
                {"error": {"message": "n is not supported", "code": "unsupported_parameter"}}, status=400
            )
        return by_content(body, attempt)

    server.script = script
    outcome = await run(a_recipe(url=server.url, prompts=MANY), tmp_path / "out")

    assert outcome.complete
    assert outcome.manifest.yields.pairs == 25


@pytest.mark.parametrize("prompts", [3, 25])
async def test_refusals_that_are_the_recipes_fault_are_not_final(tmp_path, server, prompts):
    server.script = lambda body, attempt: web.json_response(
        {"error": {"message": "no such field", "code": "bad"}}, status=400
    )
    recipe = a_recipe(url=server.url, prompts=MANY[:prompts])

    refused = await run(recipe, tmp_path / "out")
    server.script = by_content
    mended = await run(recipe, tmp_path / "out")

    assert isinstance(refused.stopped, FatalEndpoint)
    assert mended.complete
    assert mended.manifest.yields.pairs == prompts


async def test_an_interrupt_does_not_wait_for_retry_after(tmp_path, server):
    from prefgen.api import options_of
    from prefgen.engine.run import Runner
    from prefgen.recipe.build import build
    from prefgen.recipe.load import recipe_from_data

    server.script = lambda body, attempt: web.json_response({}, status=429, headers={"Retry-After": "50"})
    pipeline = build(recipe_from_data(a_recipe(url=server.url), tmp_path))
    runner = Runner(pipeline, options_of(pipeline, tmp_path / "out", tmp_path / "j.sqlite"))
    task = asyncio.create_task(runner.run())
    await asyncio.sleep(1)
    started = time.monotonic()
    runner.interrupt()
    outcome = await task

    assert time.monotonic() - started < 3
    assert outcome.exit_code == 130


async def test_an_idle_time_is_no_outage(tmp_path, server):
    failed = []

    def script(body, attempt):
        if body["model"] == "g" and not failed:
            failed.append(1)
            return web.json_response({}, status=500)
        return by_content(body, attempt)

    async def slow(body, attempt):
        await asyncio.sleep(1.0 if body["model"] == "w" else 0)
        said = script(body, attempt)
        return (
            said
            if isinstance(said, web.StreamResponse)
            else web.json_response(said if isinstance(said, dict) else answer(said, body))
        )

    server.script = lambda body, attempt: slow(body, attempt)
    outcome = await run(a_recipe(url=server.url, run={"server_down_after": 0.4}), tmp_path / "out")

    assert outcome.complete


async def test_another_seed_draws_anew_and_is_no_surprise(tmp_path, server):
    server.script = by_content
    await run(a_recipe(url=server.url), tmp_path / "out")
    first, server.bodies = server.bodies, []

    outcome = await run(a_recipe(url=server.url, seed=2), tmp_path / "other")

    seeds = [{body["seed"] for body in bodies if body["model"] == "w"} for bodies in (first, server.bodies)]
    assert outcome.complete
    assert len(seeds[0]) == len(seeds[1]) == 3 and not seeds[0] & seeds[1]


def test_a_hung_plain_plug_in_does_not_hold_up_the_end_of_the_process(tmp_path):
    import subprocess

    code = """
import asyncio, time
from prefgen.kit.call_method import call_method
async def main():
    try:
        await asyncio.wait_for(call_method(lambda: time.sleep(30)), 0.3)
    except TimeoutError:
        print("ended")
asyncio.run(main())
"""
    started = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=20,
        check=False,
    )

    assert done.stdout == "ended\n", done.stderr
    assert time.monotonic() - started < 10


@judge("test_plain_and_slow")
def plain_and_slow(responses):
    """Not a coroutine: runs in a thread of its own."""
    time.sleep(0.4)
    return [
        Score(response_id=response.id, aspect="a", value=float(i + 1), scale=(1, 5))
        for i, response in enumerate(responses)
    ]


async def test_many_slow_plain_plug_ins_do_not_time_each_other_out(tmp_path):
    """All together take ten times as long as one may."""
    recipe = a_recipe(prompts=MANY, run={"plugin_timeout": 1.0, "max_records_in_flight": 25})
    recipe["stages"][2] = {"judge": {"quality": {"use": "test_plain_and_slow"}}}

    outcome = await run(recipe, tmp_path / "out")

    assert outcome.manifest.yields.failures == {}
    assert len(list(read_pairs(tmp_path / "out"))) >= 20  # a few draws of the script are equal


async def test_changed_rows_are_not_answered_from_the_old_ones(tmp_path, server):
    """A peer answers changed input rows from its cache of the old rows."""
    server.script = by_content
    await run(a_recipe(url=server.url, prompts=("One?", "Two?", "Three?")), tmp_path / "out")

    await run(a_recipe(url=server.url, prompts=("One?", "Deux?", "Three?")), tmp_path / "out")

    pairs = list(read_pairs(tmp_path / "out"))
    assert [p["prompt"][-1]["content"] for p in pairs] == ["One?", "Deux?", "Three?"]
    assert all(f"to {p['prompt'][-1]['content']}" in p["chosen"][0]["content"] for p in pairs)


async def test_after_a_lost_row_every_prompt_keeps_its_own_answers(tmp_path, server):
    """A public script joins by position: after one dropped row, every later prompt has the next one's answers."""
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


async def test_the_log_tells_how_each_start_went(tmp_path):
    await run(a_recipe(), tmp_path / "out")
    await run(a_recipe(), tmp_path / "out")

    events = [json.loads(line) for line in (tmp_path / "out" / "log.jsonl").read_text().splitlines()]

    assert [e["event"] for e in events] == ["start", "end", "start", "end"]
    assert events[1]["complete"]
    assert events[1]["models"]["writer"]["requests"] == 3
    assert events[3]["models"]["writer"]["requests"] == 0
