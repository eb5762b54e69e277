"""A small OpenAI-compatible server with faults, and what it says."""

import json
from collections import Counter
from collections.abc import Callable

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
