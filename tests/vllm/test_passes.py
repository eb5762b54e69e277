"""Several models on one slot: the real vLLM is started and stopped for each pass."""

import json

from prefgen.dataset.read_run import read_records
from prefgen.serving.processes import processes_of_session
from tests.support.recipes import run
from tests.support.served import events
from tests.vllm.conftest import a_model


async def test_two_models_and_a_reward_model_take_turns_on_one_slot(tmp_path, models):
    served = {
        "first": a_model(models, "smollm2", 1024),
        "second": a_model(models, "tiny"),
        "reward": a_model(models, "tiny-reward"),
    }
    served["reward"][0].update(score_route="classify", temperature=0)
    recipe = {
        "name": "passes",
        "seed": 3,
        "models": {name: {**model, "max_tokens": 60} for name, (model, _) in served.items()},
        "stages": [
            {"prompts": {"use": "inline", "prompts": [f"Name {i} birds." for i in range(6)]}},
            {"sample": {"use": "pool", "models": ["first", "second"], "per_prompt": 2}},
            {"judge": {"quality": {"use": "reward_model", "model": "reward"}}},
        ],
        "run": {"resident": 1, "endpoints": {name: endpoint for name, (_, endpoint) in served.items()}},
    }

    outcome = await run(recipe, tmp_path / "out", folder=tmp_path)

    assert outcome.complete, outcome.stopped
    happened = events(tmp_path / "out")
    assert happened[4:] == ["load reward", "unload reward"]
    assert sorted([tuple(happened[:2]), tuple(happened[2:4])]) == [
        ("load first", "unload first"), ("load second", "unload second"),
    ]  # fmt: skip
    records = list(read_records(tmp_path / "out"))
    assert all(len(record.scores) == len(record.responses) for record in records)
    notes = list(tmp_path.rglob("servers/*.json"))
    assert len(notes) == 3
    assert not any(processes_of_session(json.loads(note.read_text())["session"]) for note in notes)
