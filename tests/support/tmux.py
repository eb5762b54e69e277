"""Screens as they are seen: a command in a terminal of tmux, of any width and height."""

import os
import shlex
import shutil
import subprocess
import sys
import time
import uuid
from contextlib import contextmanager

import pytest

from tests.support.paths import ROOT

needs_tmux = pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed: no screens")
ENDED = "exit code"
"""What stands on the screen when the command has ended."""


class Screen:
    """A terminal in which a command runs."""

    def __init__(self, server):
        self._tmux = ("tmux", "-u", "-f", "/dev/null", "-L", server)

    def tmux(self, *words, **options):
        result = subprocess.run([*self._tmux, *words], capture_output=True, text=True, check=True, **options)
        return result.stdout

    def lines(self, *options):
        """All that was shown, without empty lines at the end; `-J` joins what the terminal had to wrap."""
        text = self.tmux("capture-pane", "-p", "-S", "-", *options)
        return [line.rstrip() for line in text.rstrip().split("\n")]

    def wait_for(self, words, seconds=60):
        """The lines, once one of them holds these words."""
        end = time.monotonic() + seconds
        while True:
            lines = self.lines()
            if any(words in line for line in lines):
                return lines
            assert time.monotonic() < end, "\n".join(["not seen: " + words, *lines])
            time.sleep(0.1)

    def press(self, *keys):
        self.tmux("send-keys", *keys)


@contextmanager
def prefgen_on_a_screen(*words, cwd, width, height=200, **environment):
    """A Screen in which this command of prefgen runs, without a pager unless one is named."""
    command = shlex.join([sys.executable, "-m", "prefgen", *map(str, words)])
    screen = Screen(f"prefgen-{uuid.uuid4().hex[:12]}")
    variables = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "LINES", "TMUX", "NO_COLOR")}
    variables |= {"PYTHONPATH": str(ROOT), "PREFGEN_PAGER": "", "LC_ALL": "C.UTF-8", **environment}
    shell = f"{command}; echo {ENDED} $?; sleep 600"
    screen.tmux(
        "new-session", "-d", "-x", str(width), "-y", str(height), "-c", str(cwd), shell, env=variables
    )
    try:
        yield screen
    finally:
        screen.tmux("kill-server")


def screen_of(*words, cwd, width, **environment):
    """What a command has shown when it has ended; nothing of it was wrapped by the terminal."""
    with prefgen_on_a_screen(*words, cwd=cwd, width=width, **environment) as screen:
        lines = screen.wait_for(ENDED)
        assert screen.lines("-J") == lines, "the terminal had to wrap lines"
    return lines[: next(i for i, line in enumerate(lines) if line.startswith(ENDED))]
