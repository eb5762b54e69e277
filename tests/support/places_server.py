"""A server of its own process that works on so many requests at once, as vLLM does: what is more waits, and
/metrics tells how much. Answers by content, as the simulated backend does.

    python -m tests.support.places_server --latency-ms 100 --places 32
"""

import argparse
import asyncio
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.request import urlopen

from aiohttp import web

from tests.support.paths import ROOT
from tests.support.recipes import unused_port
from tests.support.server import as_simulated

METRICS = """# HELP vllm:num_requests_running Number of requests in model execution batches.
# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{{engine="0",model_name="m"}} {running}.0
# HELP vllm:num_requests_waiting Number of requests waiting to be processed.
# TYPE vllm:num_requests_waiting gauge
vllm:num_requests_waiting{{engine="0",model_name="m"}} {waiting}.0
"""


@dataclass
class Places:
    """What it works on. `model` is the only one that it serves, `root` where that came from."""

    latency: float
    count: int
    model: str = "m"
    root: str = "weights"
    running: int = 0
    waiting: int = 0
    total: int = 0
    first: float = 0.0
    last: float = 0.0
    free: asyncio.Semaphore = field(init=False)

    def __post_init__(self) -> None:
        self.free = asyncio.Semaphore(self.count)

    async def chat(self, request: web.Request) -> web.Response:
        body = await request.json()
        self.total += 1
        self.first = self.first or time.monotonic()
        self.waiting += 1
        async with self.free:
            self.waiting -= 1
            self.running += 1
            try:
                began = time.monotonic()
                answer = await as_simulated(body, 1)
                await asyncio.sleep(self.latency - (time.monotonic() - began))
            finally:
                self.running -= 1
        self.last = time.monotonic()
        return web.json_response(answer)

    async def models(self, request: web.Request) -> web.Response:
        return web.json_response({"data": [{"id": self.model, "root": self.root}]})

    async def metrics(self, request: web.Request) -> web.Response:
        return web.Response(text=METRICS.format(running=self.running, waiting=self.waiting))

    async def stats(self, request: web.Request) -> web.Response:
        return web.json_response({"total": self.total, "span_s": self.last - self.first})


async def serve(options: argparse.Namespace) -> None:
    places = Places(options.latency_ms / 1000, options.places, options.model, options.root)
    app = web.Application()
    app.router.add_post("/v1/chat/completions", places.chat)
    app.router.add_get("/v1/models", places.models)
    app.router.add_get("/stats", places.stats)
    if not options.no_metrics:
        app.router.add_get("/metrics", places.metrics)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", options.port).start()
    await asyncio.Event().wait()


@contextmanager
def a_server(*options: str, port: int | None = None) -> Iterator[tuple[subprocess.Popen, str]]:
    """(its process, its address without /v1), as long as the block runs."""
    port = port or unused_port()
    command = [sys.executable, "-m", "tests.support.places_server", "--port", str(port), *options]
    process = subprocess.Popen(command, cwd=ROOT)
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(200):
            try:
                urlopen(f"{address}/v1/models", timeout=5).close()
                break
            except OSError:
                time.sleep(0.05)
        yield process, address
    finally:
        process.kill()
        process.wait()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--latency-ms", type=float, default=100)
    parser.add_argument("--places", type=int, default=32)
    parser.add_argument("--model", default="m")
    parser.add_argument("--root", default="weights")
    parser.add_argument("--no-metrics", action="store_true")
    asyncio.run(serve(parser.parse_args()))


if __name__ == "__main__":
    main()
