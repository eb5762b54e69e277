"""Runs as processes of their own, which can be killed and stopped."""

import signal
import subprocess
import sys
from pathlib import Path

from tests.support.paths import ROOT


def start(recipe: Path, out: Path, *before: str, journal: Path | None = None) -> subprocess.Popen:
    command = [*before, sys.executable, "-m", "prefgen", "run", str(recipe), "--out", str(out), "--quiet"]
    command += ["--journal", str(journal)] if journal else []
    return subprocess.Popen(
        command, cwd=ROOT, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL,
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL),  # the tests may run under nohup
    )  # fmt: skip


def end(process: subprocess.Popen) -> tuple[int, str]:
    _, said = process.communicate(timeout=120)
    return process.returncode, said.decode()
