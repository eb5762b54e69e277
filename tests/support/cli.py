"""The command line: as a process of its own, or, where that is not what is tested, within this one."""

import contextlib
import io
import json
import os
import subprocess
import sys
from unittest import mock

import pytest

from prefgen.cli import main
from tests.support.paths import ROOT
from tests.support.recipes import a_recipe


def prefgen(*words, cwd, **environment):
    return subprocess.run(
        [sys.executable, "-m", "prefgen", *map(str, words)], cwd=cwd, capture_output=True, text=True,
        check=False, env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
    )  # fmt: skip


def prefgen_here(*words, cwd, **environment):
    """The same within this process, in a tenth of the time: for commands that read and write files alone."""
    out, err = io.StringIO(), io.StringIO()
    argv = mock.patch.object(sys, "argv", ["prefgen", *map(str, words)])
    variables = mock.patch.dict(os.environ, environment)
    with (
        contextlib.chdir(cwd),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        argv,
        variables,
    ):
        try:
            main()
            code = 0
        except SystemExit as end:
            code = end.code or 0
    return subprocess.CompletedProcess(words, code, out.getvalue(), err.getvalue())


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """A folder with a finished run of the scripted recipe."""
    folder = tmp_path_factory.mktemp("cli")
    (folder / "r.json").write_text(json.dumps(a_recipe()))
    result = prefgen("run", "r.json", cwd=folder)
    assert result.returncode == 0, result.stderr
    return folder
