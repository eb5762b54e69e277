"""prefgen check (prefgen/cli/check.py)"""

import json
import os
import subprocess
import sys

import pytest

from prefgen.api.check import check, kind_of
from prefgen.dataset.pair_rules import RULES
from prefgen.kit.templates import shipped
from tests.support.cli import prefgen as prefgen_apart
from tests.support.cli import prefgen_here as prefgen
from tests.support.hub_rows import hub, on  # noqa: F401 - `hub` is a fixture
from tests.support.paths import ROOT
from tests.support.recipes import a_recipe


def test_no_plugins_refuses_code(tmp_path):
    recipe = a_recipe()
    recipe["stages"][2] = {"judge": {"q": {"use": "./mine.py:J"}}}
    (tmp_path / "r.json").write_text(json.dumps(recipe))
    (tmp_path / "mine.py").write_text("raise SystemExit('it ran')")

    result = prefgen("check", "r.json", "--no-plugins", cwd=tmp_path)

    assert result.returncode == 2
    assert "it ran" not in result.stderr


def test_the_command_reads_a_constitution(tmp_path):
    good = prefgen("check", shipped("constitutions") / "harmless.yaml", cwd=tmp_path)
    (tmp_path / "bad.yaml").write_text(
        "name: x\nprinciples:\n  - {id: a, critique: x}\n  - {id: b, comparison: y}\n"
    )
    (tmp_path / "twice.yaml").write_text("name: x\nprinciples:\n  - {id: a}\n  - {id: a}\n")
    bad = prefgen("check", "bad.yaml", "--json", cwd=tmp_path)
    twice = prefgen("check", "twice.yaml", cwd=tmp_path)

    assert (good.returncode, bad.returncode, twice.returncode) == (0, 4, 2)
    assert "harmless.yaml: ok: harmless, 18 principles" in good.stdout
    assert len(json.loads(bad.stdout)["findings"]) == 2
    assert "'a' stands twice" in twice.stderr


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("c.yaml", "# mine\ncurate:\n  - use: dedupe\n  - {use: limit, count: 3}\n"),
        ("c.yml", "{curate: [{use: dedupe}, {use: limit, count: 3}]}"),
        ("c.json", '{"curate": [{"use": "dedupe"}, {"use": "limit", "count": 3}]}'),
    ],
)
def test_the_command_reads_curators_as_mix_does(tmp_path, name, text):
    (tmp_path / name).write_text(text)

    said = prefgen("check", name, cwd=tmp_path)
    as_json = prefgen("check", name, "--json", cwd=tmp_path)

    assert (said.returncode, said.stdout) == (0, f"{name}: ok, 2 curators: dedupe, limit\n"), said.stderr
    assert json.loads(as_json.stdout) == {"passed": True, "curators": ["dedupe", "limit"]}
    python = check(tmp_path / name)
    assert python.passed and str(python) == f"{tmp_path / name}: ok, 2 curators: dedupe, limit"


@pytest.mark.parametrize(
    ("text", "errors"),
    [
        (
            "curate:\n  - {use: limitt}\n  - {use: limit, cuont: 3}\n",
            ["c.yaml:2:6: there is no curator 'limitt'", "c.yaml:3:18: unknown key 'cuont'"],
        ),
        ("curate: [{use: limit, count: 3}]\nmodels: {}\n", ["c.yaml:2:1: unknown key 'models'"]),
        ("curate: []\n", ["c.yaml: expected `curate:` with a list of curators"]),
        ("- {use: limit, count: 3}\n", ["c.yaml:1:1: expected `curate:` with a list of curators"]),
        ("curate: [{use: ./mine.py:C}]\n", ["c.yaml:1:11: './mine.py:C' is Python code"]),
    ],
)
def test_what_is_wrong_with_curators_is_what_mix_says(tmp_path, text, errors):
    (tmp_path / "c.yaml").write_text(text)
    (tmp_path / "pairs.jsonl").write_text('{"prompt": "Why?", "chosen": "a", "rejected": "b"}\n')

    said = prefgen("check", "c.yaml", "--no-plugins", cwd=tmp_path)
    as_json = json.loads(prefgen("check", "c.yaml", "--no-plugins", "--json", cwd=tmp_path).stdout)
    mixed = prefgen("mix", "pairs.jsonl", "-o", "m", "--curate", "c.yaml", "--no-plugins", cwd=tmp_path)

    things = "one thing is" if len(errors) == 1 else f"{len(errors)} things are"
    assert (said.returncode, said.stdout) == (2, f"c.yaml: BROKEN: {things} wrong\n")
    assert said.stderr == mixed.stderr and all(error in said.stderr for error in errors), said.stderr
    assert (as_json["passed"], as_json["exit_code"]) == (False, 2)
    assert len(as_json["errors"]) == len(errors)


