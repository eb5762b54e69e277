"""Servers of an earlier start of the same run that are still there.

They are known by a mark that each server, and all that it starts, has in its environment: numbers of
processes and sessions are given again, to others.
"""

import asyncio
import json
import os
import signal
from collections.abc import Callable
from pathlib import Path

from prefgen.serving.processes import processes_with_mark
from prefgen.storage.atomic_write import write_json

GUARDED = 30.0
"""Seconds that a stray's guard gets to end it."""
LOOK = 0.2
KILLED = 10.0
"""Seconds that it gets to be gone where it is killed."""


def note_server(note: Path, session: int, mark: str) -> None:
    """Write down which mark a server has, so that the next start of the run finds it."""
    write_json(note, {"session": session, "mark": mark})


async def end_stray(note: Path, notify: Callable[[str], None]) -> None:
    """Wait for a server of an earlier start that is ending, and kill what is left of one after that."""
    try:
        mark = json.loads(note.read_bytes())["mark"]
    except (OSError, ValueError, KeyError, TypeError):
        return
    if not isinstance(mark, str) or not mark or not processes_with_mark(mark):
        return
    notify("a server of an earlier start of this run is still there: waiting for its end")
    if await _is_gone_within(mark, GUARDED):
        return
    for pid in processes_with_mark(mark):
        try:
            os.kill(pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            pass
    await _is_gone_within(mark, KILLED)


async def _is_gone_within(mark: str, seconds: float) -> bool:
    for _ in range(int(seconds / LOOK)):
        if not processes_with_mark(mark):
            return True
        await asyncio.sleep(LOOK)
    return False
