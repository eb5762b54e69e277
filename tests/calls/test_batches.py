"""The batches of a run, with the real client against a server that speaks Files and Batches.
(prefgen/calls/batches.py)
"""

import asyncio
from contextlib import closing
from dataclasses import replace

import pytest

from prefgen.api.run import options_of
from prefgen.calls import batches
from prefgen.calls.journal import Journal
from prefgen.calls.maintenance import repair
from prefgen.engine.progress import Progress
from prefgen.engine.run import Runner
from prefgen.recipe.build import build
from prefgen.recipe.load import recipe_from_data
from tests.support.durability import two_segments
from tests.support.recipes import a_recipe, failures_of, run
from tests.support.server import by_content


def batched(server, **changes):
    """The recipe whose models are asked by batches."""
    return live_recipe(server, batch=True, **changes)


def live_recipe(server, *, batch=False, **changes):
    """The recipe that asks for each draw on its own, as batches do: the server answers by seed."""
    recipe = a_recipe(url=server.url, **changes)
    for endpoint in recipe["run"]["endpoints"].values():
        endpoint.update({"batch": True} if batch else {"n": False})
    return recipe


async def test_a_run_sends_batches_and_goes_on_when_it_is_started_again(tmp_path, provider):
    """Samples first, then what judges them; the rows are those of a live run."""
    live = await run(live_recipe(provider), tmp_path / "live", journal=tmp_path / "live.sqlite")
    asked_live = len(provider.live)

    first = await run(batched(provider), tmp_path / "out")
    second = await run(batched(provider), tmp_path / "out")
    third = await run(batched(provider), tmp_path / "out")

    assert (first.exit_code, second.exit_code, third.exit_code) == (3, 3, 0)
    assert first.incomplete_reason().startswith("come back later: 6 requests of w wait in batch batch_0")
    assert [len(batch.lines) for batch in provider.batches.values()] == [6, 3]
    assert third.manifest.row_digest == live.manifest.row_digest
    assert len(provider.live) == asked_live
    assert not provider.bought_twice


@pytest.fixture(autouse=True)
def short_waits(monkeypatch):
    """What is looked for again is looked for in tenths of a second."""
    monkeypatch.setattr(batches, "FIND_AGAIN", (0.0, 0.05))
    monkeypatch.setattr(batches, "CANCELLING", (0.05, 0.1))
    monkeypatch.setattr(batches, "LISTED_BY", 0.0)


async def to_its_end(server, out, most=8, **changes):
    """Start a run until it is complete; returns its outcomes."""
    outcomes = []
    while len(outcomes) < most and not (outcomes and outcomes[-1].complete):
        outcomes.append(await run(batched(server, **changes), out))
    return outcomes


@pytest.fixture
async def live_digest(tmp_path, provider):
    live = await run(live_recipe(provider), tmp_path / "live", journal=tmp_path / "live.sqlite")
    provider.live.clear()
    return live.manifest.row_digest


@pytest.mark.parametrize("status", ["expired", "cancelled"])
async def test_what_succeeded_is_kept_and_the_rest_is_sent_again(tmp_path, provider, live_digest, status):
    ended = []
    provider.finishes_at_once = False

    def end_first():
        for batch in provider.batches.values():
            if batch.status == "validating":
                provider.finish(batch, *(["completed"] if ended else [status]), answered=None if ended else 4)
                ended.append(batch)

    provider.on["create"] = end_first
    outcomes = await to_its_end(provider, tmp_path / "out")

    assert outcomes[-1].manifest.row_digest == live_digest
    # the rest of the first beside what judges the prompts that were answered
    assert sorted(len(batch.lines) for batch in provider.batches.values()) == [1, 2, 2, 6]
    assert not provider.bought_twice
    assert not provider.live


LOST = [
    ("upload", "before"), ("upload", 500), ("create", "before"), ("create", "after"), ("create", 500),
    ("create", 429), ("look", "before"), ("look", 503), ("download", "before"), ("download", "half"),
    ("download", 500),
]  # fmt: skip


@pytest.mark.parametrize(("step", "fault"), LOST)
async def test_a_connection_that_is_lost_at_any_step_buys_nothing_twice(
    tmp_path, provider, live_digest, step, fault
):
    provider.fail[step] = [fault] * 3  # the client tries most of them three times
    outcomes = await to_its_end(provider, tmp_path / "out")

    assert provider.steps[step] >= 2
    assert [outcome.exit_code for outcome in outcomes[:-1]] == [3] * (len(outcomes) - 1)
    assert outcomes[-1].manifest.row_digest == live_digest
    assert max(provider.in_batches.values()) == 1
    assert not provider.live


