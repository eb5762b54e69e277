"""A program that is started as vLLM is and answers like it, by content: for what goes wrong with a server,
at the speed of tests. `tests/vllm` does the same with the real one.

Words in a prompt make it fail: DIE ends the process at once, HANG never answers (its health says nothing of
it). `--fail-with TEXT` ends a start with that error, `--never-ready` never answers, `--as NAME` serves
another model than it was told, `--deaths FILE` has each server that is started die at its first request,
until it has happened as often as the file says.
"""

import argparse
import asyncio
import hashlib
import os
import sys
from pathlib import Path

from aiohttp import web

WORKER = "(Worker pid=1) ERROR 12-01 01:00:00 [x.py:1]"


def parsed(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="vllm")
    parser.add_argument("model")
    for flag in (
        "--host",
        "--served-model-name",
        "--generation-config",
        "--fingerprint-mode",
        "--quantization",
    ):
        parser.add_argument(flag)
    parser.add_argument("--fingerprint-value", default="")
    parser.add_argument("--revision")
    parser.add_argument("--port", type=int)
    parser.add_argument("--fail-with")
    parser.add_argument("--as", dest="other")
    parser.add_argument("--max-loras", type=int)
    parser.add_argument("--max-lora-rank", type=int)
    for flag in ("--enable-lora", "--die-of-adapters", "--no-counters"):
        parser.add_argument(flag, action="store_true")
    for flag in ("--never-ready", "--disable-uvicorn-access-log", "--enable-prompt-tokens-details"):
        parser.add_argument(flag, action="store_true")
    return parser.parse_args(words)


class FakeVLLM:
    def __init__(self, settings: argparse.Namespace) -> None:
        self.settings = settings
        self.name = settings.other or settings.served_model_name
        self.tokens = 0

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_get("/health", self.health)
        app.router.add_get("/metrics", self.metrics)
        app.router.add_get("/v1/models", self.models)
        app.router.add_post("/v1/completions", self.completions)
        app.router.add_post("/v1/chat/completions", self.chat)
        app.router.add_post("/v1/load_lora_adapter", self.load_adapter)
        return app

    async def health(self, request: web.Request) -> web.Response:
        return web.Response(status=503 if self.settings.never_ready else 200)

    async def metrics(self, request: web.Request) -> web.Response:
        if self.settings.no_counters:
            return web.Response(text="")
        return web.Response(text=f'vllm:generation_tokens_total{{engine="0"}} {self.tokens}\n')

    async def models(self, request: web.Request) -> web.Response:
        listed = {"id": self.name, "root": self.settings.other or self.settings.model, "max_model_len": 256}
        return web.json_response({"data": [listed]})

    async def load_adapter(self, request: web.Request) -> web.Response:
        if self.settings.die_of_adapters and self.has_a_death_left():
            os._exit(0)
        return web.Response(text="loaded")

    async def completions(self, request: web.Request) -> web.Response:
        return self.answer([{"index": 0, "text": "a", "finish_reason": "length"}])

    async def chat(self, request: web.Request) -> web.Response:
        if request.headers.get("Authorization") != f"Bearer {os.environ['VLLM_API_KEY']}":
            return web.json_response({"error": "Unauthorized"}, status=401)
        body = await request.json()
        prompt = body["messages"][-1]["content"]
        if "SLOW" in prompt:
            await asyncio.sleep(2)
        if "DIE" in prompt or (not self.settings.die_of_adapters and self.has_a_death_left()):
            print(f"{WORKER} RuntimeError: the engine met its end", flush=True)
            os._exit(0)
        if "HANG" in prompt:
            await asyncio.sleep(3600)
        await asyncio.sleep(0.01)
        texts = [
            hashlib.sha256(f"{prompt} {body.get('seed')} {i}".encode()).hexdigest()
            for i in range(body.get("n", 1))
        ]
        message = [
            {"index": i, "message": {"role": "assistant", "content": t}, "finish_reason": "stop"}
            for i, t in enumerate(texts)
        ]
        return self.answer(message, body["model"])

    def has_a_death_left(self) -> bool:
        deaths = os.environ.get("FAKE_DEATHS")
        if deaths is None or not (left := int(Path(deaths).read_text())):
            return False
        Path(deaths).write_text(str(left - 1))
        return True

    def answer(self, choices: list[dict], model: str = "") -> web.Response:
        self.tokens += len(choices)
        return web.json_response(
            {
                "model": model or self.name,
                "system_fingerprint": self.settings.fingerprint_value,
                "choices": choices,
                "usage": {"prompt_tokens": 5, "completion_tokens": len(choices)},
            }
        )


def choice(index: int, prompt: str, seed: int | None) -> dict:
    text = hashlib.sha256(f"{prompt} {seed} {index}".encode()).hexdigest()
    return {
        "index": index,
        "message": {"role": "assistant", "content": text},
        "finish_reason": "stop",
    }


def main() -> None:
    settings = parsed(sys.argv[1:])
    if "FAKE_STARTS" in os.environ:
        with Path(os.environ["FAKE_STARTS"]).open("a") as starts:
            starts.write(f"{os.getpid()}\n")
    if settings.fail_with:
        sys.exit(f"{WORKER} ValueError: {settings.fail_with}\nlast words")
    web.run_app(FakeVLLM(settings).app(), host=settings.host, port=settings.port, print=None)


if __name__ == "__main__":
    main()
