"""Several servers of one model. (prefgen/backends/_replicas.py)"""

import asyncio
import signal
from contextlib import AsyncExitStack, asynccontextmanager, closing

import pytest
from aiohttp import web

from prefgen.backends._openai_model import OpenAIModel, ServerSettings
from prefgen.backends._replica_list import ReplicaList
from prefgen.backends._replicas import ReplicatedModel
from prefgen.engine.progress import Progress
from prefgen.errors import EndpointDown, FatalEndpoint, RecipeError, RequestFailed, UnexpectedServer
from prefgen.transport.request import Asker, ModelRequest
from prefgen.types import user
from tests.support.places_server import a_server
from tests.support.recipes import a_recipe, run, unused_port
from tests.support.server import Server, by_content, serving


@asynccontextmanager
async def servers(count: int = 2, models: list[dict] | None = None):
    async with AsyncExitStack() as stack:
        made = [await stack.enter_async_context(serving(Server())) for _ in range(count)]
        for server in made:
            server.models = models
        yield made


@asynccontextmanager
async def replicated(*urls: str, timeout: float = 5.0, listed: ReplicaList | None = None):
    """(the model, what it says to the user)."""
    notices: list[str] = []
    model = ReplicatedModel({url: OpenAIModel(ServerSettings(url)) for url in urls}, listed=listed)
    model.asked_by(Asker(timeout, notices.append))
    try:
        yield model, notices
    finally:
        await model.close()


async def ask(model: ReplicatedModel, number: int, about: str | None = None):
    request = ModelRequest(
        "chat", "m", messages=[user(f"Question {number}?")], about=str(number) if about is None else about
    )
    await model.load()
    [response] = await model.send(request)
    return response


def vllm_recipe(*urls: str, file: str = "", **changes):
    """The recipe of `a_recipe` with one model behind these addresses, or those of a file."""
    recipe = a_recipe(url=urls[0] if urls else "", **changes)
    url = file or list(urls)
    for name in ("writer", "grader"):
        recipe["models"][name]["use"] = "vllm"
        recipe["run"]["endpoints"][name] = {"url": url}
    return recipe


QUESTIONS = [f"Question {i}?" for i in range(40)]


def about(server: Server) -> set[str]:
    return {body["messages"][0]["content"] for body in server.bodies}


async def test_what_is_asked_about_one_record_goes_to_one_replica_and_all_have_work():
    async with servers() as (one, two), replicated(one.url, two.url) as (model, _):
        for draw in range(3):
            for number in range(30):
                await ask(model, number)
                assert draw or len(one.bodies) + len(two.bodies) == number + 1

        assert not about(one) & about(two)
        assert min(len(about(one)), len(about(two))) > 5


async def test_a_replica_that_is_clearly_busier_is_not_asked():
    gate = asyncio.Event()

    async def wait(body, attempt):
        await gate.wait()
        return "Yes."

    async with servers() as made, replicated(*(server.url for server in made)) as (model, _):
        for server in made:
            server.script = wait
        asking = [asyncio.create_task(ask(model, 1)) for _ in range(20)]
        await asyncio.sleep(0.2)
        counts = sorted(len(server.bodies) for server in made)
        gate.set()
        await asyncio.gather(*asking)

    assert sum(counts) == 20
    assert counts[1] - counts[0] <= 2


@pytest.mark.parametrize("fault", [502, "close", "timeout", "refuses"])
async def test_what_one_replica_fails_at_another_answers_in_the_same_try(fault):
    async def fails(body, attempt):
        if fault == "timeout":
            await asyncio.sleep(2)
        if fault == "close":
            return web.Response(headers={"Content-Length": "50"}, body=b"{")
        return web.Response(status=502, text="bad gateway")

    async with servers() as (bad, good):
        bad.script = fails
        address = f"http://127.0.0.1:{unused_port()}/v1" if fault == "refuses" else bad.url
        async with replicated(address, good.url, timeout=0.5) as (model, notices):
            responses = [await ask(model, number) for number in range(12)]
            lines = model.replica_lines()

    assert all(response.reply.text.startswith("You said") for response in responses)
    assert len(good.bodies) == 12
    assert len(bad.bodies) == (0 if fault == "refuses" else 1)
    billed = [failure for response in responses for failure in response.before if failure.billed]
    assert len(billed) == (0 if fault == "refuses" else 1)
    assert "aside" in lines[0] and "in flight" in lines[1]
    assert len(notices) == 1 and address in notices[0] and "go to the others" in notices[0]