async def test_lines_that_fail_are_asked_again_and_refused_ones_are_not(tmp_path, provider):
    """429 and 5xx are asked again, a 400 is a refusal, as live."""
    refusal = {"message": "the prompt is against our policy", "code": "content_policy_violation"}

    def answer_line(body, times):
        text = body["messages"][-1]["content"]
        if text == "One?" and times == 1:
            return (429, {"message": "slow down", "code": "rate_limit_exceeded"})
        if text == "Two?" and times < 3:
            return (500, {"message": "oops"})
        return (400, refusal) if text == "Three?" else by_content(body, times)

    provider.answer_line = answer_line
    outcomes = await to_its_end(provider, tmp_path / "out")

    assert outcomes[-1].complete
    assert outcomes[-1].manifest.yields.prompts_by_outcome == {
        "pair": 2,
        "failed: content_policy_violation": 1,
    }
    assert not provider.bought_twice
    assert max(provider.in_batches.values()) == 3


async def test_a_line_that_fails_in_three_batches_is_a_failure_with_its_reason(tmp_path, provider):
    def answer_line(body, times):
        broken = body["messages"][-1]["content"] == "One?"
        return (500, {"message": "the engine died"}) if broken else by_content(body, times)

    provider.answer_line = answer_line
    outcomes = await to_its_end(provider, tmp_path / "out")

    assert outcomes[-1].complete
    assert max(provider.in_batches.values()) == 3
    [reason] = {row["reason"] for row in failures_of(tmp_path / "out")}
    assert "given up after 3 batches: HTTP 500: the engine died" in reason


ODD_BODIES = [
    {"error": {"message": "overloaded", "code": 503}},
    {"choices": []},
    {"choices": [{"index": 0, "message": {"content": 7}, "finish_reason": "stop"}]},
    {"choices": [{"index": 0, "message": {"content": "Half"}, "finish_reason": "error"}]},
]


@pytest.mark.parametrize("body", ODD_BODIES)
async def test_a_reply_within_a_line_that_is_no_answer_is_asked_again(tmp_path, provider, live_digest, body):
    """As live: an error inside a 200, no choice, an odd shape, an ending that is no ending."""
    provider.answer_line = lambda asked, times: body if times == 1 else by_content(asked, times)
    outcomes = await to_its_end(provider, tmp_path / "out")

    assert outcomes[-1].manifest.row_digest == live_digest
    assert set(provider.in_batches.values()) == {2}


async def test_a_batch_that_fails_as_a_whole_stops_the_run_and_blames_no_line(
    tmp_path, provider, live_digest
):
    provider.finishes_at_once = False
    await run(batched(provider), tmp_path / "out")
    batch = provider.batches["batch_0"]
    batch.status, batch.errors = "failed", [{"code": "billing_hard_limit_reached", "message": "pay first"}]
    failed = await run(batched(provider), tmp_path / "out")
    provider.finishes_at_once = True
    outcomes = await to_its_end(provider, tmp_path / "out")

    assert failed.exit_code == 1
    assert "batch batch_0 failed as a whole" in str(failed.stopped)
    assert "pay first" in str(failed.stopped)
    assert outcomes[-1].manifest.row_digest == live_digest


async def test_a_line_that_a_failed_batch_blames_is_counted_alone(tmp_path, provider, live_digest):
    provider.finishes_at_once = False
    await run(batched(provider), tmp_path / "out")
    batch = provider.batches["batch_0"]
    batch.status, batch.errors = "failed", [{"code": "invalid_json", "message": "cannot be read", "line": 2}]
    blamed = batch.lines[1]["custom_id"]
    provider.finishes_at_once = True
    outcomes = await to_its_end(provider, tmp_path / "out")

    assert outcomes[-1].manifest.row_digest == live_digest
    with closing(Journal(tmp_path / "calls.sqlite")) as journal:
        counted = journal.query("SELECT key FROM batch_lines WHERE outcome = 'failed'")
    assert [key.hex() for (key,) in counted] == [blamed]


