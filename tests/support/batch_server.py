"""A server that speaks OpenAI's Files and Batches, with faults, and counts what is bought of it."""

import asyncio
import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from aiohttp import web

from tests.support.server import answer, by_content


@dataclass
class Batch:
    """One batch. `answers` are its lines with their replies, in the order of the file."""

    id: str
    fields: dict
    status: str = "validating"
    lines: list[dict] = field(default_factory=list)
    output_file_id: str | None = None
    error_file_id: str | None = None
    errors: list[dict] = field(default_factory=list)
    counts: tuple[int, int] = (0, 0)

    def as_json(self) -> dict:
        completed, failed = self.counts
        return {
            "id": self.id, "object": "batch", "endpoint": self.fields["endpoint"],
            "input_file_id": self.fields["input_file_id"], "completion_window": "24h",
            "created_at": 1_700_000_000 + int(self.id.rpartition("_")[2]), "status": self.status,
            "metadata": self.fields.get("metadata"),
            "output_file_id": self.output_file_id, "error_file_id": self.error_file_id,
            "errors": {"object": "list", "data": self.errors} if self.errors else None,
            "request_counts": {"total": len(self.lines), "completed": completed, "failed": failed},
        }  # fmt: skip


class BatchServer:
    """Answers what is in a batch by content when `finish` says so, and chat requests at once.

    `answer_line(body, times)` is the reply to a line, or (status, error); `fail` maps a step (upload, create,
    look, list, cancel, download) to what is to happen instead, each once: a status, "before" (the connection
    is lost, and nothing done) or "after" (done, and the answer lost). `before` and `on` map a step to what is
    called before and after it is done, and before it is answered.
    """

    def __init__(self) -> None:
        self.url = ""
        self.files: dict[str, bytes] = {}
        self.batches: dict[str, Batch] = {}
        self.bought: Counter[str] = Counter()
        """{custom_id: how often it was answered in a batch}."""
        self.in_batches: Counter[str] = Counter()
        """{custom_id: in how many batches it was}."""
        self.live: list[dict] = []
        self.gate = asyncio.Event()
        """Live requests are answered while it is set."""
        self.gate.set()
        self.fail: dict[str, list] = {}
        self.on: dict[str, Callable[[], object]] = {}
        self.before: dict[str, Callable[[], object]] = {}
        self.steps: Counter[str] = Counter()
        self.finishes_at_once = True
        self.cancels_at_once = True
        self.has_batches = True
        self.answer_line: Callable[[dict, int], object] = by_content
        self.hidden: set[str] = set()
        self.keeps_metadata = True

    def app(self) -> web.Application:
        app = web.Application(client_max_size=2**28)
        app.router.add_post("/v1/chat/completions", self._chat)
        app.router.add_post("/v1/files", self._step("upload", self._upload))
        app.router.add_get("/v1/files/{id}/content", self._step("download", self._content))
        app.router.add_post("/v1/batches", self._step("create", self._create))
        app.router.add_get("/v1/batches", self._step("list", self._list))
        app.router.add_get("/v1/batches/{id}", self._step("look", self._look))
        app.router.add_post("/v1/batches/{id}/cancel", self._step("cancel", self._cancel))
        return app

    def _step(self, name, handle):
        async def handler(request: web.Request) -> web.StreamResponse:
            if not self.has_batches:
                return web.json_response({"detail": "Not Found"}, status=404)
            self.steps[name] += 1
            if name in self.before:
                self.before[name]()
            fault = self.fail[name].pop(0) if self.fail.get(name) else None
            if fault == "before":
                request.transport.abort()
                raise asyncio.CancelledError
            if isinstance(fault, int):
                error = {"message": f"no {name} now", "code": None, "type": "error"}
                return web.json_response({"error": error}, status=fault)
            if isinstance(fault, tuple) and fault[0] == "page":
                return web.Response(text=fault[1], content_type=fault[2])
            if isinstance(fault, tuple):
                status, code, message = fault
                return web.json_response({"error": {"message": message, "code": code}}, status=status)
            response = await handle(request)
            if name in self.on:
                self.on[name]()
            if fault == "after":
                request.transport.abort()
                raise asyncio.CancelledError
            if fault == "half" and isinstance(response, web.Response):
                half = web.StreamResponse(headers={"Content-Length": str(len(response.body))})
                await half.prepare(request)
                await half.write(response.body[: len(response.body) // 2])
                request.transport.abort()
                return half
            return response

        return handler

    async def _chat(self, request: web.Request) -> web.Response:
        body = await request.json()
        self.live.append(body)
        await self.gate.wait()
        said = self.answer_line(body, 1)
        if isinstance(said, tuple):
            return web.json_response({"error": said[1]}, status=said[0])
        return web.json_response(said if isinstance(said, dict) else answer(said, body))

    async def _upload(self, request: web.Request) -> web.Response:
        form = await request.post()
        assert form["purpose"] == "batch"
        file_id = f"file_{len(self.files)}"
        self.files[file_id] = form["file"].file.read()
        return web.json_response(
            {
                "id": file_id, "object": "file", "bytes": len(self.files[file_id]), "created_at": 1,
                "filename": form["file"].filename, "purpose": "batch", "status": "processed",
            }
        )  # fmt: skip

    async def _create(self, request: web.Request) -> web.Response:
        fields = await request.json()
        if not self.keeps_metadata:
            fields["metadata"] = None
        batch = Batch(f"batch_{len(self.batches)}", fields)
        batch.lines = [json.loads(line) for line in self.files[fields["input_file_id"]].splitlines()]
        assert {line["url"] for line in batch.lines} == {fields["endpoint"]}, "one endpoint a file"
        assert len({line["body"]["model"] for line in batch.lines}) == 1, "one model a file"
        self.in_batches.update(line["custom_id"] for line in batch.lines)
        self.batches[batch.id] = batch
        return web.json_response(batch.as_json())

    async def _list(self, request: web.Request) -> web.Response:
        every = [b.as_json() for b in reversed(self.batches.values()) if b.id not in self.hidden]
        ids = [b["id"] for b in every]
        after = request.query.get("after")
        start = ids.index(after) + 1 if after else 0
        page = every[start : start + 2]  # small pages, so that there is more than one
        return web.json_response({"object": "list", "data": page, "has_more": start + 2 < len(every)})

    async def _look(self, request: web.Request) -> web.Response:
        batch = self.batches.get(request.match_info["id"])
        if batch is None:
            return web.json_response({"error": {"message": "No such batch"}}, status=404)
        if self.finishes_at_once and batch.status in ("validating", "in_progress"):
            self.finish(batch)
        elif batch.status == "cancelling":
            self.finish(batch, "cancelled", answered=batch.counts[0])
        return web.json_response(batch.as_json())

    async def _cancel(self, request: web.Request) -> web.Response:
        batch = self.batches[request.match_info["id"]]
        if batch.status in ("validating", "in_progress"):
            batch.status = "cancelling"
        return web.json_response(batch.as_json())

    async def _content(self, request: web.Request) -> web.Response:
        content = self.files.get(request.match_info["id"])
        if content is None:
            return web.json_response({"error": {"message": "No such File object"}}, status=404)
        return web.Response(body=content, content_type="application/octet-stream")

    def finish(self, batch: Batch, status: str = "completed", *, answered: int | None = None) -> None:
        """End a batch with so many lines answered (all)."""
        batch.status = status
        if status == "failed":
            return
        done = batch.lines if answered is None else batch.lines[:answered]
        output, errors = [], []
        for line in done:
            custom_id = line["custom_id"]
            said = self.answer_line(line["body"], self.in_batches[custom_id])
            if isinstance(said, tuple):
                response = {"status_code": said[0], "request_id": "r", "body": {"error": said[1]}}
                errors.append({"id": "x", "custom_id": custom_id, "response": response, "error": None})
                continue
            self.bought[custom_id] += 1
            body = said if isinstance(said, dict) else answer(said, line["body"])
            response = {"status_code": 200, "request_id": "r", "body": body}
            output.append({"id": "x", "custom_id": custom_id, "response": response, "error": None})
        for line in batch.lines[len(done) :]:
            error = {"code": f"batch_{status}", "message": "This request could not be executed in time."}
            errors.append({"id": "x", "custom_id": line["custom_id"], "response": None, "error": error})
        batch.counts = (len(output), len(errors))
        batch.output_file_id = self._file_of(f"{batch.id}_output", reversed(output))  # in any order
        batch.error_file_id = self._file_of(f"{batch.id}_errors", errors)

    def _file_of(self, name: str, lines) -> str | None:
        content = "".join(json.dumps(line) + "\n" for line in lines)
        if not content:
            return None
        self.files[name] = content.encode()
        return name

    @property
    def bought_twice(self) -> list[str]:
        return [custom_id for custom_id, times in self.bought.items() if times > 1]


async def start(server: BatchServer) -> web.AppRunner:
    """Serve it on a free port of this machine."""
    runner = web.AppRunner(server.app())
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    server.url = f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}/v1"
    return runner


@pytest.fixture
async def provider():
    server = BatchServer()
    runner = await start(server)
    yield server
    await runner.cleanup()
