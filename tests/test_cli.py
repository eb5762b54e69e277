"""The command line as a user types it: exit codes, what goes to stdout and to stderr."""

import asyncio
import json
import os
import shutil
import sqlite3
import subprocess
import sys

import pytest

from tests.support.cli import prefgen
from tests.support.paths import ROOT
from tests.support.recipes import a_recipe, run


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """A folder with a finished run of the scripted recipe."""
    folder = tmp_path_factory.mktemp("cli")
    (folder / "r.json").write_text(json.dumps(a_recipe()))
    result = prefgen("run", "r.json", cwd=folder)
    assert result.returncode == 0, result.stderr
    return folder


def test_run_prints_the_place_of_the_pairs_on_stdout_and_talks_on_stderr(done):
    again = prefgen("run", "r.json", cwd=done)

    assert again.stdout == "runs/test/pairs\n"
    assert "3 prompts: 3 pair" in again.stderr


def test_run_prints_json_when_asked(done):
    found = json.loads(prefgen("run", "r.json", "--json", cwd=done).stdout)

    assert (found["exit_code"], found["complete"], found["yield"]["pairs"]) == (0, True, 3)


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
        (["show", "pairs", "."], 2, "not the folder of a complete run"),
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


def test_showing(done):
    pairs = prefgen("show", "pairs", "runs/test", "--sample", "2", "--json", cwd=done)
    records = prefgen("show", "records", "runs/test", "--where", "margin>=3", cwd=done)
    fields = prefgen("show", "judge", "ultrafeedback", cwd=done)
    roles = json.loads(prefgen("show", "roles", "--json", cwd=done).stdout)
    steps = prefgen("show", "recipe", "r.json", cwd=done)

    assert len(pairs.stdout.splitlines()) == 2
    assert records.stdout.count("CHOSEN") == 3
    assert "model: str (required)" in fields.stdout
    assert "ultrafeedback" in roles["judge"]
    assert "quality = ultrafeedback" in steps.stdout


def test_a_response_cannot_move_the_cursor_of_whoever_reads_it(tmp_path):
    recipe = a_recipe()
    recipe["models"]["writer"]["rules"][1]["say"] = ["\x1b[2J\x1b[1;1Hwiped", "plain"]
    (tmp_path / "r.json").write_text(json.dumps(recipe))
    prefgen("run", "r.json", cwd=tmp_path)

    shown = prefgen("show", "records", "runs/test", cwd=tmp_path)

    assert "wiped" in shown.stdout
    assert "\x1b" not in shown.stdout


def test_plan_asks_nobody_and_leaves_no_trace(done, tmp_path):
    (tmp_path / "r.json").write_text(
        json.dumps(a_recipe(url="http://127.0.0.1:9/v1", prompts=[f"{i}?" for i in range(30)]))
    )

    plan = prefgen("plan", "r.json", "-k", "10", "--json", cwd=tmp_path)

    found = json.loads(plan.stdout)
    assert (found["prompts"], found["sampled"], found["new_requests"]) == (30, 10, 90)
    assert found["seconds"] > 0
    assert not (tmp_path / "runs").exists()


def test_plan_counts_the_rounds_that_one_record_asks_in_series(tmp_path):
    recipe = a_recipe()
    aspects = ["instruction_following", "honesty", "truthfulness", "helpfulness"]
    recipe["stages"][2] = {
        "judge": {
            "quality": {"use": "ultrafeedback", "model": "grader", "aspects": aspects, "critique": True}
        }
    }
    (tmp_path / "r.json").write_text(json.dumps(recipe))

    plan = prefgen("plan", "r.json", "--json", cwd=tmp_path)

    assert plan.returncode == 0, plan.stderr
    rounds = {line["stage"]: line["rounds"] for line in json.loads(plan.stdout)["lines"]}
    assert rounds == {"sample": 1, "judge": 2}  # the four aspects at once, then the critiques


@pytest.mark.parametrize("name", ["pairwise", "ultrafeedback", "additive"])
def test_show_says_what_a_judge_asks_and_that_its_wording_is_unmeasured(tmp_path, name):
    shown = prefgen("show", "judge", name, cwd=tmp_path)

    assert shown.returncode == 0
    assert "\nasks: " in shown.stdout
    assert "wording: unmeasured" in shown.stdout


