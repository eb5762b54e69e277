"""Things that servers, keys, plug-ins and disks were seen to do: each ends in one line and loses nothing."""

import json

from tests.support.cli import prefgen
from tests.support.recipes import a_recipe


def test_failures_are_explained_at_the_end(tmp_path):
    recipe = a_recipe()
    recipe["models"]["grader"]["rules"] = [{"when": "", "say": "I would rather not."}]
    (tmp_path / "r.json").write_text(json.dumps(recipe))

    result = prefgen("run", "r.json", cwd=tmp_path)

    assert result.returncode == 0
    assert "for example: " in result.stderr
    assert "prefgen retry runs/test --failed" in result.stderr
    assert "many were lost: 3 of 3 prompts (failed: " in result.stderr
