"""A process of its own for work that what others wrote may keep busy for ever: it answers one question after
the other, each within a limit of time.
"""

import atexit
import json
import select
import subprocess
import sys
import threading
from collections.abc import Sequence
from typing import Any


class LimitedProcess:
    """A Python process that says a line when it is ready, and then for each line of JSON gives one back. It
    is started when it is first wanted, and again when it was stopped.
    """

    def __init__(self, arguments: Sequence[str], seconds: float) -> None:
        """`arguments` are Python's, `seconds` is the longest time of one answer."""
        self._command = [sys.executable, *arguments]
        self._seconds = seconds
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        atexit.register(self.close)

    def answer(self, question: Any) -> Any:
        """What it answers; None where it took too long or came to its end."""
        with self._lock:
            process = self._start()
            assert process.stdin
            assert process.stdout
            try:
                process.stdin.write(json.dumps(question).encode() + b"\n")
                process.stdin.flush()
                ready, _, _ = select.select([process.stdout], [], [], self._seconds)
                line = process.stdout.readline() if ready else b""
            except OSError:  # it ended while it was asked
                line = b""
            if not line:
                self.close()
                return None
            return json.loads(line)

    def _start(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            pipe = subprocess.PIPE
            self._process = subprocess.Popen(  # noqa: S603 - this project's own module
                self._command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL
            )
            assert self._process.stdout
            self._process.stdout.readline()  # it says when it is ready: importing takes longer than answering
        return self._process

    def close(self) -> None:
        """End the process, if there is one."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None
