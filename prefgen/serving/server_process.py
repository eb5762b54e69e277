"""One server process behind its guard, as a run sees it: started, ended, stopped, and what it wrote."""

import asyncio
import os
import secrets
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from prefgen.serving.processes import MARK

PACKAGE = str(Path(__file__).absolute().parents[2])
BEGIN_GUARD = (
    f"import sys; sys.path.insert(0, {PACKAGE!r}); from prefgen.serving.guard import main; "
    "sys.exit(main(sys.argv[1:]))"
)
"""The guard is of this prefgen, wherever the run stands, and nothing of that is told to the server."""
LONGEST_STOP = 60.0
"""Seconds after which a guard that has not cleared up is killed, and what it guards with it."""
TAIL = 65_536
"""Bytes at the end of a log in which its last words are looked for."""


class ServerProcess:
    """A process that is guarded (`prefgen.serving.guard`). `log` gets what it writes."""

    def __init__(self, guard: asyncio.subprocess.Process, log: Path, log_start: int, mark: str) -> None:
        self.log, self.mark = log, mark
        self.status: int | None = None
        """The exit status, once it has ended."""
        self._guard = guard
        self._log_start = log_start
        self._pid: int | None = None
        self._ended, self._gone = asyncio.Event(), asyncio.Event()
        self._reading = asyncio.create_task(self._read_guard())

    @classmethod
    async def start(
        cls, command: Sequence[str], environment: Mapping[str, str], log: Path
    ) -> "ServerProcess":
        """Start `command`, with these variables beside those of the present process."""
        log.parent.mkdir(parents=True, exist_ok=True)
        log.touch()
        log_start, mark = log.stat().st_size, secrets.token_hex(16)
        guard = await asyncio.create_subprocess_exec(
            sys.executable, "-c", BEGIN_GUARD, str(log.absolute()), "--", *command,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, start_new_session=True,
            env={**os.environ, **environment, MARK: mark},
        )  # fmt: skip
        return cls(guard, log, log_start, mark)

    @property
    def session(self) -> int:
        """The session in which everything that the server starts is found; also its guard's process."""
        return self._guard.pid

    @property
    def pid(self) -> int | None:
        """The server's first process, once it is started."""
        return self._pid

    @property
    def has_ended(self) -> bool:
        return self._ended.is_set()

    async def ended(self) -> None:
        """Wait until its first process has ended, for whatever reason."""
        await self._ended.wait()

    async def gone(self) -> None:
        """Wait until nothing of it is left."""
        await self._gone.wait()

    async def stop(self, grace: float | None = None) -> None:
        """End it, within `grace` seconds where it does not by itself; when this returns nothing of it is
        left.
        """
        if self._guard.stdin is not None:
            if grace is not None and not self._guard.stdin.is_closing():
                self._guard.stdin.write(f"{grace}\n".encode())
            self._guard.stdin.close()
        try:
            async with asyncio.timeout(LONGEST_STOP):
                await self._guard.wait()
        except TimeoutError:
            self._guard.kill()
            await self._guard.wait()
        await self._reading

    def written(self, since: int = 0, most: int | None = None) -> str:
        """What it wrote after the first `since` bytes since it was started; of more than `most` bytes the
        last.
        """
        with self.log.open("rb") as file:
            begin = self._log_start + since
            if most is not None:
                begin = max(begin, file.seek(0, os.SEEK_END) - most)
            file.seek(begin)
            return file.read().decode(errors="replace")

    def size_written(self) -> int:
        """Bytes that it wrote so far."""
        return self.log.stat().st_size - self._log_start

    def last_line(self) -> str:
        """The last line that it wrote; empty where there is none."""
        with self.log.open("rb") as file:
            end = file.seek(0, os.SEEK_END)
            file.seek(max(self._log_start, end - TAIL))
            lines = file.read().decode(errors="replace").replace("\r", "\n").splitlines()
        return next((line.strip() for line in reversed(lines) if line.strip()), "")

    async def _read_guard(self) -> None:
        assert self._guard.stdout is not None
        async for line in self._guard.stdout:
            word, _, rest = line.decode().strip().partition(" ")
            if word == "started":
                self._pid = int(rest)
            elif word == "ended":
                self.status = int(rest)
                self._ended.set()
        self._ended.set()  # a guard that is gone guards nothing
        await self._guard.wait()
        self._gone.set()
