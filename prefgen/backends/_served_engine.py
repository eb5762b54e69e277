"""A server that the run keeps: vLLM is started when it is first asked, watched, started again where it dies
or hangs, and stopped.

A death costs no request an attempt. Should one request kill the engine each time, it is found by asking one
at a time, and refused.
"""

import asyncio
import secrets
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

from prefgen.backends._openai_model import OpenAIModel, ServerSettings
from prefgen.errors import RecipeError, RequestFailed
from prefgen.serving.adapters import Adapter
from prefgen.serving.gpus import GPUPool, gpu_ids
from prefgen.serving.server_process import ServerProcess
from prefgen.serving.strays import end_stray, note_server
from prefgen.serving.vllm_command import (
    FINGERPRINT_SINCE,
    Serve,
    Weights,
    devices_of,
    environment,
    serve_command,
    vllm_version,
)
from prefgen.serving.vllm_log import is_port_taken
from prefgen.serving.vllm_server import VLLMServer, free_port
from prefgen.transport.request import ModelRequest, ModelResponse, RunPlace

PORT_TRIES = 3
CAUTIOUS_AFTER = 2
"""Deaths with no reply between them, or with the same request in flight, after which requests go alone."""
GIVE_UP_AFTER = 3
"""Requests in a row that kill the engine, each alone, after which it is no request's fault."""
DEATH_WAIT = 10.0
"""Seconds in which an engine that has died takes its server along."""
ADAPTER_DEATH_WAIT = 2.0
"""Seconds in which a server ends that died while it was given an adapter."""
ENGINE_DIED = "engine_died"


