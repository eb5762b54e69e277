"""The process between a run and a server that it started: `main([LOG, "--", *COMMAND])`.

It holds the server as long as the run holds its standard input (a number that is written there before it
closes is the grace in seconds), and leaves nothing of it behind: not when the
run is killed, not when the server's first process is killed and its workers live on, and no shared memory.
On its standard output it says `started PID`, `ended STATUS` and `gone`, each once.

It imports nothing heavy, and stays when everything else is gone: it has its own session, in which all that it
starts is found again.
"""

import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from prefgen.serving.processes import (
    die_with_parent,
    inherit_orphans,
    is_resource_tracker,
    processes_of_session,
    shared_memory_of,
)

GRACE = 15.0
"""Seconds that a server gets to end by itself when it is asked to."""
SWEEP = 5.0
"""Seconds that what it leaves behind gets before it is killed; likewise multiprocessing's own tracker, which
cleans up.
"""
POLL = 0.1
LOOK_FOR_SHARED = 1.0
"""Seconds between two looks at what memory is shared: whoever is killed with all others tells no more."""


def main(arguments: list[str]) -> int:
    """Run `COMMAND` until it ends, or until standard input closes; then clear up."""
    log, command = Path(arguments[0]), arguments[2:]
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # the run alone says when
    inherit_orphans()
    # what it leaves in the temporary folder (vLLM: sockets) goes with it
    with tempfile.TemporaryDirectory(prefix="prefgen-", ignore_cleanup_errors=True) as temporary:
        server = _started(command, log, temporary)
        if server is None:
            _say("ended 127")
        else:
            _hold(server)
    _say("gone")
    return 0


def _started(command: list[str], log: Path, temporary: str) -> "subprocess.Popen[bytes] | None":
    """The server; None, with the reason in its log, where there is no such program."""
    with log.open("ab") as output:
        try:
            return subprocess.Popen(  # noqa: S603 - what the recipe says is started
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, preexec_fn=_begin_server,
                env={**os.environ, "TMPDIR": temporary},
            )  # fmt: skip
        except OSError as error:
            output.write(f"prefgen: cannot start {command[0]}: {error.strerror}\n".encode())
            return None


def _hold(server: "subprocess.Popen[bytes]") -> None:
    """Watch the server until it ends or is to end; then end all that is left of it."""
    _say(f"started {server.pid}")
    shared, looked, grace = set[str](), 0.0, None
    while server.poll() is None and grace is None:
        grace = _told_to_stop(POLL)
        if time.monotonic() > looked + LOOK_FOR_SHARED:
            shared, looked = shared | _shared_memory(), time.monotonic()
    shared |= _shared_memory()
    if server.poll() is None:
        server.terminate()
        server.send_signal(signal.SIGCONT)  # a process that is stopped hears nothing
        _wait_for(lambda: server.poll() is not None, GRACE if grace is None else grace)
        shared |= _shared_memory()
    if server.poll() is not None:
        _say(f"ended {server.returncode}")
    _sweep(server)
    for name in shared:
        _remove_shared(name)


def _begin_server() -> None:
    """In the server's process, before its command: should the guard itself be killed, it is told to end."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    die_with_parent(signal.SIGTERM)


def _told_to_stop(seconds: float) -> float | None:
    """The grace of a server that is to end, since standard input says so or has closed: the run wants it no
    more, or is gone. None while it is wanted.
    """
    readable, _, _ = select.select([sys.stdin], [], [], seconds)
    if not readable:
        return None
    told = os.read(sys.stdin.fileno(), 64).strip()
    return float(told) if told else GRACE


def _say(line: str) -> None:
    try:
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()
    except OSError:
        pass  # nobody listens any more; the work goes on


def _left() -> list[int]:
    return [pid for pid in processes_of_session(os.getpid()) if pid != os.getpid()]


def _shared_memory() -> set[str]:
    return {name for pid in _left() for name in shared_memory_of(pid)}


def _sweep(server: "subprocess.Popen[bytes]") -> None:
    """End what is left. The tracker of multiprocessing comes last: it cleans up when the others are gone."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        _reap(server)
        others = [pid for pid in _left() if not is_resource_tracker(pid)]
        if not others:
            break
        _signal_all(others, number)
        _wait_for(lambda: not [pid for pid in _left() if not is_resource_tracker(pid)], SWEEP, server)
    _wait_for(lambda: not _left(), SWEEP, server)
    _signal_all(_left(), signal.SIGKILL)
    _wait_for(lambda: not _left(), SWEEP, server)


def _signal_all(pids: list[int], number: int) -> None:
    for pid in pids:
        try:
            os.kill(pid, number)
            os.kill(pid, signal.SIGCONT)
        except ProcessLookupError:
            pass


def _wait_for(
    is_so: Callable[[], bool], seconds: float, server: "subprocess.Popen[bytes] | None" = None
) -> None:
    until = time.monotonic() + seconds
    while not is_so() and time.monotonic() < until:
        if server is not None:
            _reap(server)
        time.sleep(0.05)


def _reap(server: "subprocess.Popen[bytes]") -> None:
    """Take leave of ended processes: of the server, and of orphans that came to us."""
    server.poll()
    if server.returncode is None:
        return
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass


def _remove_shared(name: str) -> None:
    try:
        os.unlink(name)
    except OSError:
        pass