async def test_a_limit_of_tokens_makes_smaller_batches_one_after_the_other(tmp_path, provider, live_digest):
    provider.finishes_at_once = False

    def limit():
        open_ones = [b for b in provider.batches.values() if b.status == "validating"]
        for batch in open_ones:
            if len(batch.lines) > 2:
                batch.status = "failed"
                batch.errors = [{"code": "token_limit_exceeded", "message": "Enqueued token limit reached"}]
            else:
                provider.finish(batch)

    provider.on["create"] = limit
    outcomes = await to_its_end(provider, tmp_path / "out", most=20)

    assert outcomes[-1].manifest.row_digest == live_digest
    assert [outcome.exit_code for outcome in outcomes[:-1]] == [3] * (len(outcomes) - 1)
    assert not provider.bought_twice


async def test_online_cancels_keeps_what_was_answered_and_asks_the_rest_live(tmp_path, provider, live_digest):
    provider.finishes_at_once = False
    await run(batched(provider), tmp_path / "out")
    provider.batches["batch_0"].counts = (4, 0)  # so many are answered when it is cancelled
    provider.batches["batch_0"].status = "in_progress"
    pipeline = build(recipe_from_data(batched(provider), tmp_path)).asked_live()
    options = options_of(pipeline, tmp_path / "out", tmp_path / "calls.sqlite", online=True)

    outcome = await Runner(pipeline, options).run()

    assert outcome.complete
    assert provider.batches["batch_0"].status == "cancelled"
    assert sum(provider.bought.values()) == 4
    # by `n` the draws of a prompt that are left go in one request: 1 of 2 groups, then 3 judgments
    assert len(provider.live) == 1 + 3
    assert outcome.manifest.yields.pairs == 3


async def test_a_live_run_on_the_journal_leaves_to_a_batch_what_waits_there(tmp_path, provider):
    provider.finishes_at_once = False
    await run(batched(provider), tmp_path / "out")
    other = await run(live_recipe(provider), tmp_path / "other", journal=tmp_path / "calls.sqlite")

    assert other.exit_code == 3
    assert other.incomplete_reason().startswith("come back later: 6 requests of w wait in batch batch_0")
    assert not provider.live

    provider.finishes_at_once = True
    again = await run(live_recipe(provider), tmp_path / "other", journal=tmp_path / "calls.sqlite")

    assert again.complete
    assert sum(provider.bought.values()) == 6
    assert len(provider.live) == 3  # the judgments


async def test_two_runs_that_send_at_once_never_send_the_same_request(tmp_path, provider):
    journal = tmp_path / "calls.sqlite"
    outs = (tmp_path / "one", tmp_path / "two")
    for _ in range(4):
        outcomes = await asyncio.gather(*(run(batched(provider), out, journal=journal) for out in outs))

    assert [outcome.complete for outcome in outcomes] == [True, True]
    assert max(provider.in_batches.values()) == 1
    assert outcomes[0].manifest.row_digest == outcomes[1].manifest.row_digest


async def test_a_file_holds_no_more_than_its_provider_takes(tmp_path, provider, live_digest, monkeypatch):
    monkeypatch.setattr(batches, "MOST_REQUESTS", 4)
    outcomes = await to_its_end(provider, tmp_path / "out")

    assert outcomes[-1].manifest.row_digest == live_digest
    assert [len(batch.lines) for batch in provider.batches.values()] == [4, 2, 3]


async def test_a_file_is_no_larger_than_its_provider_takes(tmp_path, provider, live_digest, monkeypatch):
    monkeypatch.setattr(batches, "MOST_BYTES", 900)
    outcomes = await to_its_end(provider, tmp_path / "out", most=12)

    assert outcomes[-1].manifest.row_digest == live_digest
    sizes = [len(content) for name, content in provider.files.items() if name.startswith("file_")]
    lines = [content.count(b"\n") for name, content in provider.files.items() if name.startswith("file_")]
    assert all(size <= 900 or count == 1 for size, count in zip(sizes, lines, strict=True))
    assert max(lines) > 1


async def test_a_server_without_batches_is_told_in_one_line(tmp_path, provider):
    provider.has_batches = False
    outcome = await run(batched(provider), tmp_path / "out")

    assert outcome.exit_code == 1
    assert "has no batches (HTTP 404 at /v1/files)" in str(outcome.stopped)
    assert "--online" in str(outcome.stopped)
    assert "\n" not in str(outcome.stopped)


PRICES = {"w": {"input": 1, "output": 10}, "g": {"input": 2, "output": 20}}


