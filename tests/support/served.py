"""Models that take turns: a backend that starts a small HTTP server when it is loaded and stops it when it
makes room. No more than so many may be up at once: each holds a lock of a file, which the kernel takes from a
process that is killed.
"""

import asyncio
import fcntl
import json
import os
import threading
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import IO, Any, ClassVar

from prefgen.backends._openai_model import OpenAIModel, ServerSettings
from prefgen.errors import RequestFailed
from prefgen.plugins.decorators import backend
from prefgen.plugins.plugin import Plugin
from prefgen.transport.request import ModelHooks
from tests.support.recipes import a_recipe
from tests.support.server import answer, as_simulated

FOLDER = "PREFGEN_TEST_SERVED"
"""The variable that names the folder in which the servers write down what they did."""
SLOTS = "PREFGEN_TEST_SLOTS"


def says(body: dict) -> dict:
    """By content and by the model: what the simulated backend says, a number where that is all that is
    wanted.
    """
    text = str(body["messages"][-1]["content"])
    if " / " in text and len(text) < 200:
        return answer(str(1 + (len(text) + len(body["model"])) % 5), body)
    return asyncio.run(as_simulated(body, 1))


def note(file: str, **what: Any) -> None:
    """Write a line down; a process that is killed leaves whole lines."""
    with (Path(os.environ[FOLDER]) / file).open("ab", buffering=0) as lines:
        lines.write(json.dumps(what).encode() + b"\n")


def noted(folder: Path, file: str) -> list[dict]:
    """What was written down."""
    path = folder / file
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def loads(folder: Path) -> list[str]:
    """The models that were loaded, in their order."""
    return [line["model"] for line in noted(folder, "servers") if line["event"] == "load"]


def events(out: Path) -> list[str]:
    """What was loaded and unloaded, as a run's log has it."""
    lines = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    return [f"{line['event']} {line['model']}" for line in lines if line["event"] in ("load", "unload")]


def asked_twice(folder: Path) -> list[str]:
    """Requests that were sent more than once."""
    bodies = Counter(json.dumps(line, sort_keys=True) for line in noted(folder, "asked"))
    return [body for body, times in bodies.items() if times > 1]


class Handler(BaseHTTPRequestHandler):
    """A server of the OpenAI protocol."""

    protocol_version = "HTTP/1.1"
    faults: ClassVar[dict[str, tuple[int, str]]] = {}
    """{model: (status with which it answers, texts in which this stands)}."""

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        fault, text = self.faults.get(body["model"], (200, ""))
        status = fault if text in json.dumps(body["messages"]) else 200
        note("asked", **body)
        said = says(body) if status == 200 else {"error": {"message": "no", "code": "odd"}}
        reply = json.dumps(said).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(reply)))
        self.end_headers()
        self.wfile.write(reply)

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@backend("test_served")
class Served(Plugin):
    """A model that is served while it is loaded."""

    fails: str = ""
    """What its load says when it fails."""
    devices: int = 1
    load_seconds: float = 0.0
    location: str = ""
    """The model's name."""
    revision: str | None = None

    @asynccontextmanager
    async def connect(self) -> AsyncGenerator["ServedModel"]:
        model = ServedModel(self)
        try:
            yield model
        finally:
            assert model.server is None, "it was left loaded"


class ServedModel(ModelHooks):
    """See `prefgen.transport.request.ConnectedModel`."""

    takes_turns = True
    backend = "test_served"
    host = "local"

    def __init__(self, settings: Served) -> None:
        self._settings, self.devices = settings, settings.devices
        self.server: ThreadingHTTPServer | None = None
        self._slot: IO[bytes] | None = None
        self._client = OpenAIModel(ServerSettings(address="http://127.0.0.1:1/v1", api_key_env="NO_KEY"))

    async def load(self) -> None:
        if self.server is not None:
            return
        self._slot = self._slot or self._free_slot()
        await asyncio.sleep(self._settings.load_seconds)
        if self._settings.fails:
            raise RequestFailed("fatal", self._settings.fails)
        note("servers", event="load", model=self._settings.location)
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()
        address = f"http://127.0.0.1:{self.server.server_address[1]}/v1"
        self._client = OpenAIModel(ServerSettings(address=address, api_key_env="NO_KEY"))

    def _free_slot(self) -> IO[bytes]:
        for number in range(int(os.environ.get(SLOTS, "1"))):
            slot = (Path(os.environ[FOLDER]) / f"slot-{number}").open("ab")
            try:
                fcntl.flock(slot, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                slot.close()
            else:
                return slot
        note("too_many", model=self._settings.location)
        raise RequestFailed("fatal", "there is no memory for another model")

    async def unload(self) -> None:
        await self._client.close()
        if self.server is not None:
            await asyncio.to_thread(self.server.shutdown)
            self.server.server_close()
            note("servers", event="unload", model=self._settings.location)
        self.server = None
        if self._slot is not None:
            self._slot.close()
        self._slot = None

    async def send(self, request):
        assert self.server is not None, "asked while it is not loaded"
        return await self._client.send(request)

    def parse(self, raw, endpoint):
        return self._client.parse(raw, endpoint)


def in_turns(stages: list, *models: str, use: str = "test_served", prompts: int = 6, **run: Any) -> dict:
    """A recipe of models that take turns; `stages` follow the prompts."""
    endpoints = {name: run.pop(name, {}) for name in models}
    recipe = a_recipe(prompts=[f"Question {i}?" for i in range(prompts)], run={"resident": 1, **run})
    recipe["models"] = {
        name: {"use": use, "name": f"m-{name}", "temperature": 1.0 if name == models[0] else 0}
        for name in models
    }
    recipe["run"]["endpoints"] = endpoints
    recipe["stages"] = [recipe["stages"][0], *stages]
    return recipe


CHAIN = [
    {"sample": {"use": "each", "model": "a", "n": 2}},
    {"revise": {"use": "improve", "model": "b"}},
    {"judge": {"first": {"use": "ultrafeedback", "model": "c", "aspects": ["helpfulness"]}}},
    {"judge": {"second": {"use": "ultrafeedback", "model": "d", "aspects": ["honesty"]}}},
    {"pair": {"use": "best_vs_worst", "score": {"mean": ["first", "second"]}, "ties": "keep"}},
]
"""Four models one after the other."""