def test_several_runs_share_a_journal_at_once(tmp_path):
    """Four processes, one journal, four folders: each ends well, and their datasets are the same."""
    recipe = a_recipe(prompts=[f"Question {i}?" for i in range(150)])
    (tmp_path / "r.json").write_text(json.dumps(recipe))
    words = [sys.executable, "-m", "prefgen", "run", "r.json", "--json", "--journal", "calls.sqlite"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    runs = [
        subprocess.Popen(
            [*words, "--out", f"out{i}"],
            cwd=tmp_path,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        for i in range(4)
    ]

    ended = [(run.communicate(timeout=120), run.returncode) for run in runs]

    assert [code for _, code in ended] == [0] * 4, ended[0][0][1]
    assert len({json.loads(out)["row_digest"] for (out, _), _ in ended}) == 1


def test_plan_knows_what_the_journal_holds_and_why_the_rest_is_new(done):
    same = json.loads(prefgen("plan", "r.json", "--json", cwd=done).stdout)
    changed = prefgen("plan", "r.json", "--why", "--json", "--set", "models.writer.temperature=0.5", cwd=done)

    assert same["new_requests"] == 0
    assert any("sampling" in words for words in json.loads(changed.stdout)["why"])


def test_preview_shows_a_few_and_its_replies_count(tmp_path):
    (tmp_path / "r.json").write_text(json.dumps(a_recipe(prompts=[f"Question {i}?" for i in range(9)])))

    shown = prefgen("preview", "r.json", "-n", "2", cwd=tmp_path)

    assert shown.stdout.count("CHOSEN") == 2
    assert (tmp_path / "runs" / "calls.sqlite").exists()
    assert not (tmp_path / "runs" / "test").exists()


def test_status_reads_the_files_alone(done):
    [row] = json.loads(prefgen("status", "runs/test", "--json", cwd=done).stdout)

    assert (row["state"], row["pairs"]) == ("complete", 3)


def test_the_cache_commands(done, tmp_path):
    ls = json.loads(prefgen("cache", "ls", "--json", cwd=done).stdout)
    verify = json.loads(prefgen("cache", "verify", "--json", cwd=done).stdout)
    export = prefgen("cache", "export", tmp_path / "all.jsonl", cwd=done)
    imported = prefgen(
        "cache", "import", tmp_path / "all.jsonl", "--journal", tmp_path / "other.sqlite", cwd=done
    )
    offline = prefgen(
        "run",
        "r.json",
        "--offline",
        "--out",
        tmp_path / "again",
        "--journal",
        tmp_path / "other.sqlite",
        "--json",
        cwd=done,
    )
    prefgen("cache", "gc", cwd=done)

    assert sum(row["replies"] for row in ls) == verify["rows"] == 9
    assert export.returncode == imported.returncode == offline.returncode == 0, offline.stderr
    assert (
        json.loads(offline.stdout)["row_digest"]
        == json.loads((done / "runs/test/manifest.json").read_text())["row_digest"]
    )


def test_the_schema_is_json(done):
    found = json.loads(prefgen("schema", cwd=done).stdout)
    sections = found["properties"]["publish"]["anyOf"][0], found["properties"]["train"]["anyOf"][0]
    assert [
        {"repo", "test"} <= set(sections[0]["properties"]),
        {"beta", "lora"} <= set(sections[1]["properties"]),
    ] == [True, True]

    assert found["properties"]["stages"]


def test_no_plugins_refuses_code(tmp_path):
    recipe = a_recipe()
    recipe["stages"][2] = {"judge": {"q": {"use": "./mine.py:J"}}}
    (tmp_path / "r.json").write_text(json.dumps(recipe))
    (tmp_path / "mine.py").write_text("raise SystemExit('it ran')")

    result = prefgen("check", "r.json", "--no-plugins", cwd=tmp_path)

    assert result.returncode == 2
    assert "it ran" not in result.stderr


def test_a_file_beside_the_recipe_may_import_its_neighbour(tmp_path):
    (tmp_path / "words.py").write_text("BEST = 5.0\n")
    (tmp_path / "mine.py").write_text(
        "from prefgen import Plugin, Score, judge\nfrom words import BEST\n\n@judge('mine')\nclass Mine(Plugin):\n"
        "    def judge(self, prompt, responses, ask):\n"
        "        return [Score(response_id=r.id, aspect='a', value=BEST - i, scale=(1, 5)) for i, r in enumerate(responses)]\n"
    )
    recipe = a_recipe()
    recipe["stages"][2] = {"judge": {"quality": {"use": "./mine.py:Mine"}}}
    (tmp_path / "r.json").write_text(json.dumps(recipe))

    result = prefgen("run", "r.json", cwd=tmp_path)

    assert result.returncode == 0, result.stderr
    assert "3 pair" in result.stderr


def test_run_works_inside_a_running_loop(tmp_path):
    import asyncio

    import prefgen as package

    async def notebook():
        return package.run(a_recipe(), out=tmp_path / "out", journal=tmp_path / "j.sqlite")

    assert len(asyncio.run(notebook()).pairs) == 3


def test_a_plan_after_a_preview_does_not_take_all_for_known(tmp_path):
    (tmp_path / "r.json").write_text(json.dumps(a_recipe(prompts=[f"Number {i}?" for i in range(300)])))
    preview = prefgen("preview", "r.json", "-n", "40", cwd=tmp_path)
    assert preview.returncode == 0, preview.stderr

    plan = json.loads(prefgen("plan", "r.json", "-k", "40", "--json", cwd=tmp_path).stdout)

    lines = plan["lines"]
    assert sum(line["replayed"] for line in lines) < 0.5 * sum(line["requests"] for line in lines), (
        "13 % are known"
    )


def test_what_is_no_journal_is_left_alone(done, tmp_path):
    prompts = tmp_path / "prompts.jsonl"
    prompts.write_text('{"prompt": "Why?"}\n' * 50)

    for words in (
        ("run", done / "r.json", "--out", tmp_path / "out"),
        ("cache", "verify", "--repair"),
        ("cache", "ls"),
    ):
        refused = prefgen(*words, "--journal", prompts, cwd=tmp_path)
        assert (refused.returncode, "is no journal" in refused.stderr) == (1, True), refused.stderr
        assert "--repair" not in refused.stderr

    assert list(tmp_path.glob("prompts*")) == [prompts]
    assert prompts.read_text().count("Why?") == 50


def test_status_of_a_run_that_was_killed_says_how_far_it_came(done, tmp_path):
    shutil.copytree(done / "runs" / "test", tmp_path / "killed")
    (tmp_path / "killed" / "manifest.json").unlink()
    with sqlite3.connect(tmp_path / "killed" / "record_store.sqlite") as db:
        db.execute("UPDATE state SET done = 0 WHERE position = 0")
    db.close()

    [row] = json.loads(prefgen("status", "killed", "--json", cwd=tmp_path).stdout)

    assert (row["state"], row["finished"], row["prompts"], row["pairs"]) == ("never stopped cleanly", 2, 3, 2)
    assert row["paid_usd"] is None
    assert "2 of 3 prompts, 2 pairs" in prefgen("status", "killed", cwd=tmp_path).stdout


def test_a_smaller_part_of_a_finished_run_keeps_the_whole(tmp_path):
    (tmp_path / "r.json").write_text(json.dumps(a_recipe()))
    assert prefgen("run", "r.json", cwd=tmp_path).returncode == 0

    assert prefgen("run", "r.json", "-n", "1", cwd=tmp_path).returncode == 0

    kept = json.loads((tmp_path / "runs/test/previous/manifest.json").read_text())
    assert (kept["complete"], kept["yield"]["prompts"]) == (True, 3)
    assert list((tmp_path / "runs/test/previous/pairs").glob("*.parquet"))


def test_sampling_that_a_judge_does_not_use_is_said(tmp_path):
    recipe = a_recipe()
    recipe["models"]["grader"]["temperature"] = 0.9
    (tmp_path / "r.json").write_text(json.dumps(recipe))

    assert (
        "judge 'quality' asks 'grader' with a temperature of 0 of its own, not with the 0.9"
        in prefgen("run", "r.json", cwd=tmp_path).stderr
    )
    recipe["stages"][2]["judge"]["quality"]["temperature"] = None
    (tmp_path / "r.json").write_text(json.dumps(recipe))
    assert "of its own" not in prefgen("run", "r.json", "-y", cwd=tmp_path).stderr
    recipe["stages"][2]["judge"]["quality"] |= {
        "model": {"is": "grader", "temperature": None},
        "temperature": 0,
    }
    (tmp_path / "r.json").write_text(json.dumps(recipe))
    unset = prefgen("run", "r.json", "-y", cwd=tmp_path)
    assert (unset.returncode, "of its own" in unset.stderr) == (0, False), unset.stderr


def test_pairs_are_counted_over_all_starts_of_a_run(done):
    from prefgen.engine.progress import Progress

    progress = Progress()
    asyncio.run(
        run(a_recipe(), done / "runs" / "test", journal=done / "runs" / "calls.sqlite", progress=progress)
    )

    assert (progress.finished, progress.pairs) == (3, 3)