async def test_a_batch_costs_half_and_so_do_its_rows(tmp_path, provider):
    full = await run(live_recipe(provider, run={"prices": PRICES}), tmp_path / "live", journal=tmp_path / "l")
    outcomes = await to_its_end(provider, tmp_path / "out", run={"prices": PRICES})
    cost = outcomes[-1].manifest.cost

    # 6 samples of 10 and 20 tokens; 3 judgments of 10 and 5
    wanted = 6 * (10 * 1 + 20 * 10) / 1e6 + 3 * (10 * 2 + 5 * 20) / 1e6
    assert full.manifest.cost.paid_usd == pytest.approx(wanted)
    assert cost.paid_usd == pytest.approx(wanted / 2)
    assert cost.full_usd == pytest.approx(wanted / 2)


async def test_a_budget_keeps_room_for_what_is_in_batches(tmp_path, provider):
    """Two of six samples fit at a time, though each takes a tenth of what is kept for it."""
    recipe = {
        "prices": {"w": {"input": 0, "output": 2}, "g": {"input": 0, "output": 0}},
        "budget_usd": 0.00042,
    }
    provider.finishes_at_once = False
    sent, spent = [], []
    models = a_recipe(url=provider.url)["models"]
    models["writer"]["max_tokens"] = 200  # at half of 2 dollars a million tokens: 0.0002 each
    for _ in range(4):
        outcome = await run(batched(provider, run=recipe, models=models), tmp_path / "out")
        sent.append([len(batch.lines) for batch in provider.batches.values()])
        spent.append(outcome.manifest.cost.paid_usd)
        for batch in provider.batches.values():
            if batch.status == "validating":
                provider.finish(batch)

    assert sent[0] == [2]
    assert spent[0] == 0
    assert spent[1] == pytest.approx(2 * 20 * 1e-6)
    assert len(sent[1]) > 1
    assert not provider.bought_twice


async def test_simulated_models_are_asked_at_once_with_a_notice(tmp_path):
    recipe = a_recipe(run={"endpoints": {"default": {"batch": True}}})
    progress = Progress()
    outcome = await run(recipe, tmp_path / "out", progress=progress)

    assert outcome.complete
    assert any("`batch: true` is left out of account" in notice for notice in progress.stats.notices)


async def test_a_batch_that_was_created_and_cannot_be_found_yet_is_found_by_the_next_start(
    tmp_path, provider, live_digest
):
    """The answer of create is lost, and so is every look for it; or it is not listed yet."""
    provider.fail["create"], provider.fail["list"] = ["after"], [500] * 6
    first = await run(batched(provider), tmp_path / "out")
    provider.fail.clear()
    outcomes = await to_its_end(provider, tmp_path / "out")

    assert first.exit_code == 3
    assert "nobody knows whether a batch was created" in first.incomplete_reason()
    assert outcomes[-1].manifest.row_digest == live_digest
    assert max(provider.in_batches.values()) == 1


async def test_a_batch_that_is_listed_late_is_adopted(tmp_path, provider, live_digest):
    provider.fail["create"], provider.hidden = ["after"], {"batch_0"}
    await run(batched(provider), tmp_path / "out")
    provider.hidden.clear()
    outcomes = await to_its_end(provider, tmp_path / "out")

    assert outcomes[-1].manifest.row_digest == live_digest
    assert max(provider.in_batches.values()) == 1


@pytest.mark.parametrize("has_metadata", [True, False])
async def test_a_young_batch_that_is_not_listed_is_waited_for(
    tmp_path, provider, live_digest, monkeypatch, has_metadata
):
    """Listed after the second start; and by a provider that forgets metadata."""
    monkeypatch.setattr(batches, "LISTED_BY", 600.0)
    provider.keeps_metadata = has_metadata
    provider.fail["create"], provider.hidden = ["after"], {"batch_0"}
    early = [await run(batched(provider), tmp_path / "out") for _ in range(2)]
    provider.hidden.clear()
    outcomes = await to_its_end(provider, tmp_path / "out")

    assert [outcome.exit_code for outcome in early] == [3, 3]
    assert "does not list it" in early[1].incomplete_reason()
    assert outcomes[-1].manifest.row_digest == live_digest
    assert max(provider.in_batches.values()) == 1


