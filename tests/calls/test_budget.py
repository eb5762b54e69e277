"""What requests cost, and a budget that is never exceeded. (prefgen/calls/budget.py)"""

import re

import pytest

from prefgen.calls.journal import Journal
from prefgen.errors import (
    BudgetReached,
)
from tests.support.recipes import a_recipe, run
from tests.support.server import by_content


async def test_what_was_spent_outlives_the_record_store(tmp_path, server):
    server.script = by_content
    prices = {"w": {"input": 100, "output": 1000}, "g": {"input": 100, "output": 1000}}
    first = await run(a_recipe(url=server.url, run={"prices": prices}), tmp_path / "out")
    for path in (tmp_path / "out").glob("record_store.sqlite*"):
        path.unlink()

    second = await run(a_recipe(url=server.url, run={"prices": prices}), tmp_path / "out")

    assert first.manifest.cost.paid_usd > 0
    assert second.manifest.cost == first.manifest.cost


async def test_a_budget_is_never_exceeded_and_can_be_raised(tmp_path, server):
    server.script = by_content
    prompts = [f"Question {i}?" for i in range(40)]
    prices = {"w": {"input": 100, "output": 1000}, "g": {"input": 100, "output": 1000}}
    recipe = a_recipe(
        url=server.url, prompts=prompts, run={"prices": prices, "budget_usd": 1.0, "concurrency": 4}
    )
    for model in recipe["models"].values():
        model["max_tokens"] = 50

    stopped = await run(recipe, tmp_path / "out")
    paid = stopped.manifest.cost.paid_usd
    again = await run(recipe, tmp_path / "out")
    recipe["run"]["budget_usd"] = 100
    finished = await run(recipe, tmp_path / "out")

    assert isinstance(stopped.stopped, BudgetReached)
    assert stopped.exit_code == 5
    assert 0.5 < paid <= 1.0
    assert again.manifest.cost.paid_usd <= 1.0
    assert finished.complete
    assert finished.manifest.cost.paid_usd == pytest.approx(finished.manifest.cost.full_usd)


async def test_a_budget_in_tokens_is_kept(tmp_path, server):
    server.script = by_content
    recipe = a_recipe(
        url=server.url,
        prompts=[f"Question {i}?" for i in range(40)],
        run={"budget_tokens": 2000, "concurrency": 4},
    )
    for model in recipe["models"].values():
        model["max_tokens"] = 30

    outcome = await run(recipe, tmp_path / "out")

    assert outcome.exit_code == 5
    journal = Journal(tmp_path / "calls.sqlite")
    assert journal.query("SELECT sum(prompt_tokens + completion_tokens) FROM replies")[0][0] <= 2000
    journal.close()


@pytest.mark.parametrize(
    ("limits", "given", "wanted"),
    [
        ({"budget_usd": 0.000001}, "\\$0 of \\$0.000001 is spent", "up to \\$0\\.\\d+, its prompt"),
        ({"budget_usd": 0}, "\\$0 of \\$0 is spent", "up to \\$0\\.\\d+, its prompt"),
        ({"budget_tokens": 5}, "0 of 5 tokens is spent", "up to [\\d,]+ tokens, its prompt"),
    ],
)
async def test_a_budget_below_one_request_is_one_line(tmp_path, server, limits, given, wanted):
    prices = {"w": {"input": 1, "output": 10}, "g": {"input": 1, "output": 10}}
    recipe = a_recipe(url=server.url, run={"prices": prices, **limits})

    outcome = await run(recipe, tmp_path / "out")

    why = f"the budget is below one request: {given}, and the first one may take {wanted}"
    assert outcome.exit_code == 5
    assert re.match(why, str(outcome.stopped))
    assert f"Raise run.{next(iter(limits))}, or set" in str(outcome.stopped)
    assert "\n" not in str(outcome.stopped)
    assert server.bodies == []