@pytest.mark.parametrize(
    ("name", "text", "kind"),
    [
        ("r.yaml", "name: x\nstages:\n  - curate: [{use: dedupe}]\n", "recipe"),
        ("r.yaml", "curate: [{use: dedupe}]\nstages: []\n", "recipe"),
        ("r.yaml", "extends: base.yaml\n", "recipe"),
        ("r.yaml", "- prompts: {use: inline}\n", "recipe"),
        ("r.yaml", "curate: [", "recipe"),
        ("c.yaml", "name: x\nprinciples: [{id: curate}]\n", "constitution"),
        ("p.json", '[{"curate": 1}]', "pairs"),
        ("p.json", '{"data": []}', "pairs"),
    ],
)
def test_what_is_no_file_of_curators_is_what_it_was(tmp_path, name, text, kind):
    (tmp_path / name).write_text(text)

    assert kind_of(tmp_path / name) == kind


def test_options_of_recipes_are_none_of_curators(tmp_path):
    (tmp_path / "c.yaml").write_text("curate: [{use: dedupe}]\n")

    said = prefgen("check", "c.yaml", "--set", "a=1", cwd=tmp_path)

    assert said.returncode == 2 and "--set changes a recipe, and c.yaml is none" in said.stderr


def test_check_of_a_configuration_takes_columns_by_other_names(hub, tmp_path):
    words = (
        "check",
        "acme/winners",
        "--config",
        "default",
        "--columns",
        "prompt=question",
        "--columns",
        "chosen=winner",
        "--json",
    )

    found = prefgen_apart(*words, "--columns", "rejected=loser", cwd=tmp_path, **on(hub, tmp_path))

    assert (found.returncode, json.loads(found.stdout)["rows"]) == (0, 4), found.stderr
    wrong = prefgen_apart(*words, "--columns", "rejected=looser", cwd=tmp_path, **on(hub, tmp_path))
    assert (wrong.returncode, "there is no column 'looser'" in wrong.stderr) == (2, True)


def test_a_release_without_its_texts_is_proven_in_all_else(tmp_path):
    notice = f"[a harmful text was taken out; its BLAKE2b digest is {'0f' * 16}]"
    row = {"id": "r7", "prompt": "How?", "chosen": "I will not.", "rejected": notice}
    (tmp_path / "a.jsonl").write_text(json.dumps(row) + "\n")

    found, allowed = (
        prefgen("check", "a.jsonl", *more, cwd=tmp_path) for more in ((), ("--allow", "redacted"))
    )

    assert (found.returncode, allowed.returncode) == (4, 0)
    assert "BROKEN  no side is without a text that was taken out of a release" in found.stdout
    assert "a.jsonl:1 (id r7): rejected is without a harmful text" in found.stdout
    assert "puts it back) (not looked at)" in allowed.stdout
    refused = prefgen("export", "a.jsonl", "--to", "trl", "-o", "x", "--allow", "redacted", cwd=tmp_path)
    assert "--allow: 'redacted' is none of truncated, leak, format" in refused.stderr


def test_what_is_dropped_is_written_though_nobody_reads_what_is_said(tmp_path):
    rows = [{"prompt": f"Q{i}", "chosen": "good", "rejected": "bad" if i else "good"} for i in range(3)]
    (tmp_path / "d.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    reading, writing = os.pipe()
    os.close(reading)

    subprocess.run(
        [sys.executable, "-u", "-m", "prefgen", "check", "d.jsonl", "--drop", "-o", "clean"],
        cwd=tmp_path, stdout=writing, stderr=subprocess.DEVNULL, check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    os.close(writing)

    assert len((tmp_path / "clean" / "pairs.jsonl").read_text().splitlines()) == 2


def test_rules_that_no_row_was_looked_at_for_are_not_said_to_hold(tmp_path):
    rows = [{"q": f"Question {i}?", "good": f"Good {i}.", "bad": f"Bad {i}."} for i in range(25)]
    (tmp_path / "p.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "torn.jsonl").write_bytes(b'{"q": "\xff"}\n' * 3)
    names = ("--columns", "chosen=good", "--columns", "rejected=bad", "--columns", "prompt=q")

    for unreadable in ("p.jsonl", "torn.jsonl"):
        said = prefgen("check", unreadable, cwd=tmp_path)
        rules = [line for line in said.stdout.splitlines()[1:] if line[2:9].strip() in ("ok", "BROKEN", "")]
        rules = [line for line in rules if line[10] != " "]  # which are examples
        assert said.returncode == 4
        assert [line.startswith("  BROKEN") for line in rules] == [True] + [False] * (len(RULES) - 1)
        assert all(line.endswith(" (not looked at)") for line in rules[1:])
    said = json.loads(prefgen("check", "p.jsonl", "--json", cwd=tmp_path).stdout)
    assert {*said["not_looked_at"], "form"} == set(RULES)

    with_names = json.loads(prefgen("check", "p.jsonl", *names, "--json", cwd=tmp_path).stdout)
    assert with_names["passed"] and with_names["not_looked_at"] == ["truncation"]
    (tmp_path / "few.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows[:19]))
    few = prefgen("check", "few.jsonl", *names, cwd=tmp_path).stdout
    assert few.count("  ok  ") == len(RULES) - 2 and few.count("(not looked at)") == 2
    (tmp_path / "one.jsonl").write_bytes(b'{"q": "\xff"}\n' + json.dumps(rows[0]).encode())
    one = json.loads(prefgen("check", "one.jsonl", *names, "--json", cwd=tmp_path).stdout)
    assert one["not_looked_at"] == ["truncation", "repeated_chosen"]
