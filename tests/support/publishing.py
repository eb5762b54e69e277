"""Runs that are published to a local Hub."""

import json

from tests.support.cli import prefgen
from tests.support.hub import WRITER
from tests.support.recipes import a_recipe

PROMPTS = tuple(f"Which of the {i} rivers of the land is the longest?" for i in range(30))


def made(folder, out, prompts=PROMPTS, **changes):
    recipe = a_recipe(prompts=prompts, name="rivers", version="1.0.0", **changes)
    recipe["models"]["writer"]["rules"] = [
        {"when": "", "say": [f"Answer number {i}, in words." for i in range(4000)]}
    ]
    (folder / "recipe.json").write_text(json.dumps(recipe))
    done = prefgen("run", "recipe.json", "--out", out, "-q", "-y", cwd=folder)
    assert done.returncode == 0, done.stderr


def publish(hub, folder, run, *options, token=WRITER, repo="acme/rivers"):
    environment = {
        "HF_ENDPOINT": hub.url,
        "HF_HOME": str(folder / "hf"),
        "HF_HUB_OFFLINE": "0",
        "HF_HUB_DISABLE_XET": "1",
        "HF_TOKEN": token,
    }
    return prefgen("publish", str(run), "--repo", repo, "--test", "0.2", *options, cwd=folder, **environment)
