"""Whether two mathematical answers are the same, by math-verify (docs/decisions/003-libraries.md), in a
process of its own.

What models write is hostile: a power of powers keeps any algebra system busy for ever. So the comparison
has a limit of time and of memory, and one that reaches it has no result.
"""

import atexit
import json
import select
import subprocess
import sys
import threading
from collections.abc import Sequence
from importlib.util import find_spec

COMPARISON = 2
"""Raised where answers are compared otherwise, so that outcomes of before are not taken for new ones."""
SECONDS = 10.0
"""Longest time of one comparison; an answer that takes longer is not decided."""
MAX_LENGTH = 1000
"""Characters of the longest answer that is looked at."""
INSTALL_HINT = "check: maths needs math-verify: pip install 'prefgen[maths]'"


class MathsWorker:
    """A process that compares answers, started when it is first wanted and again when it was stopped."""

    def __init__(self, seconds: float = SECONDS) -> None:
        self._seconds = seconds
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def is_same(self, answer: str, references: Sequence[str]) -> bool | None:
        """Whether the answer is the same as one of the references; None where either cannot be read, or it
        took too long.
        """
        if not answer.strip() or len(answer) > MAX_LENGTH:
            return None
        with self._lock:
            process = self._start()
            assert process.stdin
            assert process.stdout
            try:
                process.stdin.write(json.dumps([answer, list(references)]).encode() + b"\n")
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
            command = [sys.executable, "-m", "prefgen.text.maths_worker"]
            pipe = subprocess.PIPE
            self._process = subprocess.Popen(  # noqa: S603 - this project's own module
                command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL
            )
            assert self._process.stdout
            self._process.stdout.readline()  # it says when it is ready: importing takes longer than comparing
        return self._process

    def close(self) -> None:
        """End the process, if there is one."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None


_worker = MathsWorker()
atexit.register(_worker.close)


def is_same_answer(answer: str, references: Sequence[str]) -> bool | None:
    """`MathsWorker.is_same` of this process's worker."""
    return _worker.is_same(answer, references)


def is_installed() -> bool:
    """Whether math-verify can be had."""
    return find_spec("math_verify") is not None
