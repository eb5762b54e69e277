"""The queue of one model, read downwards: a request waits for a slot, is asked, and is tried again where that
can help. (prefgen/calls/queue.py)
"""

import asyncio
import json
import time

import pytest
from aiohttp import web

from prefgen.calls.budget import Budget, Price
from prefgen.calls.queue import REFUSED_ALIKE
from prefgen.errors import (
    EndpointDown,
    FatalEndpoint,
    Interrupted,
    RequestFailed,
)
from prefgen.transport.request import ModelResponse
from prefgen.types import Reply
from tests.support.durability import MANY
from tests.support.queue import QueueOnTrial, turns
from tests.support.recipes import a_recipe, run
from tests.support.server import answer, by_content


@pytest.mark.parametrize("prompts", [3, 25])
async def test_refusals_that_are_the_recipes_fault_are_not_final(tmp_path, server, prompts):
    server.script = lambda body, attempt: web.json_response(
        {"error": {"message": "no such field", "code": "bad"}}, status=400
    )
    recipe = a_recipe(url=server.url, prompts=MANY[:prompts])

    refused = await run(recipe, tmp_path / "out")
    server.script = by_content
    mended = await run(recipe, tmp_path / "out")

    assert isinstance(refused.stopped, FatalEndpoint)
    assert mended.complete
    assert mended.manifest.yields.pairs == prompts


async def test_an_interrupt_does_not_wait_for_retry_after(tmp_path, server):
    from prefgen.api.run import options_of
    from prefgen.engine.run import Runner
    from prefgen.recipe.build import build
    from prefgen.recipe.load import recipe_from_data

    server.script = lambda body, attempt: web.json_response({}, status=429, headers={"Retry-After": "50"})
    pipeline = build(recipe_from_data(a_recipe(url=server.url), tmp_path))
    runner = Runner(pipeline, options_of(pipeline, tmp_path / "out", tmp_path / "j.sqlite"))
    task = asyncio.create_task(runner.run())
    await asyncio.sleep(1)
    started = time.monotonic()
    runner.interrupt()
    outcome = await task

    assert time.monotonic() - started < 3
    assert outcome.exit_code == 130


async def test_an_idle_time_is_no_outage(tmp_path, server):
    failed = []

    def script(body, attempt):
        if body["model"] == "g" and not failed:
            failed.append(1)
            return web.json_response({}, status=500)
        return by_content(body, attempt)

    async def slow(body, attempt):
        await asyncio.sleep(1.0 if body["model"] == "w" else 0)
        said = script(body, attempt)
        return (
            said
            if isinstance(said, web.StreamResponse)
            else web.json_response(said if isinstance(said, dict) else answer(said, body))
        )

    server.script = lambda body, attempt: slow(body, attempt)
    outcome = await run(a_recipe(url=server.url, run={"server_down_after": 0.4}), tmp_path / "out")

    assert outcome.complete


@pytest.mark.parametrize(
    "said",
    [
        lambda b: web.json_response({"error": "slow down"}, status=429, headers={"Retry-After": "0.05"}),
        lambda b: web.json_response({"error": "oops"}, status=500),
        lambda b: web.Response(body=b'{"choices": [{"mess', content_type="application/json"),
        lambda b: web.Response(text="<html>Bad gateway</html>", content_type="text/html"),
    ],
)
async def test_a_passing_fault_is_tried_again_and_leaves_no_trace(tmp_path, server, said):
    server.script = lambda body, attempt: said(body) if attempt == 1 else by_content(body, attempt)
    faulty = await run(a_recipe(url=server.url), tmp_path / "faulty", journal=tmp_path / "a.sqlite")
    server.script = by_content
    clean = await run(a_recipe(url=server.url), tmp_path / "clean", journal=tmp_path / "b.sqlite")

    assert faulty.complete
    assert faulty.manifest.row_digest == clean.manifest.row_digest


async def test_a_server_that_is_down_leaves_a_run_that_goes_on_later(tmp_path, server):
    down = await run(a_recipe(url="http://127.0.0.1:9/v1", run={"server_down_after": 0.5}), tmp_path / "out")
    server.script = by_content
    up = await run(a_recipe(url=server.url), tmp_path / "out")

    assert (down.exit_code, type(down.stopped)) == (3, EndpointDown)
    assert up.complete


async def test_a_server_that_dies_in_the_middle_loses_nothing(tmp_path, server):
    server.script = lambda body, attempt: (
        by_content(body, attempt) if len(server.bodies) < 12 else web.json_response({}, status=503)
    )
    prompts = [f"Question {i}?" for i in range(20)]
    recipe = a_recipe(url=server.url, prompts=prompts, run={"server_down_after": 0.5, "concurrency": 2})
    stopped = await asyncio.wait_for(run(recipe, tmp_path / "out"), 60)
    assert (stopped.exit_code, type(stopped.stopped)) == (3, EndpointDown)
    assert not (tmp_path / "out" / "pairs").exists() and not stopped.manifest.complete
    answered = {json.dumps(b, sort_keys=True) for b in server.bodies[:11]}
    assert len(answered) == 11
    server.bodies.clear()
    server.script = by_content

    finished = await run(recipe, tmp_path / "out")

    assert finished.complete and finished.manifest.yields.pairs == 20
    assert not answered & {json.dumps(b, sort_keys=True) for b in server.bodies}


