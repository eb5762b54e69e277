"""prefgen show (prefgen/cli/show.py)"""

import json

import pytest

from tests.support.cli import prefgen_here as prefgen


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


@pytest.mark.parametrize("name", ["pairwise", "ultrafeedback", "additive"])
def test_show_says_what_a_judge_asks_and_that_its_wording_is_unmeasured(tmp_path, name):
    shown = prefgen("show", "judge", name, cwd=tmp_path)

    assert shown.returncode == 0
    assert "\nasks: " in shown.stdout
    assert "wording: unmeasured" in shown.stdout


def test_each_plugin_of_a_role_is_listed_with_what_it_is_for(tmp_path):
    names = json.loads(prefgen("show", "curator", "--json", cwd=tmp_path).stdout)

    shown = prefgen("show", "curator", cwd=tmp_path).stdout.splitlines()

    assert [line.split()[0] for line in shown] == names
    assert "Drop prompts that stand there already" in [
        line.partition(" ")[2].strip() for line in shown if line.startswith("dedupe ")
    ]


def test_the_command_prints_them_of_a_file_or_a_run(tmp_path):
    (tmp_path / "a.jsonl").write_text(
        "".join(json.dumps({"prompt": f"How do tides work in river {i}?"}) + "\n" for i in range(12))
    )

    done = prefgen("show", "prompts", "a.jsonl", "--against", "a.jsonl", "--json", cwd=tmp_path)
    found = json.loads(done.stdout)

    assert found["prompts"][0] == 12
    assert found["reference_cosine"][0] == pytest.approx(1, abs=1e-5)
    assert "Vendi" in prefgen("show", "prompts", "a.jsonl", cwd=tmp_path).stdout


def test_the_command_says_which_part_holds_a_benchmarks_item(tmp_path):
    rows = [f"How do tides work in the long river number {i}, please?" for i in range(4)]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps({"prompt": row}) + "\n" for row in rows))
    (tmp_path / "bench.jsonl").write_text(json.dumps({"question": rows[2]}) + "\n")

    done = prefgen("show", "prompts", "a.jsonl", "--benchmark", "bench.jsonl", "--json", cwd=tmp_path)

    assert 0.25 <= json.loads(done.stdout)["contaminated"][0] <= 1