async def test_a_request_that_every_replica_fails_at_puts_none_aside():
    async with servers() as made, replicated(*(server.url for server in made)) as (model, notices):
        for server in made:
            server.script = lambda body, attempt: web.Response(status=500, text="a bug of this prompt")
        with pytest.raises(RequestFailed) as failed:
            await ask(model, 1)
        lines = model.replica_lines()

    assert (failed.value.kind, len(failed.value.before)) == ("server", 1)
    assert [len(server.bodies) for server in made] == [1, 1]
    assert not notices and not any("aside" in line for line in lines)


async def test_a_refusal_is_the_requests_and_no_other_replica_is_asked():
    async with servers() as made, replicated(*(server.url for server in made)) as (model, notices):
        for server in made:
            server.script = lambda body, attempt: web.json_response(
                {"error": {"message": "prompt is too long", "code": "context_length_exceeded"}}, status=400
            )
        with pytest.raises(RequestFailed) as failed:
            await ask(model, 1)

    assert failed.value.kind == "refused"
    assert sum(len(server.bodies) for server in made) == 1
    assert not notices


async def test_one_that_limits_us_is_asked_less_and_the_others_answer():
    def limits(body, attempt):
        if len(narrow.bodies) % 4:
            return "Yes."
        return web.json_response(
            {"error": {"message": "slow down"}}, status=429, headers={"Retry-After": "1"}
        )

    async with servers() as (narrow, wide), replicated(narrow.url, wide.url) as (model, notices):
        narrow.script = limits
        for first in range(0, 80, 8):
            await asyncio.gather(*(ask(model, number) for number in range(first, first + 8)))
        lines = model.replica_lines()

    assert len(narrow.bodies) < len(wide.bodies) / 2
    assert len(narrow.bodies) + len(wide.bodies) <= 80 + 4
    assert [notice for notice in notices if "limits us" in notice and narrow.url in notice]
    assert not any("aside" in line for line in lines), "a server that limits us is alive"


async def test_where_all_limit_us_the_queue_is_told():
    async with servers() as made, replicated(*(server.url for server in made)) as (model, _):
        for server in made:
            server.script = lambda body, attempt: web.Response(status=503, headers={"Retry-After": "30"})
        with pytest.raises(RequestFailed) as failed:
            await ask(model, 1)
        with pytest.raises(RequestFailed) as paused:
            await ask(model, 2)

    assert (failed.value.kind, failed.value.retry_after) == ("busy", 30)
    assert paused.value.kind == "rate" and 25 < paused.value.retry_after <= 30
    assert sum(len(server.bodies) for server in made) == 2


SERVED = [{"id": "m", "root": "Qwen/Qwen3-8B"}]


@pytest.mark.parametrize(
    ("other", "named"),
    [
        ([{"id": "m", "root": "Qwen/Qwen3-4B"}], ("'Qwen/Qwen3-8B'", "'Qwen/Qwen3-4B'")),
        ([{"id": "n", "root": "Qwen/Qwen3-8B"}], ("serves 'm'", "it serves 'n'")),
    ],
)
async def test_a_replica_of_another_model_ends_the_run_and_both_are_named(other, named):
    async with servers(models=SERVED) as (one, two), replicated(one.url, two.url) as (model, _):
        two.models = other
        asked = (ask(model, number) for number in range(20))
        failed = [
            error
            for error in await asyncio.gather(*asked, return_exceptions=True)
            if isinstance(error, RequestFailed)
        ]

    assert {error.kind for error in failed} == {"fatal"}
    assert all(words in str(failed[0]) for words in (*named, one.url, two.url))
    assert not (one.bodies and two.bodies)


async def test_the_run_says_which_replicas_differ(tmp_path):
    async with servers(models=[{"id": "w", "root": "a"}, {"id": "g", "root": "a"}]) as (one, two):
        two.models = [{"id": "w", "root": "b"}, {"id": "g", "root": "a"}]
        one.script = two.script = by_content
        outcome = await run(vllm_recipe(one.url, two.url, prompts=QUESTIONS), tmp_path / "out")

    assert isinstance(outcome.stopped, FatalEndpoint) and outcome.exit_code == 1
    assert "'a' at" in str(outcome.stopped) and "'b' at" in str(outcome.stopped)


async def test_servers_that_do_not_list_their_models_are_taken():
    async with servers(models=None) as (one, two), replicated(one.url, two.url) as (model, _):
        two.models = SERVED
        for number in range(12):
            await ask(model, number)

        assert one.bodies and two.bodies