async def test_a_batch_is_asked_anew_once_it_is_too_old_to_be_listed_late(
    tmp_path, provider, live_digest, monkeypatch
):
    provider.fail["create"] = ["before"]
    monkeypatch.setattr(batches, "LISTED_BY", 600.0)
    kept = [await run(batched(provider), tmp_path / "out") for _ in range(2)]
    monkeypatch.setattr(batches, "LISTED_BY", 0.0)
    outcomes = await to_its_end(provider, tmp_path / "out")

    assert [outcome.exit_code for outcome in kept] == [3, 3]
    assert outcomes[-1].manifest.row_digest == live_digest
    assert max(provider.in_batches.values()) == 1


@pytest.mark.parametrize("fault", ["after", "before"])
async def test_an_earlier_batch_of_the_same_requests_is_not_taken_for_the_new_one(
    tmp_path, provider, live_digest, fault
):
    """The first fails as a whole, and the answer to the creation of the second is lost."""
    provider.finishes_at_once = False
    await run(batched(provider), tmp_path / "out")
    old = provider.batches["batch_0"]
    old.status, old.errors = "failed", [{"code": "billing_hard_limit_reached", "message": "pay first"}]
    await run(batched(provider), tmp_path / "out")
    provider.fail["create"] = [fault]
    again = await run(batched(provider), tmp_path / "out")
    states = [batch.status for batch in provider.batches.values()]
    provider.finishes_at_once = True
    outcomes = await to_its_end(provider, tmp_path / "out")

    assert again.exit_code == 3
    assert states == ["failed", "validating"][: 2 if fault == "after" else 1]
    assert outcomes[-1].manifest.row_digest == live_digest
    assert not provider.bought_twice


async def test_a_batch_that_an_earlier_version_asked_for_is_found_by_its_digest(
    tmp_path, provider, live_digest
):
    provider.fail["create"], provider.hidden = ["after"], {"batch_0"}
    await run(batched(provider), tmp_path / "out")
    provider.batches["batch_0"].fields["metadata"].pop("prefgen_intent")
    with closing(Journal(tmp_path / "calls.sqlite")) as journal:
        journal.execute([("DELETE FROM batch_inputs", ())])
    provider.hidden.clear()
    outcomes = await to_its_end(provider, tmp_path / "out")

    assert outcomes[-1].manifest.row_digest == live_digest
    assert max(provider.in_batches.values()) == 1


async def test_a_batch_that_was_made_twice_all_the_same_is_cancelled_once(tmp_path, provider):
    provider.fail["create"], provider.hidden = ["after"], {"batch_0"}
    provider.finishes_at_once = False
    await run(batched(provider), tmp_path / "out")
    provider.hidden.clear()
    provider.batches["batch_1"] = replace(provider.batches["batch_0"], id="batch_1")
    await run(batched(provider), tmp_path / "out")

    assert [batch.status for batch in provider.batches.values()] == ["validating", "cancelling"]


async def test_what_is_refused_alike_is_the_recipes_fault_and_is_sent_again_once_it_is_mended(
    tmp_path, provider, live_digest
):
    refusal = (400, {"message": "unknown parameter: seed", "code": "unknown_parameter"})
    provider.answer_line = lambda body, times: refusal
    await run(batched(provider), tmp_path / "out")
    stopped = await run(batched(provider), tmp_path / "out")
    provider.answer_line = by_content
    outcomes = await to_its_end(provider, tmp_path / "out")

    assert stopped.exit_code == 1
    assert "all 6 requests so far were refused alike (unknown_parameter)" in str(stopped.stopped)
    assert outcomes[-1].manifest.row_digest == live_digest


async def test_replies_that_cannot_be_read_yet_are_not_bought_again(tmp_path, provider, live_digest):
    """A file that is listed before it is there, and one that comes by halves."""
    await run(batched(provider), tmp_path / "out")
    provider.finish(provider.batches["batch_0"])
    whole = provider.files.pop("batch_0_output")
    first = await run(batched(provider), tmp_path / "out")
    provider.files["batch_0_output"] = b"".join(whole.splitlines(keepends=True)[:3])
    second = await run(batched(provider), tmp_path / "out")
    provider.files["batch_0_output"] = whole
    outcomes = await to_its_end(provider, tmp_path / "out")

    assert (first.exit_code, second.exit_code) == (3, 3)
    assert outcomes[-1].manifest.row_digest == live_digest
    assert max(provider.in_batches.values()) == 1


