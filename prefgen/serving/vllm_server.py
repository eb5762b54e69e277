"""One vLLM server that runs for us: when it is ready, whether it moves, and that it is what it should be."""

import asyncio
import contextlib
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

from prefgen.errors import RecipeError
from prefgen.serving.server_process import ServerProcess
from prefgen.serving.vllm_command import Serve, Weights
from prefgen.serving.vllm_log import cause_of_failure
from prefgen.text.plain_text import one_line
from prefgen.transport.request import RunPlace
from prefgen.transport.server_access import ServerAccess
from prefgen.transport.server_facts import models_served, vllm_tokens

POLL = 0.25
WATCH = 2.0
"""Seconds between two looks at whether a server is alive and moves."""
MOST_OF_LOG = 1_000_000
"""Bytes at the end of a log in which the cause of an end is looked for."""
HUNG_GRACE = 2.0
"""Seconds that a server which hangs gets to end by itself."""
FIRST_ANSWER = 120.0
"""Seconds that a server which says that it is healthy gets for its first token."""


def free_port() -> int:
    """A port on which nobody listens now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class VLLMServer:
    """A server process, by its port and its key."""

    def __init__(self, process: ServerProcess, port: int, key: str, serve: Serve, place: RunPlace) -> None:
        self.address = f"http://127.0.0.1:{port}/v1"
        self._process, self._serve, self._place = process, serve, place
        self._root = f"http://127.0.0.1:{port}"
        self._headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        self._session: Any = None
        self._watching: asyncio.Task[None] | None = None
        self._is_counted = False
        self._hung_after: float | None = None
        self._last_reply = 0.0
        self._well_at = 0
        """Bytes of its log that it had written when it was last known to be well."""
        self._epitaph = ""

    @property
    def log(self) -> Path:
        return self._process.log

    @property
    def is_up(self) -> bool:
        return not self._process.has_ended and self._hung_after is None

    def epitaph(self) -> str:
        """What it died of, in a line."""
        if self._hung_after is not None:
            return f"vLLM made no token for {self._hung_after:.0f} s while requests were waiting"
        if not self._epitaph:  # read once: many requests ask for it
            words = self._process.written(self._well_at, MOST_OF_LOG)
            self._epitaph = f"vLLM died: {cause_of_failure(words, self._process.status)}"
        return self._epitaph

    def replied(self) -> None:
        """Note that it has answered: what it wrote before is no cause of its end."""
        now = asyncio.get_running_loop().time()
        if now > self._last_reply + 1.0:
            self._last_reply, self._well_at = now, self._process.size_written()

    def count_death(self) -> bool:
        """Whether this death was not counted before."""
        is_new, self._is_counted = not self._is_counted, True
        return is_new

    async def died_within(self, seconds: float) -> bool:
        """Wait whether it ends in so many seconds."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._process.ended()
        return not self.is_up

    async def stop(self) -> None:
        """End it, and what watches it; nothing of it is left when this returns."""
        if self._watching is not None and self._watching is not asyncio.current_task():
            self._watching.cancel()
        if self._session is not None:
            await self._session.close()
        await self._process.stop()

    # --- ready ----------------------------------------------------------------------------------------------

    async def become_ready(self, weights: Weights, *, has_fingerprint: bool) -> None:
        """Wait until it answers. Raises RecipeError with the cause where it ends, or goes silent, before."""
        loop = asyncio.get_running_loop()
        began = changed = loop.time()
        size = 0
        while not await self._is_healthy():
            if self._process.has_ended:
                await self._process.gone()
                cause = cause_of_failure(self._process.written(), self._process.status)
                raise RecipeError(f"vLLM did not start: {cause} (its log: {self.log})")
            if (now_written := self._process.size_written()) != size:
                size, changed = now_written, loop.time()
            if loop.time() - changed > self._serve.start_timeout:
                raise RecipeError(
                    f"vLLM is not ready, and has written nothing for {self._serve.start_timeout:.0f} s; the "
                    f"last that it wrote: {self._process.last_line()} (its log: {self.log})"
                )
            self._place.show(f"starting, {loop.time() - began:.0f} s: {self._process.last_line()[-80:]}")
            await asyncio.sleep(POLL)
        await self._check_identity(weights)
        await self._answer_once(weights, has_fingerprint=has_fingerprint)
        self._well_at = self._process.size_written()
        self._place.show("")
        self._place.notify(f"{self._place.name}: vLLM is up after {loop.time() - began:.0f} s")

    async def _is_healthy(self) -> bool:
        return (await self._access(5).get(f"{self._root}/health")).status == 200

    async def _check_identity(self, weights: Weights) -> None:
        """Raises RecipeError where another server answers on the port."""
        reply = await self._access(30).get(f"{self.address}/models")
        served = models_served(reply.raw) or {}
        if served.get(weights.served_name) != weights.location:
            found = ", ".join(f"{name} ({root})" for name, root in served.items()) or f"HTTP {reply.status}"
            raise RecipeError(
                f"another server answers at {self.address}: it serves {found}, and not {weights.served_name} "
                f"({weights.location})"
            )

    async def _answer_once(self, weights: Weights, *, has_fingerprint: bool) -> None:
        """Have one token made: the first takes many times as long as those that follow. A model that makes
        none (rewards, embeddings) says so at once.
        """
        body = {"model": weights.served_name, "prompt": "a", "max_tokens": 1}
        reply = await self._access(FIRST_ANSWER).post(f"{self.address}/completions", body)
        said = reply.data.get("system_fingerprint") if isinstance(reply.data, dict) else None
        if reply.status == 200 and has_fingerprint and said != weights.fingerprint:
            raise RecipeError(
                f"the server at {self.address} says that it is {said!r}, and not {weights.fingerprint!r}"
            )
        if reply.status == 0 or reply.status >= 500:
            cause = cause_of_failure(self._process.written(), self._process.status)
            raise RecipeError(f"vLLM started, and made no first token: {cause} (its log: {self.log})")

    async def load_adapter(self, name: str, folder: Path) -> None:
        """Have the server answer under `name` as an adapter does. Raises RecipeError with its reason."""
        body = {"lora_name": name, "lora_path": str(folder)}
        reply = await self._access(FIRST_ANSWER).post(f"{self.address}/load_lora_adapter", body)
        if reply.status != 200:
            raise RecipeError(f"vLLM does not take the adapter {str(folder)!r}: {reply.words}")

    def _access(self, seconds: float) -> ServerAccess:
        """The server asked directly, within so many seconds."""
        return ServerAccess(self.address, self._open_session, one_line, seconds=seconds)

    def _open_session(self) -> Any:
        import aiohttp  # 0.1 s, wanted only by runs that ask a server

        if self._session is None:
            self._session = aiohttp.ClientSession(headers=self._headers)
        return self._session

    # --- watched --------------------------------------------------------------------------------------------

    def watch(self, is_asked: Callable[[], bool]) -> None:
        """Stop the server where it makes no token although it is asked: its health says nothing of that."""
        self._watching = asyncio.create_task(self._watch(is_asked))

    async def _watch(self, is_asked: Callable[[], bool]) -> None:
        loop = asyncio.get_running_loop()
        moved, counted = loop.time(), None
        while not self._process.has_ended:
            await asyncio.sleep(min(WATCH, self._serve.hang_after / 4))
            if not is_asked():
                moved = loop.time()
                continue
            tokens = vllm_tokens((await self._access(5).get(f"{self._root}/metrics")).raw)
            if tokens is not None and tokens != counted:
                moved, counted = loop.time(), tokens
            moved = max(moved, self._last_reply)
            if counted is None:  # it counts no tokens, so that nothing tells whether it hangs
                moved = loop.time()
            if loop.time() - moved > self._serve.hang_after:
                self._hung_after = loop.time() - moved
                await self._process.stop(HUNG_GRACE)
