"""The command line as a process of its own."""

import os
import subprocess
import sys

from tests.support.paths import ROOT


def prefgen(*words, cwd, **environment):
    return subprocess.run(
        [sys.executable, "-m", "prefgen", *map(str, words)], cwd=cwd, capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
    )  # fmt: skip