async def test_no_choices_from_everything_is_an_outage_and_not_final(tmp_path, server):
    server.script = lambda body, attempt: {"choices": [], "model": body["model"]}
    recipe = a_recipe(url=server.url, run={"server_down_after": 30})
    first = await run(recipe, tmp_path / "out")
    server.script = by_content

    second = await run(recipe, tmp_path / "out")

    assert isinstance(first.stopped, FatalEndpoint)
    assert second.manifest.yields.pairs == 3


# --- with a clock that is moved by hand ---------------------------------------------------------------------


async def test_an_answer_is_had_and_counted():
    trial = QueueOnTrial(lambda text: f"said {text}")

    answer = await trial.ask("hello")

    assert [response.raw for response in answer.responses] == [b"said hello"]
    assert (trial.stats.requests, trial.stats.in_flight, trial.stats.retries) == (1, 0, 0)


async def test_a_passing_fault_is_tried_again_after_its_wait_and_not_before():
    said = iter([RequestFailed("server", "HTTP 500"), RequestFailed("connection", "reset"), "at last"])
    trial = QueueOnTrial(lambda text: next(said))

    asked = trial.ask("hello")
    await turns()
    assert len(trial.model.asked) == 1
    await trial.clock.move(0.2)
    assert len(trial.model.asked) == 1  # the first wait is 0.25 to 0.5 s
    await trial.clock.move(0.4)
    assert len(trial.model.asked) == 2
    await trial.clock.move(1.1)

    assert (await asked).responses[0].raw == b"at last"
    assert (trial.stats.requests, trial.stats.retries) == (1, 2)


async def test_so_many_are_asked_at_once_and_the_lowest_position_comes_first():
    trial = QueueOnTrial(lambda text: text, concurrency=2)
    trial.model.gate = asyncio.Event()

    asked = [trial.ask(f"{order}", order) for order in (5, 4, 3, 2, 1)]
    await turns()
    assert trial.model.asked == ["5", "4"]  # those that were first, before others came
    trial.model.gate.set()
    await asyncio.gather(*asked)

    assert trial.model.asked == ["5", "4", "1", "2", "3"]
    assert trial.model.most_at_work == 2


async def test_a_pause_that_the_server_asks_for_holds_everybody():
    told = iter([RequestFailed("rate", "slow down", retry_after=30.0)])
    trial = QueueOnTrial(lambda text: next(told, "yes"))

    asked = [trial.ask("first")]
    await turns()
    asked.append(trial.ask("second"))
    await trial.clock.move(29.0)
    assert trial.model.asked == ["first"]
    await trial.clock.move(1.1)
    await trial.clock.move(0.1)

    assert {answer.responses[0].raw for answer in await asyncio.gather(*asked)} == {b"yes"}
    assert "asks for a pause of 30 s" in " ".join(trial.notices)


async def test_a_pause_of_a_day_beside_an_answer_is_said_and_cut_short():
    trial = QueueOnTrial(lambda text: text)
    paused = ModelResponse(b"first", Reply(text="first"), pause=86_400.0)
    trial.model.respond = lambda text: paused if text == "first" else None
    await trial.ask("first")
    second = trial.ask("second")

    for _ in range(9):
        await trial.clock.move(61.0)
    assert trial.model.asked == ["first"]
    for _ in range(2):
        await trial.clock.move(61.0)

    assert (await second).responses[0].raw == b"second"
    assert "asks for a pause of 86400 s; it is asked again after 600 s" in " ".join(trial.notices)


@pytest.mark.parametrize("concurrency", [4, None])
async def test_the_reason_why_a_server_limits_us_is_said_once(concurrency):
    said = iter([RequestFailed("rate", "HTTP 429: no more today")] * 3)
    trial = QueueOnTrial(lambda text: next(said, "yes"), concurrency=concurrency)

    asked = trial.ask("hello")
    for _ in range(12):
        await trial.clock.move(5.0)

    assert (await asked).responses[0].raw == b"yes"
    limited = [notice for notice in trial.notices if "limits us" in notice]
    assert len(limited) == 1 and "HTTP 429: no more today" in limited[0]


@pytest.mark.parametrize("kind", ["busy", "rate"])
async def test_a_server_that_wants_to_be_asked_at_once_is_not_asked_all_the_time(kind):
    trial = QueueOnTrial(lambda text: RequestFailed(kind, "HTTP 503", retry_after=0.0))
    asked = [trial.ask(f"{i}", i) for i in range(10)]
    for _ in range(60):
        await trial.clock.move(0.1)

    assert len(trial.model.asked) <= 60  # 6 s: at most six tries each
    for task in asked:
        task.cancel()


