"""From a pipeline to what its asks share. (prefgen/engine/connect.py)"""

from contextlib import AsyncExitStack, ExitStack
from dataclasses import replace

import pytest

from prefgen.calls.context import AskRules
from prefgen.calls.stop import RunStop
from prefgen.calls.usage import RunStats
from prefgen.engine.connect import (
    MOST_AT_ONCE,
    budget_of,
    connect,
    open_journals,
    queue_settings,
    records_in_flight,
)
from prefgen.engine.run_folder import run_id_of
from prefgen.errors import RecipeError
from prefgen.recipe.build import build
from prefgen.recipe.load import recipe_from_data
from tests.support.journal import a_row
from tests.support.recipes import a_recipe


def pipeline(folder, url="http://127.0.0.1:9/v1", endpoints=(), **changes):
    recipe = a_recipe(url=url, **changes)
    recipe["run"] |= {"prices": {"w": {"input": 1, "output": 2}, "g": {"input": 1, "output": 2}}}
    for name, fields in dict(endpoints).items():
        recipe["run"]["endpoints"][name] |= fields
    return build(recipe_from_data(recipe, folder))


def test_an_endpoint_says_more_than_the_run(tmp_path):
    endpoints = {"writer": {"timeout": 9, "concurrency": 3, "requests_per_minute": 60}}
    built = pipeline(tmp_path, endpoints=endpoints)

    writer, grader = (queue_settings(built, built.models[name]) for name in ("writer", "grader"))

    assert (writer.timeout, grader.timeout) == (9, 5)
    assert (writer.limit.value, grader.limit.value) == (3, 8)
    assert writer.server_down_after == grader.server_down_after == 2
    assert writer.price.cost(1_000_000, 1_000_000) == 3 * 10**12


@pytest.mark.parametrize(
    ("run", "at_work"),
    [
        ({"concurrency": 8}, 32),
        ({"concurrency": 1}, 16),
        ({"concurrency": "auto"}, min(512, 4 * MOST_AT_ONCE)),
        ({"max_records_in_flight": 5}, 5),
    ],
)
def test_records_at_work_fill_every_models_slots_twice(tmp_path, run, at_work):
    assert records_in_flight(pipeline(tmp_path, run=run)) == at_work


async def test_what_was_paid_is_no_longer_in_the_budget(tmp_path, journal):
    built, out = pipeline(tmp_path, run={"budget_usd": 2, "budget_tokens": 100}), tmp_path / "out"
    out.mkdir()
    ours = replace(a_row(1, cost=10**12, prompt_tokens=30), run=run_id_of(out))
    await journal.commit([ours, a_row(2, cost=10**12, prompt_tokens=30)])

    budget = budget_of(built, journal, out)

    assert budget.spent == 10**12 and budget.fits(10**12, 70)
    assert not budget.fits(10**12 + 1, 1) and not budget.fits(1, 71)


def test_simulated_replies_have_a_journal_of_their_own(tmp_path):
    recipe = a_recipe()
    recipe["models"]["writer"] = {"use": "simulated"}
    built = build(recipe_from_data(recipe, tmp_path))

    with ExitStack() as closing:
        journals = open_journals(built, tmp_path / "out", tmp_path / "calls.sqlite", closing)

        assert journals.project.path == tmp_path / "calls.sqlite"
        assert journals.simulated is journals.progress and journals.simulated is not journals.project


@pytest.mark.parametrize("address", ["https://api.openai.com/v1", "https://llm.example.com/v1"])
async def test_a_key_that_is_missing_is_missed_only_where_somebody_is_asked(tmp_path, address):
    endpoint = {"base_url": address, "api_key_env": "NO_SUCH_KEY"}
    built = pipeline(tmp_path, endpoints={"writer": endpoint})

    async def connected(live):
        with ExitStack() as closing:
            journals = open_journals(built, tmp_path / "out", tmp_path / "calls.sqlite", closing)
            async with AsyncExitStack() as connections:
                rules, stats = AskRules(live=live), RunStats()
                return await connect(
                    built, journals, connections, tmp_path, run=RunStop(), stats=stats, rules=rules
                )

    context = await connected(live=False)

    assert set(context.queues) == set(context.models) == {"writer", "grader"}
    with pytest.raises(RecipeError, match="NO_SUCH_KEY"):
        await connected(live=True)
