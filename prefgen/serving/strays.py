"""Servers of an earlier start of the same run that are still there."""

import asyncio
import json
import os
import signal
from collections.abc import Callable
from pathlib import Path

from prefgen.serving.processes import processes_of_session, start_time_of
from prefgen.storage.atomic_write import write_json

LONGEST_END = 60.0
"""Seconds that a stray gets to end: its guard is at it, or it is killed."""


def note_server(note: Path, session: int) -> None:
    """Write down which session a server is in, so that the next start of the run finds it."""
    write_json(note, {"session": session, "started": start_time_of(session)})


async def end_stray(note: Path, notify: Callable[[str], None]) -> None:
    """Wait for a server of an earlier start that is ending, and kill one that nobody guards any more."""
    try:
        noted = json.loads(note.read_bytes())
        session, started = int(noted["session"]), noted["started"]
    except (OSError, ValueError, KeyError, TypeError):
        return
    guard_started = start_time_of(session)
    if guard_started is not None and guard_started != started:
        return  # another process has the number by now
    until = asyncio.get_running_loop().time() + LONGEST_END
    if processes_of_session(session):
        notify("a server of an earlier start of this run is still there: waiting for its end")
    while (left := processes_of_session(session)) and asyncio.get_running_loop().time() < until:
        if start_time_of(session) is None:
            for pid in left:
                os.kill(pid, signal.SIGKILL)
        await asyncio.sleep(0.2)
