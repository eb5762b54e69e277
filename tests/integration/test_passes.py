"""Models that take turns: a recipe with several of them runs in passes, and makes the same rows as with all
at once.
"""

import asyncio
import json

import pytest

from prefgen import Plugin, judge
from prefgen.api.run import options_of
from prefgen.engine.plan import make_plan
from prefgen.engine.progress import Progress
from prefgen.engine.run import Runner
from prefgen.recipe.build import build
from prefgen.recipe.load import recipe_from_data
from tests.support.recipes import run, shard_bytes
from tests.support.served import (
    CHAIN,
    FOLDER,
    SLOTS,
    Handler,
    asked_twice,
    events,
    in_turns,
    loads,
    noted,
)


@pytest.fixture
def served(tmp_path, monkeypatch):
    """The folder in which the servers write down what they did; one slot."""
    folder = tmp_path / "served"
    folder.mkdir()
    monkeypatch.setenv(FOLDER, str(folder))
    monkeypatch.setenv(SLOTS, "1")
    return folder


async def all_at_once(recipe, tmp_path, monkeypatch):
    """The same recipe with room for every model, on a journal of its own."""
    folder = tmp_path / "at-once"
    folder.mkdir()
    with monkeypatch.context() as context:
        context.setenv(FOLDER, str(folder))
        context.setenv(SLOTS, "9")
        at_once = {**recipe, "run": {**recipe["run"], "resident": 9}}
        outcome = await run(at_once, folder / "out")
    assert outcome.complete, outcome.stopped
    return outcome


async def test_four_models_and_one_slot(tmp_path, served, monkeypatch):
    recipe = in_turns(CHAIN, "a", "b", "c", "d")
    at_once = await all_at_once(recipe, tmp_path, monkeypatch)

    outcome = await run(recipe, tmp_path / "out")

    assert outcome.complete, outcome.stopped
    assert loads(served) == ["m-a", "m-b", "m-c", "m-d"]
    assert noted(served, "too_many") == []
    assert asked_twice(served) == []
    assert outcome.manifest.row_digest == at_once.manifest.row_digest
    assert shard_bytes(tmp_path / "out") == shard_bytes(at_once.out)


async def test_two_slots(tmp_path, served, monkeypatch):
    monkeypatch.setenv(SLOTS, "2")
    recipe = in_turns(CHAIN, "a", "b", "c", "d", resident=2)
    at_once = await all_at_once(recipe, tmp_path, monkeypatch)

    outcome = await run(recipe, tmp_path / "out")

    assert outcome.complete, outcome.stopped
    assert events(tmp_path / "out")[:6] == [
        "load a", "load b", "unload a", "load c", "unload b", "load d",
    ]  # fmt: skip
    assert sorted(events(tmp_path / "out")[6:]) == ["unload c", "unload d"]
    assert (noted(served, "too_many"), asked_twice(served)) == ([], [])
    assert outcome.manifest.row_digest == at_once.manifest.row_digest


async def test_room_for_all_is_one_pass(tmp_path, served, monkeypatch):
    monkeypatch.setenv(SLOTS, "4")
    progress = Progress()

    outcome = await run(in_turns(CHAIN, "a", "b", "c", "d", resident=7), tmp_path / "out", progress=progress)

    assert outcome.complete, outcome.stopped
    assert events(tmp_path / "out")[:4] == ["load a", "load b", "load c", "load d"]
    assert {notice[:7] for notice in progress.stats.notices} == {"pass 1:"}


