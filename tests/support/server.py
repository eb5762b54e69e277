"""A small OpenAI-compatible server with faults, and what it says."""

import json
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from aiohttp import web

from prefgen.backends.simulated import Simulated, SimulatedModel
from prefgen.transport.request import ModelRequest
from prefgen.types import Message
from tests.support.recipes import RATE


class Server:
    """Answers by content. `script` maps a request's body and the number of times it came to a response or a
    text.
    """

    def __init__(self) -> None:
        self.script: Callable[[dict, int], object] = lambda body, attempt: (
            f"You said: {body['messages'][-1]['content'][:40]}"
        )
        self.bodies: list[dict] = []
        self.headers: list[dict] = []
        self.seen: Counter[str] = Counter()
        self.url = ""
        self.models: list[dict] | None = None
        """What GET /v1/models lists; None: it has no such route."""

    async def list_models(self, request: web.Request) -> web.Response:
        if self.models is None:
            return web.Response(status=404)
        return web.json_response({"data": self.models})

    async def handle(self, request: web.Request) -> web.StreamResponse:
        raw = await request.read()
        body = json.loads(raw)
        self.bodies.append(body)
        self.headers.append(dict(request.headers))
        self.seen[raw.decode()] += 1
        said = self.script(body, self.seen[raw.decode()])
        if hasattr(said, "__await__"):
            said = await said
        if isinstance(said, web.StreamResponse):
            return said
        if isinstance(said, dict):
            return web.json_response(said)
        return web.json_response(answer(said, body))


@asynccontextmanager
async def serving(server: Server, port: int = 0) -> AsyncIterator[Server]:
    """The server, listening on this machine as long as the block runs."""
    app = web.Application(client_max_size=2**26)
    for path in ("/v1/chat/completions", "/v1/completions", "/v1/embeddings", "/v1/score"):
        app.router.add_post(path, server.handle)
    app.router.add_post("/pooling", server.handle)
    app.router.add_post("/classify", server.handle)
    app.router.add_get("/v1/models", server.list_models)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", port)
    await site.start()
    server.url = f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}/v1"
    yield server
    await runner.cleanup()


def answer(text, body: dict, **choice) -> dict:
    """A chat completion that says `text` in each of the wanted draws."""
    choices = [
        {"index": i, "message": {"role": "assistant", "content": text}, "finish_reason": "stop", **choice}
        for i in range(body.get("n") or 1)
    ]
    return {
        "choices": choices,
        "model": body["model"],
        "usage": {"prompt_tokens": 10, "completion_tokens": 5 * len(choices)},
    }


def by_content(body, attempt):
    """A server that answers by content: rates judges' prompts, else says something that depends on the
    seed.
    """
    text = str(body["messages"][-1]["content"])
    if "The texts that reply" in text:
        return RATE
    seed = body.get("seed") or 0
    choices = [
        {
            "index": i,
            "message": {"content": f"Answer {(seed * 7 + i) % 9973} to {text[:20]}"},
            "finish_reason": "stop",
        }
        for i in range(body.get("n") or 1)
    ]
    return {
        "choices": choices,
        "model": body["model"],
        "usage": {"prompt_tokens": 10, "completion_tokens": 20},
    }


async def as_simulated(body: dict, attempt: int) -> dict:
    """A server that says what the simulated backend says: answers that differ, ratings that a judge gives."""
    draws = body.get("n") or 1
    messages = [Message(role=turn["role"], content=turn["content"]) for turn in body["messages"]]
    seeds = [(body.get("seed") or 0) + draw for draw in range(draws)]
    schema = (body.get("response_format") or {}).get("json_schema", {}).get("schema")
    request = ModelRequest("chat", body["model"], messages=messages, schema=schema, seeds=seeds)
    answers = [response.reply.text for response in await SimulatedModel(Simulated()).send(request)]
    choices = [
        {"index": i, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
        for i, text in enumerate(answers)
    ]
    usage = {"prompt_tokens": 10, "completion_tokens": 20 * draws}
    return {"choices": choices, "model": body["model"], "usage": usage}
