"""Processes as the operating system shows them: whose session they are of, and what they hold.

On Linux by /proc and prctl; elsewhere a session is known by `ps`, and nobody's shared memory.
"""

import ctypes
import os
import subprocess
import sys
from pathlib import Path

SET_DEATH_SIGNAL, SET_SUBREAPER = 1, 36
"""Of prctl(2)."""
SHARED = ("/dev/shm/psm_", "/dev/shm/sem.mp-")  # noqa: S108
"""How multiprocessing calls the shared memory and the semaphores that it makes."""
MARK = "PREFGEN_SERVER"
"""The environment variable in which a server, and all that it starts, has a mark of its own."""
PROC = Path("/proc")
IS_LINUX = sys.platform == "linux"


def die_with_parent(number: int) -> None:
    """Have the present process told with a signal when its parent ends."""
    if IS_LINUX:
        ctypes.CDLL(None).prctl(SET_DEATH_SIGNAL, number, 0, 0, 0)
        if os.getppid() == 1:  # it ended before this was said
            os.kill(os.getpid(), number)


def inherit_orphans() -> None:
    """Become the parent of what the present process's descendants leave behind."""
    if IS_LINUX:
        ctypes.CDLL(None).prctl(SET_SUBREAPER, 1, 0, 0, 0)


def processes_of_session(session: int) -> list[int]:
    """The processes of a session that are alive: those that only wait for their parent's notice are not."""
    if not IS_LINUX:
        columns = ["ps", "-axo", "pid=,sess=,stat="]
        listed = subprocess.run(columns, capture_output=True, text=True)  # noqa: S603 - no word of a user's
        rows = [line.split() for line in listed.stdout.splitlines()]
        return [int(row[0]) for row in rows if row[1] == str(session) and not row[2].startswith("Z")]
    found: list[int] = []
    for entry in PROC.iterdir():
        if entry.name.isdecimal() and (state := _state_of(int(entry.name))) is not None:
            letter, its_session = state
            if its_session == session and letter not in "ZX":
                found.append(int(entry.name))
    return found


def _state_of(pid: int) -> tuple[str, int] | None:
    """(state, session) of a process; None where it has ended."""
    try:
        fields = (PROC / str(pid) / "stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return None
    return fields[0], int(fields[3])


def processes_with_mark(mark: str) -> list[int]:
    """The processes of ours that have a server's mark in their environment; none where nobody shows that."""
    wanted = f"{MARK}={mark}".encode()
    found: list[int] = []
    for entry in PROC.iterdir() if IS_LINUX else ():
        try:
            if entry.name.isdecimal() and wanted in (entry / "environ").read_bytes().split(b"\0"):
                found.append(int(entry.name))
        except OSError:
            continue
    return found


def is_resource_tracker(pid: int) -> bool:
    """Whether a process is multiprocessing's, which removes shared memory when nobody uses it any more."""
    try:
        return b"resource_tracker" in (PROC / str(pid) / "cmdline").read_bytes()
    except OSError:
        return False


def shared_memory_of(pid: int) -> set[str]:
    """The paths of the shared memory and semaphores of multiprocessing that a process has before it."""
    try:
        maps = (PROC / str(pid) / "maps").read_text(errors="replace")
    except OSError:
        return set()
    paths = (line.partition("/")[2] for line in maps.splitlines() if "/dev/shm/" in line)  # noqa: S108
    return {f"/{path}" for path in paths if f"/{path}".startswith(SHARED) and not path.endswith("(deleted)")}