async def test_the_breaker_lets_one_probe_through_until_the_server_answers():
    up = False
    trial = QueueOnTrial(lambda text: "yes" if up else RequestFailed("server", "HTTP 503"), concurrency=8)
    asked = [trial.ask(f"{i}", i) for i in range(8)]
    for _ in range(8):
        await trial.clock.move(1.0)
    assert any("probing with one request at a time" in notice for notice in trial.notices)
    trial.model.most_at_work = 0
    before = len(trial.model.asked)
    for _ in range(5):
        await trial.clock.move(3.0)
    assert len(trial.model.asked) > before and trial.model.most_at_work == 1

    up = True
    for _ in range(12):
        await trial.clock.move(4.0)

    assert len(await asyncio.gather(*asked)) == 8
    assert trial.notices[-1] == "m: answers again"


async def test_a_server_that_never_answers_is_down_after_the_wanted_silence():
    trial = QueueOnTrial(lambda text: RequestFailed("connection", "refused"), server_down_after=10.0)
    asked = trial.ask("hello")
    for _ in range(9):
        await trial.clock.move(1.0)
    assert trial.run.reason is None
    for _ in range(8):
        await trial.clock.move(2.0)

    with pytest.raises(RequestFailed):
        await asked
    assert isinstance(trial.run.reason, EndpointDown)


async def test_what_may_have_been_billed_without_an_answer_is_told_and_kept_of_the_budget():
    said = iter([RequestFailed("timeout", "no answer", billed=True), "yes"])
    trial = QueueOnTrial(
        lambda text: next(said), price=Price(1_000_000, 2_000_000, 0), budget=Budget(100.0, None)
    )

    asked = trial.ask("hello")
    await turns()
    await trial.clock.move(1.0)
    await asyncio.wait_for(asked, 5)

    assert [tokens for _, tokens, _ in trial.billed] == [5 + 10]
    assert trial.budget.spent == trial.billed[0][0]  # the answer itself told no tokens


async def test_an_answer_that_takes_too_long_names_the_setting(tmp_path, server):
    server.script = lambda body, attempt: asyncio.sleep(0.4, "late")
    recipe = a_recipe(url=server.url, run={"timeout": 0.05, "server_down_after": 0.2})

    outcome = await run(recipe, tmp_path / "out")

    assert isinstance(outcome.stopped, EndpointDown)
    assert "no answer from local within 0.05 s (`run: timeout`)" in str(outcome.stopped)


async def test_a_request_that_waits_is_given_back_when_the_run_stops():
    trial = QueueOnTrial(lambda text: text, concurrency=1)
    trial.model.gate = asyncio.Event()
    first, second = trial.ask("first"), trial.ask("second")
    await turns()

    trial.run.stop(Interrupted("enough"))
    await turns()

    assert second.done() and isinstance(second.exception(), RequestFailed)
    trial.model.gate.set()
    assert (await first).responses[0].raw == b"first", "what is in flight is kept"
    with pytest.raises(RequestFailed):
        await trial.ask("third")


async def test_an_asker_that_is_cancelled_leaves_its_place_to_others():
    trial = QueueOnTrial(lambda text: text, concurrency=1)
    trial.model.gate = asyncio.Event()
    asked = [trial.ask(name) for name in ("first", "second", "third")]
    await turns()
    asked[1].cancel()
    await turns()
    trial.model.gate.set()

    assert (await asked[2]).responses[0].raw == b"third"
    assert trial.model.asked == ["first", "third"] and trial.stats.in_flight == 0


async def test_refusals_of_everything_stop_the_run_and_one_of_many_does_not():
    trial = QueueOnTrial(lambda text: RequestFailed("refused", "no such field", code="bad"))
    for number in range(REFUSED_ALIKE):
        assert trial.run.reason is None
        with pytest.raises(RequestFailed):
            await trial.ask(str(number), number)
    assert isinstance(trial.run.reason, FatalEndpoint)

    answers = iter(["yes"])
    trial = QueueOnTrial(
        lambda text: next(answers, None) or RequestFailed("refused", "too long", code="long")
    )
    await trial.ask("fine")
    for number in range(REFUSED_ALIKE + 1):
        with pytest.raises(RequestFailed):
            await trial.ask(str(number), number)
    assert trial.run.reason is None


async def test_so_many_a_minute():
    trial = QueueOnTrial(lambda text: text, requests_per_minute=60, concurrency=32)
    asked = [trial.ask(f"{i}", i) for i in range(9)]
    await turns()
    first = len(trial.model.asked)
    assert first == 6  # a tenth of a minute's worth
    for task in asked:
        task.cancel()


async def test_an_error_that_nobody_foresaw_costs_its_request_alone():
    trial = QueueOnTrial(lambda text: ValueError("a bug of the backend") if text == "bad" else text)
    bad = trial.ask("bad")
    good = trial.ask("good", 1)

    assert (await good).responses[0].raw == b"good"
    for _ in range(12):
        await trial.clock.move(20.0)
    with pytest.raises(RequestFailed, match="ValueError: a bug of the backend"):
        await bad
