"""A recipe that judges what was just trained."""

import json
from pathlib import Path


def a_judging_recipe(folder: Path, url: str, name="judging.json", **changes):
    """A recipe by which a model on a server judges `trained` against `base`, which are scripted in it."""
    scripted = {"use": "scripted", "rules": [{"say": "Nothing."}], "temperature": 0.7, "max_tokens": 12}
    recipe = {
        "name": "judging",
        "seed": 3,
        "models": {
            "trained": scripted,
            "base": scripted,
            "grader": {"use": "openai", "name": "g", "temperature": 0},
        },
        "stages": [
            {"prompts": {"use": "inline", "prompts": ["Question 3 of the recipe?", "What else is there?"]}},
            {"sample": {"use": "each", "model": ["trained", "base"], "n": 1}},
            {"judge": {"quality": {"use": "ultrafeedback", "model": "grader", "aspects": ["helpfulness"]}}},
        ],
        "run": {
            "endpoints": {"grader": {"base_url": url}},
            "concurrency": 4,
            "server_down_after": 1,
            "budget_usd": 1,
            "prices": {"g": {"input": 1, "output": 1}},
        },
        **changes,
    }
    (folder / name).write_text(json.dumps(recipe))
    return str(folder / name)
