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


def budgeted(tmp_path, budget, **more):
    """The plan of 30 prompts, 3 requests each, whose prompts cost nothing: what it prints, and as JSON."""
    prices = {"w": {"input": 0, "output": 10}, "g": {"input": 0, "output": 10}}
    recipe = a_recipe(
        url="http://127.0.0.1:9/v1", prompts=[f"{i}?" for i in range(30)],
        run={"prices": prices, **budget}, **more,
    )  # fmt: skip
    (tmp_path / "r.json").write_text(json.dumps(recipe))
    return (
        prefgen("plan", "r.json", "-k", "30", cwd=tmp_path).stdout,
        json.loads(prefgen("plan", "r.json", "-k", "30", "--json", cwd=tmp_path).stdout),
    )


def test_plan_says_how_far_a_budget_reaches(tmp_path):
    tokens = 30 * (2 * 400 + 100)  # two answers and a verdict of which nothing is known
    cost = tokens * 10 / 10**6

    half, found = budgeted(tmp_path, {"budget_usd": cost / 2})
    enough, _ = budgeted(tmp_path, {"budget_usd": cost * 2})

    assert found["cost_usd"] == cost
    assert (found["budget_usd"], found["spent_usd"], found["reach"]) == (cost / 2, 0, 0.5)
    assert "budget: $0.1350, $0 spent in this folder: enough for about 50% of what is new (15 of 30" in half
    assert f"or {found['pairs'] / 2:.0f} of {found['pairs']:.0f} pairs" in half
    assert "enough for all of it" in enough


def test_plan_counts_what_earlier_starts_spent_and_budgets_of_tokens(tmp_path):
    text, found = budgeted(tmp_path, {"budget_tokens": 1000})

    assert 0 < found["reach"] < 0.05
    assert "budget: 1,000 tokens, 0 tokens spent in this folder" in text
    assert "budget:" not in budgeted(tmp_path, {})[0]


def test_a_plan_says_what_is_scaled_up_and_what_is_free(tmp_path):
    (tmp_path / "r.json").write_text(json.dumps(a_recipe(prompts=[f"{i}?" for i in range(30)])))

    some, all_of_them = (prefgen("plan", "r.json", "-k", k, cwd=tmp_path).stdout for k in ("10", "30"))

    assert some.startswith("test: 30 prompts, 10 of them looked at and the numbers scaled up to all; ")
    assert all_of_them.startswith("test: 30 prompts, all of them looked at; ")
    assert some.count("  free") == 2 and "no price" not in some