class ServedEngine:
    """One vLLM server that the run keeps: of a model, and of adapters on it."""

    def __init__(self, serve: Serve, weights: Weights, settings: ServerSettings, place: RunPlace) -> None:
        self.adapters: list[Adapter] = []
        self.weights = weights
        self._serve, self._settings, self._place = serve, settings, place
        self._server: VLLMServer | None = None
        self.client: OpenAIModel | None = None
        self._gpus: list[str] = []
        self._loaded_adapters: set[str] = set()
        self._starting = asyncio.Lock()
        self._alone = asyncio.Lock()
        self._in_flight: dict[int, ModelRequest] = {}
        self._deaths = 0
        """Since the last reply."""
        self._deaths_of: dict[int, int] = {}
        """{id of a request that is not answered yet: deaths during which it was in flight}."""
        self._killers = 0
        """Requests that killed the engine alone, since the last reply."""
        self._gave_up = ""

    # --- loading --------------------------------------------------------------------------------------------

    async def load(self) -> None:
        """Have the server up. Raises RequestFailed (`fatal`) with the cause where it cannot be."""
        if self._server is not None and self._server.is_up:
            return
        async with self._starting:
            if self._server is not None and self._server.is_up:
                return
            if self._gave_up:
                raise RequestFailed("fatal", self._gave_up)
            await self._leave_server()
            try:
                await self._start()
            except RecipeError as error:
                raise RequestFailed("fatal", str(error)) from None

    async def unload(self) -> None:
        """Stop the server; what it held is free when this returns."""
        async with self._starting:
            if self._server is not None:
                self._place.show("stopping")
            await self._leave_server()
            self._place.show("")

    async def _leave_server(self) -> None:
        server, client = self._server, self.client
        self._server = self.client = None
        self._loaded_adapters.clear()
        if client is not None:
            await client.close()
        if server is not None:
            await server.stop()
        if self._gpus:
            self._pool().give_back(self._gpus)
            self._gpus = []

    def _pool(self) -> GPUPool:
        pool = self._place.servers.get("GPUs")
        return pool if pool is not None else self._place.servers.setdefault("GPUs", GPUPool(gpu_ids()))

    async def _start(self) -> None:
        program = self._serve.program()
        self._gpus = self._pool().take(devices_of(self._serve))
        own_gpus = {"CUDA_VISIBLE_DEVICES": ",".join(self._gpus)} if self._gpus else {}
        version = await asyncio.to_thread(vllm_version, program)
        has_fingerprint = version is None or version >= FINGERPRINT_SINCE
        servers = self._place.folder / "servers"
        log = servers / f"{self._place.name}.log"
        note = servers / f"{self._place.name}.json"
        await end_stray(note, self._place.notify)
        key = secrets.token_hex(16)
        for _ in range(PORT_TRIES):
            port = free_port()
            command = serve_command(
                program, self._serve, self.weights, port,
                has_fingerprint=has_fingerprint, ranks=[adapter.rank for adapter in self.adapters],
            )  # fmt: skip
            variables = {
                **own_gpus, **environment(self._serve, adapters=bool(self.adapters)), "VLLM_API_KEY": key
            }  # fmt: skip
            process = await ServerProcess.start(command, variables, log)
            note_server(note, process.session, process.mark)
            server = VLLMServer(process, port, key, self._serve, self._place)
            try:
                await server.become_ready(self.weights, has_fingerprint=has_fingerprint)
            except BaseException:
                await server.stop()
                if process.status and is_port_taken(process.written()):
                    continue
                raise
            self._server = server
            self.client = OpenAIModel(
                replace(self._settings, address=server.address, headers={"Authorization": f"Bearer {key}"})
            )
            server.watch(lambda: bool(self._in_flight))
            return
        raise RecipeError(f"no free port was found for vLLM in {PORT_TRIES} tries")

    async def have_adapter(self, adapter: Adapter) -> None:
        """Have the running server answer as an adapter, under its digest. Raises RequestFailed (`fatal`)."""
        if adapter.served_name in self._loaded_adapters:
            return
        async with self._starting:
            server = self._server
            if server is None or adapter.served_name in self._loaded_adapters:
                return
            try:
                await asyncio.to_thread(adapter.check_fits, self.weights)
                await server.load_adapter(adapter.served_name, adapter.folder)
            except RecipeError as error:
                if await server.died_within(ADAPTER_DEATH_WAIT):
                    self._count_death(server)
                    raise RequestFailed("restarted", server.epitaph()) from None
                raise RequestFailed("fatal", str(error)) from None
            self._loaded_adapters.add(adapter.served_name)

    # --- asking ---------------------------------------------------------------------------------------------

    async def send(self, request: ModelRequest) -> Sequence[ModelResponse]:
        async with self._turn() as is_alone:
            await self.load()
            server, client = self._server, self.client
            if server is None or client is None:
                raise RequestFailed("restarted", "vLLM is being stopped")
            self._in_flight[id(request)] = request
            try:
                responses = await client.send(request)
            except RequestFailed as error:
                if await self._has_died(server, error):
                    raise self._after_death(request, server, is_alone=is_alone) from None
                raise
            finally:
                self._in_flight.pop(id(request), None)
            server.replied()
            self._deaths = self._killers = 0
            self._deaths_of.pop(id(request), None)
            return responses

    @asynccontextmanager
    async def _turn(self) -> AsyncGenerator[bool]:
        """At once, or alone where a request is suspected of killing the engine; says whether it is alone."""
        if not self._is_cautious:
            yield False
            return
        async with self._alone:
            yield True

    @property
    def _is_cautious(self) -> bool:
        most = max(self._deaths_of.values(), default=0)
        return self._deaths >= CAUTIOUS_AFTER or most >= CAUTIOUS_AFTER

    async def _has_died(self, server: VLLMServer, error: RequestFailed) -> bool:
        """Whether a failure is that of a server that has died, or is just about to."""
        if error.kind in ("connection", "broken", "timeout") or "engine" in error.message.casefold():
            await server.died_within(DEATH_WAIT if error.kind != "timeout" else 0.0)
        return not server.is_up

    def _count_death(self, server: VLLMServer) -> None:
        """Count an end that nobody asked for, once, with those that were in flight."""
        if not server.count_death():
            return
        self._deaths += 1
        for key in self._in_flight:
            self._deaths_of[key] = self._deaths_of.get(key, 0) + 1
        self._place.notify(f"{self._place.name}: {server.epitaph()}; it is started again")

    def _after_death(self, request: ModelRequest, server: VLLMServer, *, is_alone: bool) -> RequestFailed:
        """What a request is told whose server died: it is asked again, unless it is the one that kills."""
        self._count_death(server)
        self._deaths_of.setdefault(id(request), 1)
        if not is_alone:
            return RequestFailed("restarted", server.epitaph())
        self._deaths_of.pop(id(request), None)
        self._killers += 1
        if self._killers >= GIVE_UP_AFTER:
            self._gave_up = (
                f"vLLM died {self._deaths} times with no reply between, whatever it was asked: "
                f"{server.epitaph()} ({server.log})"
            )
            return RequestFailed("fatal", self._gave_up)
        return RequestFailed(
            "refused",
            f"vLLM dies of this request: {server.epitaph()} ({server.log})",
            code=ENGINE_DIED,
            given_up=True,
        )
