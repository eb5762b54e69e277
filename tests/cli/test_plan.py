"""prefgen plan (prefgen/cli/plan.py)"""

import json

from tests.support.cli import prefgen
from tests.support.recipes import a_recipe


def test_plan_asks_nobody_and_leaves_no_trace(done, tmp_path):
    (tmp_path / "r.json").write_text(
        json.dumps(a_recipe(url="http://127.0.0.1:9/v1", prompts=[f"{i}?" for i in range(30)]))
    )

    plan = prefgen("plan", "r.json", "-k", "10", "--json", cwd=tmp_path)

    found = json.loads(plan.stdout)
    assert (found["prompts"], found["sampled"], found["new_requests"]) == (30, 10, 90)
    assert found["seconds"] > 0
    assert not (tmp_path / "runs").exists()
