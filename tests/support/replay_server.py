"""The server that replays recorded answers."""

import json
import socket
import subprocess
import sys
from urllib.request import Request, urlopen

from tests.support.paths import SHARED


class Replay:
    """The replay server in a process of its own."""

    def __init__(self, *faults: str) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        command = [
            sys.executable,
            str(SHARED / "tools" / "replay_server.py"),
            "--port",
            str(self.port),
            *faults,
        ]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert "ready" in self.process.stdout.readline()

    def stats(self) -> dict:
        with urlopen(f"http://127.0.0.1:{self.port}/stats", timeout=10) as reply:
            return json.load(reply)

    def reset(self) -> None:
        with urlopen(Request(f"http://127.0.0.1:{self.port}/reset", method="POST"), timeout=10):
            pass

    def __enter__(self) -> "Replay":
        return self

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait()
        self.process.stdout.close()
