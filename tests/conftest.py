"""What all tests share: no network but loopback, no environment of the user's, a small OpenAI-compatible server with faults."""

import json
import os
import socket
from collections import Counter
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from aiohttp import web
from hypothesis import HealthCheck, settings

from prefgen.kit.templates import set_recipe_folder

settings.register_profile(
    "prefgen", deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
settings.load_profile("prefgen")

SHARED = Path(__file__).resolve().parents[2] / "shared"

_connect = socket.socket.connect


def _loopback_only(self, address):
    host = address[0] if isinstance(address, tuple) else ""
    if host and host not in ("127.0.0.1", "::1", "localhost"):
        raise AssertionError(f"a test tried to reach {host}")
    return _connect(self, address)


@pytest.fixture(autouse=True)
def _no_network(monkeypatch, tmp_path):
    monkeypatch.setattr(socket.socket, "connect", _loopback_only)
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "HF_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    set_recipe_folder(None)
    os.environ["HF_HUB_OFFLINE"] = "1"


class Server:
    """Answers by content. `script` maps a request's body and the number of times it came to a response or a text."""

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


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    made = Server()
    app = web.Application(client_max_size=2**26)
    app.router.add_post("/v1/chat/completions", made.handle)
    app.router.add_post("/v1/completions", made.handle)
    app.router.add_post("/v1/embeddings", made.handle)
    app.router.add_post("/v1/score", made.handle)
    app.router.add_post("/pooling", made.handle)
    app.router.add_post("/classify", made.handle)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    made.url = f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}/v1"
    yield made
    await runner.cleanup()


@pytest.fixture
def shared() -> Path:
    if not SHARED.is_dir():
        pytest.skip("../shared (real prompts and recorded answers) is not on this machine")
    return SHARED
