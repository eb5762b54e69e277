"""Who may ask now: the limit, the rates and the budget. (prefgen/calls/slots.py)"""

import asyncio

import pytest

from prefgen.calls.budget import PICO, Budget, Price
from prefgen.errors import BudgetReached, RequestFailed
from tests.support.queue import QueueOnTrial, turns


async def test_the_budget_is_reserved_before_and_only_what_was_used_is_kept():
    trial = QueueOnTrial(
        lambda text: text, price=Price(0, PICO // 100, 0), budget=Budget(0.25, None), concurrency=8
    )
    await trial.ask("first")
    trial.model.asked.clear()
    trial.model.gate = asyncio.Event()
    asked = [trial.ask(f"{i}", i) for i in range(4)]  # 10 tokens at most each: 0.1 of 0.25
    await turns()
    assert len(trial.model.asked) == 2, "a third might cost more than is left"

    trial.model.gate.set()
    await asyncio.wait_for(asyncio.gather(*asked), 5)

    assert len(trial.model.asked) == 4 and trial.budget.spent == 0  # the answers told no tokens
    assert trial.run.reason is None


async def test_a_request_that_can_never_fit_stops_the_run():
    trial = QueueOnTrial(lambda text: text, price=Price(0, PICO, 0), budget=Budget(0.5, None))

    with pytest.raises(RequestFailed):
        await asyncio.wait_for(trial.ask("dear"), 5)

    assert isinstance(trial.run.reason, BudgetReached) and not trial.model.asked


async def test_the_limit_is_shown_to_whoever_watches():
    trial = QueueOnTrial(lambda text: text, concurrency=3)
    trial.model.gate = asyncio.Event()
    asked = [trial.ask(f"{i}", i) for i in range(5)]
    await turns()

    assert (trial.stats.in_flight, trial.stats.limit) == (3, 3)
    trial.model.gate.set()
    await asyncio.gather(*asked)
    assert trial.stats.in_flight == 0


async def test_idle_time_is_no_outage():
    said = iter(["yes", RequestFailed("server", "HTTP 500"), "yes"])

    def script(text):
        answer = next(said)
        if isinstance(answer, Exception):
            raise answer
        return answer

    trial = QueueOnTrial(script, server_down_after=10.0)
    await trial.ask("first")
    await trial.clock.move(3600.0)
    later = trial.ask("an hour later")
    await turns()
    await trial.clock.move(1.0)

    assert (await asyncio.wait_for(later, 5)).responses[0].raw == b"yes" and trial.run.reason is None