async def test_replies_that_are_gone_at_the_provider_are_asked_again(
    tmp_path, provider, live_digest, monkeypatch
):
    monkeypatch.setattr("prefgen.calls.batch_intake.SHOWN_WITHIN", 0.0)
    await run(batched(provider), tmp_path / "out")
    provider.finish(provider.batches["batch_0"])
    provider.files.pop("batch_0_output")
    outcomes = await to_its_end(provider, tmp_path / "out")

    assert outcomes[-1].manifest.row_digest == live_digest
    assert [len(batch.lines) for batch in provider.batches.values()] == [6, 6, 3]


async def test_a_repaired_journal_knows_its_batches(tmp_path, provider, live_digest):
    await run(batched(provider), tmp_path / "out")
    repair(tmp_path / "calls.sqlite")
    outcomes = await to_its_end(provider, tmp_path / "out")

    assert outcomes[-1].manifest.row_digest == live_digest
    assert max(provider.in_batches.values()) == 1


async def test_batches_pass_curators_and_segments(tmp_path, provider):
    """A judge behind a curator is a round of its own, and a model that is asked live goes on meanwhile."""
    recipe = two_segments(url=provider.url)
    recipe["run"]["endpoints"]["grader"]["batch"] = True
    outcomes = [await run(recipe, tmp_path / "out") for _ in range(2)]

    assert [outcome.exit_code for outcome in outcomes] == [3, 0]
    assert not any(body["model"] == "g" for body in provider.live)
    assert {line["body"]["model"] for batch in provider.batches.values() for line in batch.lines} == {"g"}


async def test_what_another_run_asks_live_at_this_moment_is_in_no_batch(tmp_path, provider):
    journal = tmp_path / "calls.sqlite"
    provider.gate.clear()
    live = asyncio.create_task(run(live_recipe(provider), tmp_path / "live", journal=journal))
    while len(provider.live) < 6:
        await asyncio.sleep(0.01)
    meanwhile = await run(batched(provider), tmp_path / "out", journal=journal)
    provider.gate.set()
    finished = await live
    after = await run(batched(provider), tmp_path / "out", journal=journal)

    assert meanwhile.exit_code == 3
    assert "still without a reply" in meanwhile.incomplete_reason()
    assert finished.complete
    assert after.complete
    assert after.manifest.row_digest == finished.manifest.row_digest
    assert not provider.batches


async def test_no_piece_of_a_key_is_said_whatever_a_provider_says(tmp_path, provider, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret-0123456789")
    echo = "Incorrect API key provided: sk-secret-0123456789"
    provider.fail["upload"] = [(401, "invalid_api_key", echo)]
    refused = await run(batched(provider), tmp_path / "refused")
    provider.answer_line = lambda body, times: (400, {"message": echo, "code": "content_policy_violation"})
    await run(batched(provider), tmp_path / "out")
    stopped = await run(batched(provider), tmp_path / "out")

    for outcome in (refused, stopped):
        assert outcome.exit_code == 1
        assert "Incorrect API key provided: [key]" in str(outcome.stopped)
        assert "secret" not in str(outcome.stopped)


@pytest.mark.parametrize("code", ["insufficient_quota", "rate_limit_exceeded"])
async def test_what_is_no_fault_of_a_request_never_loses_it(tmp_path, provider, live_digest, code):
    """Four batches in which a line is answered so, run after run; then there is credit again."""

    def answer_line(body, times):
        has_none = body["messages"][-1]["content"] == "One?" and times <= 4
        return (429, {"message": "none is left", "code": code}) if has_none else by_content(body, times)

    provider.answer_line = answer_line
    outcomes = await to_its_end(provider, tmp_path / "out", most=14)

    assert outcomes[-1].complete, outcomes[-1].stopped
    assert outcomes[-1].manifest.row_digest == live_digest
    assert max(provider.in_batches.values()) == 5


@pytest.mark.parametrize("body", ["<html>Sign in</html>", "[]", "null", '{"half": ', '{"job": {"id": "b"}}'])
@pytest.mark.parametrize("step", ["upload", "create", "look"])
async def test_what_is_no_batch_is_one_line(tmp_path, provider, step, body):
    """A page of a proxy, or JSON of another shape, with status 200."""
    kind = "text/html" if body.startswith("<") else "application/json"
    if step == "look":
        await run(batched(provider), tmp_path / "out")
    provider.fail[step] = [("page", body, kind)] * 3

    outcome = await run(batched(provider), tmp_path / "out")

    assert outcome.exit_code in (1, 3)
    provider.fail.clear()
    outcomes = await to_its_end(provider, tmp_path / "out")
    assert outcomes[-1].complete
    assert not provider.bought_twice
