"""Shipped recipes on real prompts and recorded answers, with a judge that goes by recorded preferences: what
fits of them.

Needs ../shared; skips with a reason without it.
"""

import json
from itertools import combinations

import pyarrow.parquet as pq
import pytest

from prefgen.dataset.read_run import read_records
from prefgen.kit.templates import shipped
from prefgen.recipe.load import load_recipe
from tests.support.paths import SHARED
from tests.support.recipes import run
from tests.support.replay_server import Replay

pytestmark = pytest.mark.skipif(
    not SHARED.is_dir(), reason="../shared (real prompts and recorded answers) is not on this machine"
)

PLAYED_BY = {
    "policy": "policy",
    "grader": "judge",
    "large": "gpt4_1106_preview",
    "strong": "gpt4_1106_preview",
    "medium": "claude-2.1",
    "small": "OpenHermes-2.5-Mistral-7B",
    "tiny": "vicuna-13b-v1.5",
    "old": "alpaca-7b",
    "weak": "alpaca-7b",
}
PROMPTS = SHARED / "data" / "alpaca_eval" / "prompts.jsonl"


def on_recorded_answers(name, port):
    """The recipe with its models played by the replay server, on real prompts."""
    recipe = load_recipe(shipped("pipelines") / f"{name}.yaml").data
    sampling = ("temperature", "top_p", "max_tokens")
    recipe["models"] = {
        m: {"use": "openai", "name": PLAYED_BY[m], **{k: entry[k] for k in sampling if k in entry}}
        for m, entry in recipe["models"].items()
    }
    recipe["stages"][0] = {"prompts": {"use": "file", "path": str(PROMPTS), "column": "prompt", "limit": 80}}
    if name == "delta":
        recipe["stages"][2] = {
            "pair": {"use": "fixed", "chosen": {"model": ["strong"]}, "rejected": {"model": ["weak"]}}
        }
    recipe["run"] = {
        "concurrency": 32,
        "endpoints": {m: {"base_url": f"http://127.0.0.1:{port}/v1"} for m in recipe["models"]},
    }
    return recipe


def recorded():
    """({(prompt, answer): quality}, prompts whose answers the server can tell apart)."""
    prompts = {row["id"]: row["prompt"] for row in map(json.loads, PROMPTS.read_text().splitlines())}
    quality, starts = {}, {}
    for row in pq.read_table(SHARED / "data" / "alpaca_eval" / "responses.parquet").to_pylist():
        value = row["win_prob_vs_gpt4_turbo"]
        quality[prompts[row["prompt_id"]], row["response"]] = 0.5 if value is None else value
        starts.setdefault(prompts[row["prompt_id"]], []).append(row["response"][:60])
    apart = {
        p
        for p, found in starts.items()
        if not any(a == b or a in b or b in a for a, b in combinations(found, 2))
        and min(map(len, found)) >= 60
    }
    return quality, apart


@pytest.mark.parametrize(
    "name", ["ultrafeedback", "self_rewarding", "oaif", "rlaif", "cai_rl", "cai_general", "tulu3", "plural"]
)
async def test_a_recipe_prefers_what_people_of_record_prefer(name, tmp_path):
    quality, apart = recorded()
    folder = shipped("pipelines")

    with Replay() as server:
        outcome = await run(on_recorded_answers(name, server.port), tmp_path / "out", folder=folder)

    assert outcome.complete, outcome.stopped
    table = outcome.manifest.yields
    assert sum(table.prompts_by_outcome.values()) == 80
    proven = 0
    for record in read_records(tmp_path / "out"):
        if record.prompt.text not in apart:
            continue
        by_id = {r.id: r.text for r in record.responses}
        for pair in record.pairs:
            high, low = (
                quality.get((record.prompt.text, by_id[i])) for i in (pair.chosen_id, pair.rejected_id)
            )
            assert high is not None
            assert low is not None
            assert high >= low - 1e-9, (record.prompt.text[:60], high, low)
            proven += 1
    assert proven >= 10


async def test_the_strong_model_over_the_weak_one_is_mostly_right(tmp_path):
    quality, _ = recorded()

    with Replay() as server:
        outcome = await run(
            on_recorded_answers("delta", server.port), tmp_path / "out", folder=shipped("pipelines")
        )

    pairs = [
        (r.prompt.text, {x.id: x.text for x in r.responses}, p)
        for r in read_records(tmp_path / "out")
        for p in r.pairs
    ]
    right = sum(
        quality[text, by_id[p.chosen_id]] > quality[text, by_id[p.rejected_id]] for text, by_id, p in pairs
    )
    assert outcome.complete
    assert len(pairs) >= 75
    assert right / len(pairs) > 0.9


async def test_an_existing_dataset_is_judged_again(tmp_path):
    quality, apart = recorded()
    prompts = {row["id"]: row["prompt"] for row in map(json.loads, PROMPTS.read_text().splitlines())}
    answers = {}
    for row in pq.read_table(SHARED / "data" / "alpaca_eval" / "responses.parquet").to_pylist():
        if row["model"] in ("claude-2.1", "alpaca-7b", "vicuna-13b-v1.5"):
            answers.setdefault(prompts[row["prompt_id"]], []).append(
                {"response": row["response"], "model": row["model"]}
            )
    rows = [
        {"prompt": p, "completions": found}
        for p, found in list(answers.items())[:80]
        if all(f["response"].strip() for f in found)
    ]
    (tmp_path / "existing.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))

    with Replay() as server:
        recipe = on_recorded_answers("rejudge", server.port)
        recipe["stages"][0] = {"prompts": {"use": "records", "path": "existing.jsonl"}}
        outcome = await run(recipe, tmp_path / "out", folder=tmp_path)

    assert outcome.complete, outcome.stopped
    for record in read_records(tmp_path / "out"):
        by_id = {r.id: r.text for r in record.responses}
        for pair in record.pairs if record.prompt.text in apart else ():
            assert (
                quality[record.prompt.text, by_id[pair.chosen_id]]
                >= quality[record.prompt.text, by_id[pair.rejected_id]] - 1e-9
            )
    assert outcome.manifest.yields.pairs >= 40
