"""What follows a run: the recipe's `publish:` and `train:`. (prefgen/cli/after.py)"""

import json

import pytest

from tests.support.cli import prefgen
from tests.support.hub import WRITER
from tests.support.publishing import PROMPTS
from tests.support.recipes import a_recipe


def test_a_run_may_be_published_as_its_recipe_says(hub, tmp_path):
    recipe = a_recipe(prompts=PROMPTS, name="rivers", publish={"repo": "acme/rivers", "test": 0.2})
    recipe["models"]["writer"]["rules"] = [
        {"when": "", "say": [f"Answer number {i}, in words." for i in range(4000)]}
    ]
    (tmp_path / "recipe.json").write_text(json.dumps(recipe))
    there = {
        "HF_ENDPOINT": hub.url,
        "HF_HOME": str(tmp_path / "hf"),
        "HF_HUB_OFFLINE": "0",
        "HF_HUB_DISABLE_XET": "1",
        "HF_TOKEN": WRITER,
    }

    done = prefgen("run", "recipe.json", "--out", "run", "--publish", "-q", cwd=tmp_path, **there)

    assert done.returncode == 0, done.stderr
    assert hub.repos["acme/rivers"].tags == {"v0.1.0": hub.repos["acme/rivers"].head}
    assert "version 0.1.0, content hash" in done.stderr


@pytest.mark.parametrize(
    ("changes", "options", "says"),
    [
        ({}, ("--publish",), "--publish: the recipe has no `publish:`"),
        ({}, ("--train",), "--train: the recipe has no `train:`"),
        ({"publish": {"repoo": "a/b"}}, (), "publish: unknown key 'repoo'. Did you mean 'repo'?"),
        ({"train": {"beta": "much"}}, (), "train: beta"),
    ],
)
def test_what_follows_a_run_is_checked_before_it_is_paid_for(tmp_path, changes, options, says):
    (tmp_path / "recipe.json").write_text(json.dumps(a_recipe(**changes)))

    done = prefgen("run", "recipe.json", "--out", "run", *options, cwd=tmp_path)

    assert done.returncode == 2
    assert says in done.stderr
    assert "recipe.json" in done.stderr
    assert not (tmp_path / "run").exists()
    if changes:
        assert says in prefgen("check", "recipe.json", cwd=tmp_path).stderr
