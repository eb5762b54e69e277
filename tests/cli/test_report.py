"""Things that servers, keys, plug-ins and disks were seen to do: each ends in one line and loses nothing."""

import json

from tests.support.cli import prefgen
from tests.support.recipes import a_recipe


def test_failures_are_explained_at_the_end(tmp_path):
    recipe = a_recipe()
    recipe["models"]["grader"]["rules"] = [{"when": "", "say": "I would rather not."}]
    (tmp_path / "r.json").write_text(json.dumps(recipe))

    result = prefgen("run", "r.json", cwd=tmp_path)

    assert result.returncode == 1
    assert "prefgen: every prompt was lost; `prefgen show lost runs/test` says of what" in result.stderr
    assert "for example: " in result.stderr
    assert "prefgen retry runs/test --failed" in result.stderr
    assert "many were lost: 3 of 3 prompts (failed: " in result.stderr


def test_a_prompt_that_is_lost_among_others_does_not_fail_the_run(tmp_path):
    recipe = a_recipe(prompts=("One?", "Two?"))
    recipe["models"]["grader"]["rules"].insert(0, {"when": "One", "say": "I would rather not."})
    (tmp_path / "r.json").write_text(json.dumps(recipe))

    result = prefgen("run", "r.json", "--json", cwd=tmp_path)

    outcomes = json.loads(result.stdout)["yield"]["prompts_by_outcome"]
    assert (result.returncode, sum(outcomes.values()), outcomes["pair"]) == (0, 2, 1)