async def test_auto_is_as_many_as_fit_the_gpus(tmp_path, served, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1,2")
    monkeypatch.setenv(SLOTS, "2")
    sizes = {"a": {"devices": 2}, "b": {"devices": 1}, "c": {"devices": 3}, "d": {"devices": 8}}

    outcome = await run(in_turns(CHAIN, *sizes, resident="auto", **sizes), tmp_path / "out")

    assert outcome.complete, outcome.stopped
    assert events(tmp_path / "out") == [
        "load a", "load b", "unload a", "unload b", "load c", "unload c", "load d", "unload d",
    ]  # fmt: skip


async def test_nothing_is_loaded_where_the_journal_answers_everything(tmp_path, served):
    recipe = in_turns(CHAIN, "a", "b", "c", "d")
    first = await run(recipe, tmp_path / "out")
    loaded = loads(served)

    again = await run(recipe, tmp_path / "again")

    assert again.complete and loads(served) == loaded
    assert shard_bytes(tmp_path / "again") == shard_bytes(first.out)


async def test_only_what_is_new_is_loaded(tmp_path, served):
    recipe = in_turns(CHAIN, "a", "b", "c", "d")
    await run(recipe, tmp_path / "out")
    (served / "servers").unlink()
    changed = json.loads(json.dumps(recipe))
    changed["stages"][4]["judge"]["second"]["aspects"] = ["truthfulness"]

    outcome = await run(changed, tmp_path / "again")

    assert outcome.complete and loads(served) == ["m-d"]


async def test_a_model_that_is_loaded_is_not_loaded_again_in_the_next_segment(tmp_path, served):
    stages = [
        {"curate": [{"use": "rated", "model": "a", "least": 1}]},
        {"sample": {"use": "each", "model": "a", "n": 2}},
        {"judge": {"first": {"use": "ultrafeedback", "model": "b", "aspects": ["helpfulness"]}}},
        {"curate": [{"use": "limit", "count": 4}]},
        {"judge": {"second": {"use": "ultrafeedback", "model": "b", "aspects": ["honesty"]}}},
        {"pair": {"use": "best_vs_worst", "score": "second", "ties": "keep"}},
    ]

    outcome = await run(in_turns(stages, "a", "b"), tmp_path / "out")

    assert outcome.complete, outcome.stopped
    assert outcome.manifest.yields.prompts_by_outcome == {"pair": 4}
    assert loads(served) == ["m-a", "m-b"]


async def test_the_asks_of_one_record_to_a_loaded_model_go_in_one_pass(tmp_path, served, monkeypatch):
    judges = {
        f"{aspect} by {name}": {"use": "ultrafeedback", "model": name, "aspects": [aspect]}
        for aspect in ("helpfulness", "honesty")
        for name in ("b", "a", "c")
    }
    stages = [
        CHAIN[0],
        {"judge": judges},
        {"pair": {"use": "best_vs_worst", "score": {"mean": list(judges)}, "ties": "keep"}},
    ]
    recipe = in_turns(stages, "a", "b", "c")
    at_once = await all_at_once(recipe, tmp_path, monkeypatch)

    outcome = await run(recipe, tmp_path / "out")

    assert outcome.complete, outcome.stopped
    assert loads(served) == ["m-a", "m-b", "m-c"]  # as many wait for b as for c: the recipe's order
    assert asked_twice(served) == []
    assert outcome.manifest.row_digest == at_once.manifest.row_digest


async def test_the_model_that_most_wait_for_comes_first(tmp_path, served):
    (tmp_path / "p.jsonl").write_text(
        "".join(json.dumps({"prompt": f"Q {i}?", "category": "bc"[i > 1]}) + "\n" for i in range(6))
    )
    stages = [
        CHAIN[0],
        {"judge": {"second": {"use": "ultrafeedback", "model": "b", "only": {"category": ["b"]}}}},
        {"judge": {"first": {"use": "ultrafeedback", "model": "c", "only": {"category": ["c"]}}}},
    ]
    recipe = in_turns(stages, "a", "b", "c")
    recipe["stages"][0] = {"prompts": {"use": "file", "path": str(tmp_path / "p.jsonl")}}

    outcome = await run(recipe, tmp_path / "out")

    assert outcome.complete, outcome.stopped
    assert loads(served) == ["m-a", "m-c", "m-b"]  # 4 records, and 2


async def test_synthesizers_in_rounds_curators_that_ask_and_judges(tmp_path, served, monkeypatch):
    stages = [
        {"curate": [{"use": "dedupe"}, {"use": "rated", "model": "b", "least": 1}]},
        *CHAIN,
    ]
    recipe = in_turns(stages, "a", "b", "c", "d")
    recipe["stages"][0] = {
        "prompts": {"use": "few_shot", "model": "c", "count": 4, "rounds": 2, "seeds": str(seeds(tmp_path))}
    }
    at_once = await all_at_once(recipe, tmp_path, monkeypatch)

    outcome = await run(recipe, tmp_path / "out")

    assert outcome.complete, outcome.stopped
    assert outcome.manifest.yields.pairs > 0
    assert noted(served, "too_many") == []
    assert len(noted(served, "asked")) == len(noted(tmp_path / "at-once", "asked"))
    assert outcome.manifest.row_digest == at_once.manifest.row_digest


def seeds(folder):
    path = folder / "seeds.txt.jsonl"
    path.write_text("".join(json.dumps({"prompt": f"Seed {i}, about tides?"}) + "\n" for i in range(4)))
    return path


async def test_a_load_that_fails_stops_the_run_with_its_cause(tmp_path, served):
    recipe = in_turns(CHAIN, "a", "b", "c", "d", b={"fails": "no room for the weights: 18 GiB wanted"})

    outcome = await run(recipe, tmp_path / "out")

    assert outcome.exit_code == 1
    assert "model 'b': no room for the weights: 18 GiB wanted" in str(outcome.stopped)
    assert events(tmp_path / "out") == ["load a", "unload a", "unload b"]
    mended = await run(in_turns(CHAIN, "a", "b", "c", "d"), tmp_path / "out")
    assert mended.complete and loads(served) == ["m-a", "m-b", "m-c", "m-d"]
    assert asked_twice(served) == []


@pytest.mark.parametrize(("status", "text"), [(400, "Question 2?"), (500, "")])
async def test_a_model_that_answers_nothing_is_no_endless_loop(
    tmp_path, served, monkeypatch, status, text, short_backoff
):
    monkeypatch.setitem(Handler.faults, "m-b", (status, text))
    stages = [
        CHAIN[0],
        {"judge": {name: {"use": "ultrafeedback", "model": name} for name in ("b", "c")}},
        {"pair": {"use": "best_vs_worst", "score": {"mean": ["b", "c"]}, "ties": "keep"}},
    ]
    recipe = in_turns(stages, "a", "b", "c", server_down_after=0.5)

    outcome = await asyncio.wait_for(run(recipe, tmp_path / "out"), 30)

    if status == 400:  # refused: final
        assert outcome.complete, outcome.stopped
        assert outcome.manifest.yields.prompts_by_outcome == {"pair": 5, "failed: odd": 1}
    else:
        assert outcome.exit_code == 3
        monkeypatch.delitem(Handler.faults, "m-b")
        assert (await run(recipe, tmp_path / "out")).complete
    assert noted(served, "too_many") == []


async def test_ctrl_c_while_a_model_is_loaded_ends_the_load(tmp_path, served):
    recipe = in_turns(CHAIN, "a", "b", "c", "d", b={"load_seconds": 60})
    pipeline = build(recipe_from_data(recipe, tmp_path))
    runner = Runner(pipeline, options_of(pipeline, tmp_path / "out", tmp_path / "calls.sqlite"))
    running = asyncio.create_task(runner.run())
    while runner.progress.stats.model("b").place != "loading":
        await asyncio.sleep(0.01)
    runner.interrupt()

    outcome = await asyncio.wait_for(running, 10)

    assert outcome.exit_code == 130
    assert events(tmp_path / "out") == ["load a", "unload a", "unload b"]
    assert (await run(in_turns(CHAIN, "a", "b", "c", "d"), tmp_path / "out")).complete
    assert asked_twice(served) == []


async def test_what_is_loaded_is_unloaded_where_a_bug_ends_the_run(tmp_path, served):
    stages = [CHAIN[0], {"judge": {"bad": {"use": "test_breaks"}}}]

    outcome = await run(in_turns(stages, "a"), tmp_path / "out")

    assert "it broke" in str(outcome.stopped)
    assert events(tmp_path / "out") == ["load a", "unload a"]


@judge("test_breaks")
class Breaks(Plugin):
    async def judge(self, prompt, responses, ask):
        raise RuntimeError("it broke")


async def test_a_plug_in_that_asks_something_else_each_time_stops_the_run(tmp_path, served):
    stages = [CHAIN[0], {"judge": {"fickle": {"use": "test_fickle"}}}]

    outcome = await asyncio.wait_for(run(in_turns(stages, "a", "b", "c"), tmp_path / "out"), 30)

    assert "asks something else each time" in str(outcome.stopped)


@judge("test_fickle")
class Fickle(Plugin):
    """Wants the model that is not loaded."""

    async def judge(self, prompt, responses, ask):
        FICKLE.append(prompt.text)
        await ask("bc"[len([text for text in FICKLE if text == prompt.text]) % 2], "Who?")
        return []


FICKLE: list[str] = []


async def test_the_plan_says_the_passes_that_the_run_makes(tmp_path, served):
    recipe = in_turns(CHAIN, "a", "b", "c", "d", prompts=8)
    pipeline = build(recipe_from_data(recipe, tmp_path))
    options = options_of(pipeline, tmp_path / "out", tmp_path / "calls.sqlite")

    plan = await make_plan(pipeline, options, sample=4)
    assert noted(served, "servers") == []
    await run(recipe, tmp_path / "out")

    [passes] = plan.passes
    assert [f"m-{name}" for [name] in passes.passes] == loads(served)
    assert "passes: a -> b -> c -> d (4 passes, 4 loads)" in str(plan)
    after = await make_plan(pipeline, options, sample=4)
    assert after.passes == []
