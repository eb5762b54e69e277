"""prefgen eval (prefgen/cli/eval.py)"""

import json

import pytest

from tests.support.cli import prefgen
from tests.support.paths import ROOT


def test_a_win_rate_from_a_run(tmp_path):
    done = prefgen("run", "winrate.yaml", "--out", str(tmp_path / "run"), "-q", "-y", cwd=ROOT / "pipelines")
    assert done.returncode == 0, done.stderr

    found = prefgen("eval", "win", "run", "--of", "trained", "--against", "base", "--json", cwd=tmp_path)
    shown = prefgen("eval", "win", "run", "--of", "trained", "--against", "base", cwd=tmp_path)
    wrong = prefgen("eval", "win", "run", "--of", "trained", "--against", "bass", cwd=tmp_path)

    rate = json.loads(found.stdout)
    assert rate["raw"]["low"] <= rate["raw"]["value"] <= rate["raw"]["high"]
    assert rate["raw"]["value"] > 0.5  # the planted skill is higher
    assert rate["simulated"]
    assert shown.stdout.startswith("SIMULATED")
    assert wrong.returncode == 2
    assert "no answer is of 'bass'" in wrong.stderr
    assert "at equal length   not known" in shown.stdout
    assert rate["length_controlled"] is rate["equal_length"] is None


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("base",), "which tasks?"),
        (("base", "none.jsonl"), "there is no file 'none.jsonl'"),
        (("base", "--protect", "x.jsonl=lots"), "--protect wants TASK or TASK=POINTS"),
        (("base", "--protect", "x.jsonl"), "give --base"),
        (("base", "x.jsonl", "--scoring", "meen"), "Did you mean 'mean'"),
    ],
)
def test_wrong_options_are_one_line(tmp_path, arguments, says):
    pytest.importorskip("torch", reason="torch is wanted first")

    done = prefgen("eval", "tasks", *arguments, cwd=tmp_path)

    assert done.returncode == 2
    assert says in done.stderr
    assert "Traceback" not in done.stderr