async def test_one_that_comes_back_with_another_model_is_not_asked():
    async with servers(models=SERVED) as (one, two), replicated(one.url, two.url) as (model, notices):
        for number in range(12):
            await ask(model, number)
        one.script = lambda body, attempt: web.Response(status=502)
        for number in range(12, 40):
            await ask(model, number)
        one.models = [{"id": "m", "root": "Qwen/Qwen3-4B"}]
        one.script = lambda body, attempt: "Yes."
        before = len(one.bodies)
        await asyncio.sleep(2.5)
        for number in range(100, 112):
            await ask(model, number)

    assert len(one.bodies) == before
    assert [notice for notice in notices if "'Qwen/Qwen3-4B'" in notice and "not asked" in notice]


async def test_a_run_survives_the_death_of_a_replica_and_takes_it_back(tmp_path):
    """No attempt is used up, nothing that was answered is asked twice, the rows are those of one server."""
    recipe = vllm_recipe("http://127.0.0.1:1/v1", prompts=[f"Question {i}?" for i in range(500)])
    recipe["models"]["writer"]["name"] = recipe["models"]["grader"]["name"] = "m"
    progress, port = Progress(), unused_port()
    with a_server("--latency-ms", "40") as (_, lasting):
        with a_server("--latency-ms", "40", port=port) as (dying, mortal):
            for name in ("writer", "grader"):
                recipe["run"]["endpoints"][name]["url"] = [f"{lasting}/v1", f"{mortal}/v1"]
            running = asyncio.create_task(run(recipe, tmp_path / "out", progress=progress))
            while not running.done() and sum(s.requests for s in progress.stats.models.values()) < 40:
                await asyncio.sleep(0.01)
            dying.send_signal(signal.SIGKILL)
        with a_server("--latency-ms", "40", port=port) as (_, again):
            outcome = await running
            came_back = await _total(again)
        single = vllm_recipe(f"{lasting}/v1", prompts=[f"Question {i}?" for i in range(500)])
        single["models"] = recipe["models"]
        alone = await run(single, tmp_path / "alone", journal=tmp_path / "alone.sqlite")

    assert outcome.complete and alone.complete
    stats = list(progress.stats.models.values())
    assert sum(each.retries + each.refused + each.lost for each in stats) == 0
    assert sum(each.requests for each in stats) == 500 + 500, "one request of two draws, one judgment"
    assert came_back > 0
    assert [notice for notice in progress.stats.notices if "answers again" in notice]
    assert outcome.manifest.row_digest == alone.manifest.row_digest


async def _total(address: str) -> int:
    import aiohttp

    async with aiohttp.ClientSession() as session, session.get(f"{address}/stats") as reply:
        return (await reply.json())["total"]


async def test_where_all_are_gone_the_run_ends_as_with_one_server(tmp_path):
    dead = [f"http://127.0.0.1:{unused_port()}/v1" for _ in range(2)]

    outcome = await run(vllm_recipe(*dead), tmp_path / "out")

    assert isinstance(outcome.stopped, EndpointDown) and outcome.exit_code == 3
    assert "cannot reach" in str(outcome.stopped)


async def test_one_that_is_not_there_when_a_run_begins_is_taken_when_it_comes():
    port = unused_port()
    async with servers(1) as [one], replicated(one.url, f"http://127.0.0.1:{port}/v1") as (model, notices):
        await ask(model, 1)
        async with serving(Server(), port) as late:
            await asyncio.sleep(1.5)
            for number in range(12):
                await ask(model, number)
            assert late.bodies

    assert [notice for notice in notices if "answers again" in notice]


async def test_a_list_is_followed_while_the_run_asks(tmp_path, monkeypatch):
    monkeypatch.setattr("prefgen.backends._replica_list.LOOK_SECONDS", 0.0)
    path = tmp_path / "replicas.txt"
    held = asyncio.Event()

    async def hold(body, attempt):
        await held.wait()
        return "At last."

    async with servers() as (one, two):
        path.write_text(f"# ours\n{one.url}\n\n")
        listed = ReplicaList(path, lambda url: OpenAIModel(ServerSettings(url)))
        async with replicated(one.url, listed=listed) as (model, notices):
            await ask(model, 0)
            path.write_text(f"{one.url}\n{two.url}\n")
            for number in range(12):
                await ask(model, number)
            assert two.bodies

            one.script = hold
            unanswered = asyncio.create_task(ask(model, 0, about=_own(model, one.url)))
            await asyncio.sleep(0.1)
            asked = len(one.bodies)
            path.write_text(f"{two.url}\n")
            for number in range(12, 24):
                await ask(model, number)
            assert len(one.bodies) == asked
            held.set()
            assert (await unanswered).reply.text == "At last."

            path.write_text("gpu3:8000\n")
            for number in range(24, 30):
                await ask(model, number)

    said = "\n".join(notices)
    assert f"{two.url} is a replica from now on" in said
    assert f"{one.url} is no replica any more" in said
    assert "line 1" in said and "the replicas stay as they are" in said


