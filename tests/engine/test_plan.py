"""What a run would ask and cost, without asking: the same replay, over a sample, with simulated answers where
there are none. (prefgen/engine/plan.py)
"""

import json

from prefgen.api.run import options_of
from prefgen.engine.plan import make_plan
from prefgen.recipe.build import build
from prefgen.recipe.load import recipe_from_data
from tests.support.cli import prefgen, prefgen_here
from tests.support.paths import ROOT
from tests.support.rated import rated
from tests.support.recipes import a_recipe
from tests.support.synthesize import synthesized


def test_plan_counts_the_rounds_that_one_record_asks_in_series(tmp_path):
    recipe = a_recipe()
    aspects = ["instruction_following", "honesty", "truthfulness", "helpfulness"]
    recipe["stages"][2] = {
        "judge": {
            "quality": {"use": "ultrafeedback", "model": "grader", "aspects": aspects, "critique": True}
        }
    }
    (tmp_path / "r.json").write_text(json.dumps(recipe))

    plan = prefgen("plan", "r.json", "--json", cwd=tmp_path)

    assert plan.returncode == 0, plan.stderr
    rounds = {line["stage"]: line["rounds"] for line in json.loads(plan.stdout)["lines"]}
    assert rounds == {"sample": 1, "judge": 2}  # the four aspects at once, then the critiques


def test_plan_knows_what_the_journal_holds_and_why_the_rest_is_new(done):
    same = json.loads(prefgen("plan", "r.json", "--json", cwd=done).stdout)
    changed = prefgen("plan", "r.json", "--why", "--json", "--set", "models.writer.temperature=0.5", cwd=done)

    assert same["new_requests"] == 0
    assert any("sampling" in words for words in json.loads(changed.stdout)["why"])


def test_a_plan_after_a_preview_does_not_take_all_for_known(tmp_path):
    (tmp_path / "r.json").write_text(json.dumps(a_recipe(prompts=[f"Number {i}?" for i in range(300)])))
    preview = prefgen("preview", "r.json", "-n", "40", cwd=tmp_path)
    assert preview.returncode == 0, preview.stderr

    plan = json.loads(prefgen("plan", "r.json", "-k", "40", "--json", cwd=tmp_path).stdout)

    lines = plan["lines"]
    assert sum(line["replayed"] for line in lines) < 0.5 * sum(line["requests"] for line in lines), (
        "13 % are known"
    )


def test_a_plan_knows_what_a_simulated_run_has_asked(tmp_path):
    recipe = tmp_path / "r.yaml"
    recipe.write_text((ROOT / "pipelines" / "quickstart.yaml").read_text())
    prefgen_here("run", recipe, "-n", "8", cwd=tmp_path)

    some = json.loads(prefgen_here("plan", recipe, "--json", cwd=tmp_path).stdout)
    prefgen_here("run", recipe, cwd=tmp_path)
    all_of_it = json.loads(prefgen_here("plan", recipe, "--json", cwd=tmp_path).stdout)

    assert sum(line["replayed"] for line in some["lines"]) > 0
    assert (some["new_requests"] > 0, all_of_it["new_requests"]) == (True, 0)


async def test_a_plan_counts_it(tmp_path):
    pipeline = build(recipe_from_data(rated("http://localhost:1/v1"), tmp_path))

    plan = await make_plan(
        pipeline, options_of(pipeline, tmp_path / "out", tmp_path / "calls.sqlite"), sample=9
    )

    assert {(line.stage, line.requests) for line in plan.lines} >= {("curate", 3)}


def test_a_plan_is_not_held_up_by_a_budget_and_does_not_hide_a_bug(tmp_path):
    prices = {"w": {"input": 1, "output": 10}, "g": {"input": 1, "output": 10}}
    recipe = a_recipe(
        url="http://127.0.0.1:9/v1",
        prompts=[f"{i}?" for i in range(20)],
        run={"prices": prices, "budget_usd": 0.000001},
    )
    (tmp_path / "r.json").write_text(json.dumps(recipe))
    (tmp_path / "mine.py").write_text(
        "from prefgen import Plugin, judge\n\n@judge('bad')\nclass Bad(Plugin):\n    async def judge(self, "
        "prompt, responses, ask):\n        raise KeyError('x')\n"
    )
    plan = prefgen("plan", "r.json", "--json", cwd=tmp_path)
    recipe["stages"][2] = {"judge": {"quality": {"use": "./mine.py:Bad"}}}
    (tmp_path / "bad.json").write_text(json.dumps(recipe))
    bad = prefgen("plan", "bad.json", cwd=tmp_path)

    found = json.loads(plan.stdout)
    assert found["new_requests"] == 60
    assert found["cost_usd"] > 0
    assert bad.returncode == 1
    assert "KeyError" in bad.stderr
    assert "Traceback" not in bad.stderr


async def test_a_plan_counts_the_seeds_and_what_follows(tmp_path):
    recipe = synthesized(folder=tmp_path, curate=False)
    pipeline = build(recipe_from_data(recipe, tmp_path))

    plan = await make_plan(
        pipeline, options_of(pipeline, tmp_path / "out", tmp_path / "calls.sqlite"), sample=99
    )

    assert {(line.stage, line.model): line.requests for line in plan.lines} == {
        ("prompts", "writer"): 3, ("sample", "writer"): 14, ("judge", "grader"): 7,
    }  # fmt: skip
