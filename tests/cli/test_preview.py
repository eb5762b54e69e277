"""prefgen preview (prefgen/cli/preview.py)"""

import json

import prefgen as library
from tests.support.cli import prefgen
from tests.support.recipes import a_recipe, failures_of


def test_preview_shows_a_few_and_its_replies_count(tmp_path):
    (tmp_path / "r.json").write_text(json.dumps(a_recipe(prompts=[f"Question {i}?" for i in range(9)])))

    shown = prefgen("preview", "r.json", "-n", "2", cwd=tmp_path)

    assert shown.stdout.count("CHOSEN") == 2
    assert (tmp_path / "runs" / "calls.sqlite").exists()
    assert not (tmp_path / "runs" / "test").exists()


def test_why_a_judge_failed_stands_under_the_answers_with_its_reply(tmp_path, monkeypatch):
    """As it stands in failures.parquet of the run, whose replies are the same."""
    monkeypatch.chdir(tmp_path)
    recipe = a_recipe(prompts=["What is a tide?"])
    said = "I would\nrather not\x1b[2Jsay. " + "x" * 2000
    recipe["models"]["grader"] = {"use": "scripted", "temperature": 0, "rules": [{"say": [said]}]}
    (tmp_path / "r.json").write_text(json.dumps(recipe))

    shown = prefgen("preview", "r.json", cwd=tmp_path)
    as_json = prefgen("preview", "r.json", "--json", cwd=tmp_path)
    assert prefgen("run", "r.json", "--out", "run", cwd=tmp_path).returncode == 1  # every prompt is lost
    [failure] = failures_of(tmp_path / "run")
    of_run = prefgen("show", "records", "run", cwd=tmp_path)
    in_python = library.preview("r.json", n=1)

    assert failure["code"] == "no_rating" and failure["replies"][0] == said
    for text in (shown.stdout, of_run.stdout, str(in_python)):
        after = text.partition("\nlost: judge: quality (grader): no_rating\n")[2].splitlines()
        assert after[0] == f"      {failure['reason']}"[: len(after[0])] and len(after[0]) > 40
        assert after[1:3] == ["      reply 1: I would", after[2]]
        assert after[2].startswith("        rather not�[2Jsay. xxx")
        assert after[2].endswith("more characters)") and len(after[2]) < 450
        assert "no pair: too_few_scored" in after
        assert "\x1b" not in text
    [record] = map(json.loads, as_json.stdout.splitlines())
    assert record["failures"] == [{**failure, "model": "grader"}]
    assert in_python.failures == {record["prompt"]["id"]: record["failures"]}