def _own(model: ReplicatedModel, url: str) -> str:
    """A record that stays with the replica at this address."""
    from prefgen.backends._replica import chosen

    return next(str(i) for i in range(1000) if chosen(model._replicas, str(i)).name == url)


async def test_a_recipe_names_a_file_of_addresses(tmp_path):
    async with servers() as (one, two):
        one.script = two.script = by_content
        (tmp_path / "replicas.txt").write_text(f"{one.url}\n{two.url}\n")
        recipe = vllm_recipe(file="replicas.txt", prompts=QUESTIONS)
        outcome = await run(recipe, tmp_path / "out", folder=tmp_path)
        (tmp_path / "replicas.txt").write_text("https://llm.example.com/v1\n")
        again = await run(recipe, tmp_path / "out", folder=tmp_path, live=False)

    assert outcome.complete and again.complete
    assert one.bodies and two.bodies


@pytest.mark.parametrize(
    ("text", "words"),
    [(None, "no file of addresses"), ("", "holds no address"), ("http://a/v1\nb:1\n", "line 2")],
)
async def test_a_file_that_is_no_list_is_found_before_anything_is_asked(tmp_path, text, words):
    if text is not None:
        (tmp_path / "replicas.txt").write_text(text)

    with pytest.raises(RecipeError, match=words):
        await run(vllm_recipe(file="replicas.txt"), tmp_path / "out", folder=tmp_path)


async def test_replies_of_all_replicas_are_the_recipes_own_and_of_removed_ones_this_runs(tmp_path):
    houses = ["https://a.example.com/v1", "https://b.example.com/v1"]
    async with servers() as (one, two):
        one.script = two.script = by_content
        await run(vllm_recipe(one.url, two.url, prompts=QUESTIONS), tmp_path / "out")
    progress = Progress()
    for store in (tmp_path / "out").glob("record_store.sqlite*"):
        store.unlink()

    moved = await run(
        vllm_recipe(*houses, prompts=QUESTIONS), tmp_path / "out", live=False, progress=progress
    )
    added = await run(vllm_recipe(*houses, one.url, prompts=QUESTIONS), tmp_path / "other", live=False)
    foreign = await run(vllm_recipe(*houses, prompts=QUESTIONS), tmp_path / "third", live=False)

    assert moved.complete and added.complete
    assert [notice for notice in progress.stats.notices if "by local, which is no replica any more" in notice]
    assert isinstance(foreign.stopped, UnexpectedServer)
    assert "'a.example.com' or 'b.example.com'" in str(foreign.stopped)
    assert {server.host for server in moved.manifest.served_by} == {"local"}


class Told(OpenAIModel):
    """A server of another host."""

    def __init__(self, url: str, host: str) -> None:
        super().__init__(ServerSettings(url))
        self.host = host


async def test_a_reply_is_of_the_host_that_gave_it():
    async with servers() as (one, two):
        one.script = two.script = lambda body, attempt: "Yes."
        model = ReplicatedModel({one.url: Told(one.url, "gpu1:8000"), two.url: Told(two.url, "gpu2:8000")})
        hosts = [(await ask(model, number)).host for number in range(20)]
        await model.close()

    assert model.replica_hosts == {"gpu1:8000", "gpu2:8000"}
    assert (hosts.count("gpu1:8000"), hosts.count("gpu2:8000")) == (len(one.bodies), len(two.bodies))
    assert one.bodies and two.bodies


async def test_what_was_lost_at_a_replica_counts_as_possibly_billed(tmp_path):
    from prefgen.calls.journal import Journal
    from prefgen.engine.run_folder import run_id_of

    async with servers() as (one, two):
        one.script = two.script = by_content
        prices = {"w": {"input": 1, "output": 1}, "g": {"input": 1, "output": 1}}
        recipe = vllm_recipe(one.url, two.url, prompts=QUESTIONS, run={"prices": prices})
        one.script = lambda body, attempt: web.Response(status=504)
        outcome = await run(recipe, tmp_path / "out")

    assert outcome.complete
    with closing(Journal(tmp_path / "calls.sqlite")) as journal:
        counted = journal.spent(run_id_of(tmp_path / "out"))
    answered = 40 * (20 + 10) + 40 * (10 + 5)
    assert counted.tokens > answered
