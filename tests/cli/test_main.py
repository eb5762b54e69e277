"""The command line as a user types it: exit codes, what goes to stdout and to stderr."""

import json

import pytest

from tests.support.cli import prefgen
from tests.support.recipes import a_recipe


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["run", "none.yaml"], 2, "does not exist"),
        (["run", "r.json", "--set", "x"], 2, "a.b=value"),
        (["run"], 2, "Missing argument"),
        (["run", "r.json", "-n", "0"], 2, "Invalid value for '-n'"),
        (["frobnicate"], 2, "No such command"),
        (["check", "nothing/here"], 2, "cannot be read"),
        (["check", "nothing"], 2, "no file, no run"),
        (["show", "judge", "ultrafeedbak"], 2, "'ultrafeedback'"),
        (["show", "records", "."], 2, "is no run: it holds no manifest.json"),
        (["show", "pairs", "."], 2, "r.json: expected a list of rows"),
        (["show", "pairs", "runs/test", "--where", "margin"], 2, "FIELD<VALUE"),
        (["show", "pairs", "runs/test", "--where", "marge<1"], 2, "no field 'marge'"),
        (["retry", "runs/test"], 2, "--failed"),
        (["retry", ".", "--failed"], 2, "is no run"),
        (["cache", "ls", "--journal", "none.sqlite"], 2, "no journal"),
        (["cache", "rm", "--journal", "runs/calls.sqlite"], 2, "say what to erase"),
        (["cache", "rm", "--journal", "runs/calls.sqlite", "--before", "yesterday"], 2, "ISO date"),
        (["cache", "import", "none.jsonl"], 2, "does not exist"),
        (["new", "r.json"], 2, "is there already"),
    ],
)
def test_a_mistake_has_its_exit_code_and_one_line(done, words, code, said):
    result = prefgen(*words, cwd=done)

    assert result.returncode == code, result.stderr
    assert said in result.stderr
    assert "Traceback" not in result.stderr
    assert result.stdout == ""


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["run", "r.json", "--out", "r.json"], 2),
        (["run", "r.json", "--journal", "."], 1),
        (["run", "r.json", "--export-requests", "nowhere/x.jsonl"], 1),
        (["schema", "nowhere/x.json"], 1),
        (["show", "records", "r.json"], 2),
        (["check", "runs/nothing.parquet"], 2),
    ],
)
def test_a_place_that_cannot_be_used_is_one_line(tmp_path, words, code):
    (tmp_path / "r.json").write_text(json.dumps(a_recipe()))

    result = prefgen(*words, cwd=tmp_path)

    assert result.returncode == code, result.stderr
    assert "Traceback" not in result.stderr
    assert result.stderr.strip()
