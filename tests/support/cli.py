"""The command line as a process of its own."""

import json
import os
import subprocess
import sys

import pytest

from tests.support.paths import ROOT
from tests.support.recipes import a_recipe


def prefgen(*words, cwd, **environment):
    return subprocess.run(
        [sys.executable, "-m", "prefgen", *map(str, words)], cwd=cwd, capture_output=True, text=True,
        check=False, env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
    )  # fmt: skip


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """A folder with a finished run of the scripted recipe."""
    folder = tmp_path_factory.mktemp("cli")
    (folder / "r.json").write_text(json.dumps(a_recipe()))
    result = prefgen("run", "r.json", cwd=folder)
    assert result.returncode == 0, result.stderr
    return folder
