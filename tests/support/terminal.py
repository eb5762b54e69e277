"""The command line on a terminal: a process whose standard streams are one, answered as a person would."""

import os
import pty
import subprocess
import sys

from tests.support.paths import ROOT


def prefgen_on_a_terminal(*words, cwd, typed="", **environment):
    """(exit code, everything on the screen) of a command; `typed` waits in the terminal from the start."""
    ours, its = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "prefgen", *map(str, words)], cwd=cwd, stdin=its, stdout=its, stderr=its,
        env={**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm", "COLUMNS": "120", **environment},
    )  # fmt: skip
    os.close(its)
    os.write(ours, typed.encode())
    screen = bytearray()
    while True:
        try:
            some = os.read(ours, 65536)
        except OSError:  # the other end is closed
            break
        if not some:
            break
        screen += some
    os.close(ours)
    return process.wait(), screen.decode().replace("\r\n", "\n")
