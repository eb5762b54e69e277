"""A server that answers a self-test as it should, or misbehaves in one of the ways that real servers do.

It writes words by seed; the log-probability of a word is a function of the word and the one before, so that
what is read again has the same ones.
"""

import asyncio
import hashlib
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from itertools import pairwise

from aiohttp import web

WORDS = ("wren", "robin", "swift", "tern", "crane", "heron", "finch", "lark")
MODEL = "small"


def number(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big")


def logprob(before: str, token: str) -> float:
    return -0.05 - number(f"{before}>{token}") % 100 / 400


class SelfTested:
    """`faults` are words, each of which makes one thing go wrong."""

    def __init__(self, *faults: str, **settings) -> None:
        self.faults = faults
        self.settings = settings
        self.bodies: list[dict] = []
        self.paths: list[str] = []
        self.url = ""

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self.handle)
        return app

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.paths.append(request.path)
        body = await request.json() if request.method == "POST" else {}
        if body:
            self.bodies.append(body)
        if (whole := await self.instead(request)) is not None:
            return whole
        routes = {
            "/v1/models": self.models, "/version": self.version, "/v1/chat/completions": self.chat,
            "/v1/completions": self.completion, "/v1/embeddings": self.embeddings, "/v1/score": self.score,
            "/classify": self.classify, "/pooling": self.classify, "/tokenize": self.tokenize,
        }  # fmt: skip
        if request.path not in routes or request.path.rsplit("/", 1)[1] in self.settings.get("without", ()):
            return error(404, "no such route")
        return routes[request.path](body)

    async def instead(self, request: web.Request) -> web.StreamResponse | None:
        """What some servers answer to everything."""
        if "hangs" in self.faults:
            await asyncio.sleep(60)
        if "html" in self.faults:
            return web.Response(text="<html><body>Sign in</body></html>", content_type="text/html")
        if "half json" in self.faults:
            return web.Response(text='{"data": [{"id": "sm', content_type="application/json")
        if "redirects" in self.faults:
            return web.Response(status=302, headers={"location": "https://elsewhere.example/login"})
        if "key" in self.faults and request.headers.get("Authorization") != "Bearer right":
            return error(401, f"no: {request.headers.get('Authorization')}")
        if "breaks" in self.faults and request.method == "POST":
            return error(500, "Internal Server Error")
        if "nonsense" in self.faults:
            return web.Response(body=b"\xff\xfe[[[[" * 50, content_type="application/json")
        if "odd shapes" in self.faults:
            odd = {"data": [3, None, {"id": 4}, {"id": MODEL, "max_model_len": "x", "root": 7}]}
            return web.json_response(odd if request.method == "GET" else {"choices": [{"message": 5}]})
        return None

    def models(self, _: dict) -> web.Response:
        if "no list" in self.faults:
            return error(404, "no such route")
        listed = {"id": MODEL, "root": "/weights/small", "parent": None, "max_model_len": 2048}
        return web.json_response({"object": "list", "data": [listed]})

    def version(self, _: dict) -> web.Response:
        return web.json_response({"version": self.settings.get("version", "1.2.3")})

    def refused(self, body: dict) -> web.Response | None:
        """What is refused of a chat or a completion."""
        for field in self.settings.get("refuses", ()):
            if field in body:
                return error(400, f"unsupported parameter: {field}")
        if "temperature" in body and "reasons" in self.faults and body["temperature"] != 1:
            return error(400, "temperature does not support this value, only the default (1) is supported")
        if body["model"] != MODEL and "any name" not in self.faults:
            return error(404, f"The model `{body['model']}` does not exist.")
        if len(body.get("stop") or ()) > 4 and "many stops" not in self.faults:
            return error(400, "at most 4 stop sequences")
        if (body.get("top_logprobs") or 0) > self.settings.get("alternatives", 20):
            return error(400, "top_logprobs is too large")
        if "response_format" in body and "schema 500" in self.faults:
            return error(500, "1 validation error for response_format")
        return None

    def tokens(self, body: dict, draw: int, count: int) -> list[str]:
        seed = body.get("seed") if body.get("temperature", 1) else 0
        if "no temperature" in self.faults:
            seed, draw = 0, 0
        elif body.get("seed") is None or "no seeds" in self.faults:
            seed = len(self.bodies)
        return [f" {WORDS[number(f'{seed} {draw} {i}') % len(WORDS)]}" for i in range(count)]

    def chat(self, body: dict) -> web.Response:
        if (refusal := self.refused(body)) is not None:
            return refusal
        draws = 1 if "one draw" in self.faults else body.get("n") or 1
        choices = [self.choice(body, draw) for draw in range(draws)]
        return self.answer(body, choices)

    def choice(self, body: dict, draw: int) -> dict:
        tokens = self.tokens(body, draw, 5)
        if "response_format" in body and "no schemas" not in self.faults:
            length = 80 if "long texts" in self.faults else 12
            rating = "four" if "schema broken" in self.faults else 4
            tokens = [json.dumps({"name": "w" * length, "rating": rating})]
        if body.get("continue_final_message"):
            tokens = ["1"]
        choice = {"index": draw, "message": {"role": "assistant", "content": "".join(tokens)}}
        choice["finish_reason"] = "stop"
        if body.get("logprobs") and "no logprobs" not in self.faults:
            written = ["x"] * len(tokens) if "other tokens" in self.faults else tokens
            choice["logprobs"] = {"content": self.places(written, body)}
        return choice

    def places(self, tokens: list[str], body: dict) -> list[dict]:
        others = ["1", "2"] if body.get("logprob_token_ids") else []
        if "no alternatives" not in self.faults:
            others = others or [f"o{i}" for i in range((body.get("top_logprobs") or 1) - 1)]
        places = []
        for before, token in zip(["", *tokens], tokens, strict=False):
            top = [{"token": token, "logprob": logprob(before, token)}]
            top += [{"token": other, "logprob": -6.0} for other in others if other != token]
            places.append({**top[0], "top_logprobs": [] if "no alternatives" in self.faults else top})
        return places

    def completion(self, body: dict) -> web.Response:
        if (refusal := self.refused(body)) is not None:
            return refusal
        prompt = [part if i == 0 else f" {part}" for i, part in enumerate(body["prompt"].split(" "))]
        written = self.tokens(body, 0, body["max_tokens"])
        before = [*prompt, *written]
        values: list[float | None] = [
            None, *(logprob(a, b) for a, b in pairwise(before))
        ]  # fmt: skip
        if "wrong echo" in self.faults and body.get("echo"):
            values = [None if v is None else -10.5 for v in values]
        has_echo = body.get("echo") and "no echo" not in self.faults
        start = 0 if has_echo else len(prompt)
        tokens, values = before[start:], values[start:]
        logprobs = {"tokens": tokens, "token_logprobs": values, "top_logprobs": None}
        if "chat shape" in self.faults:
            logprobs = {
                "content": [
                    {"token": t, "logprob": v, "top_logprobs": []}
                    for t, v in zip(tokens, values, strict=True) if v is not None
                ]
            }  # fmt: skip
        choice = {"index": 0, "text": "".join(tokens), "finish_reason": "length", "logprobs": logprobs}
        return self.answer(body, [choice])

    def answer(self, body: dict, choices: list[dict]) -> web.Response:
        usage = {"prompt_tokens": 10, "completion_tokens": 5 * len(choices)}
        said = {"model": body["model"], "choices": choices, "system_fingerprint": "fp-1"}
        return web.json_response(said if "no usage" in self.faults else said | {"usage": usage})

    def embeddings(self, body: dict) -> web.Response:
        return web.json_response({"data": [{"index": 0, "embedding": [0.1, 0.2]}], "model": MODEL})

    def score(self, body: dict) -> web.Response:
        return web.json_response({"data": [{"index": 0, "score": -1.5}], "model": MODEL})

    def classify(self, body: dict) -> web.Response:
        return web.json_response({"data": [{"index": 0, "probs": [-1.5]}], "model": MODEL})

    def tokenize(self, body: dict) -> web.Response:
        return web.json_response({"tokens": [ord(letter) for letter in body["prompt"]]})


def error(status: int, message: str) -> web.Response:
    return web.json_response({"error": {"message": message}}, status=status)


@asynccontextmanager
async def selftested(*faults: str, **settings) -> AsyncGenerator[SelfTested]:
    """Such a server, at work."""
    made = SelfTested(*faults, **settings)
    runner = web.AppRunner(made.app(), shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    try:
        yield made
    finally:
        await runner.cleanup()
