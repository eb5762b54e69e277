"""What a shell completes, by typer's own protocol. (prefgen/cli/completion.py)"""

import json
import os
import subprocess
import sys

import pytest

from prefgen.cli.completion import ALLOWABLE_RULES, EXPORT_FORM_NAMES
from tests.support.paths import ROOT


def completed(folder, *words) -> list[str]:
    """What bash is offered behind `prefgen WORDS`, of which the last is half typed."""
    line = " ".join(("prefgen", *words))
    environment = {
        **os.environ, "PYTHONPATH": str(ROOT), "_PREFGEN_COMPLETE": "complete_bash",
        "COMP_WORDS": line, "COMP_CWORD": str(len(words)),
    }  # fmt: skip
    code = "import sys; sys.argv[0] = 'prefgen'; from prefgen.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert not done.stderr, done.stderr
    return done.stdout.split()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("completion")
    for name in ("one", "other"):
        (path / "runs" / name).mkdir(parents=True)
        (path / "runs" / name / "manifest.json").write_text(json.dumps({"judges": ["quality", "safety"]}))
    (path / "mixed").mkdir()
    (path / "mixed" / "mix.json").write_text("{}")
    (path / "data").mkdir()
    for name in ("data/pairs.jsonl", "data/notes.md", "own.yaml"):
        (path / name).write_text("")
    return path


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (("show", "judge", "ultra"), ["ultrafeedback"]),
        (("show", "pairer", "best_vs_"), ["best_vs_random", "best_vs_worst"]),
        (("export", "x", "--to", "trl"), ["trl", "trl-implicit"]),
        (("mix", "x", "--on-bad-rows", ""), ["fail", "drop"]),
        (("mix", "x", "--allow", "l"), ["leak"]),
        (("publish", "x", "--bump", "m"), ["major", "minor"]),
        (("publish", "runs/o"), ["runs/one", "runs/other"]),
        (("publish", ""), ["runs/one", "runs/other", "mixed", "data/", "runs/"]),
        (("show", "lost", "runs/ot"), ["runs/other"]),
        (("status", "mi"), ["mixed"]),
        (("export", "data/"), ["data/pairs.jsonl"]),
        (("check", "o"), ["own.yaml"]),
        (("run", "o"), ["own.yaml"]),
        (("calibrate", "runs/one", "--judge", "s"), ["safety"]),
        (("eval", "win", "runs/one", "--judge", ""), ["quality", "safety"]),
        (("eval", "win", "nothing", "--judge", ""), []),
        (("publish", "/no/such/folder/x"), []),
    ],
    ids=lambda value: " ".join(value),
)
def test_values_are_completed(folder, words, offered):
    found = completed(folder, *words)

    assert [*dict.fromkeys(found)] == offered or sorted({*found}) == sorted(offered)


def test_names_that_stand_there_twice_are_the_same():
    from prefgen.dataset.pair_rules import ALLOWABLE
    from prefgen.publish.export import EXPORT_FORMS

    assert [*EXPORT_FORM_NAMES] == [*EXPORT_FORMS]
    assert tuple(ALLOWABLE) == ALLOWABLE_RULES


def test_completing_imports_nothing_heavy(folder):
    code = (
        "import sys; from prefgen.cli.completion import *; plugin_names('judge')(''); datasets(''); "
        "complete_runs(''); print([m for m in ('pyarrow', 'numpy', 'aiohttp', 'datasets', 'torch') if m in "
        "sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, check=True,
    )  # fmt: skip

    assert done.stdout == "[]\n"
