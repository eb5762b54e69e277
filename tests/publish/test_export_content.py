"""What an export cannot hold is one line, and never left out. (prefgen/publish/export.py, mix.py)"""

import json

import pytest

from tests.support.cli import prefgen_here as prefgen
from tests.support.export import ROWS, lines

CALL = {"id": "c1", "type": "function", "function": {"name": "look", "arguments": "{}"}}
IMAGE = [
    {"type": "text", "text": "see"},
    {"type": "image_url", "image_url": {"url": "https://x.example/a.png"}},
]


def dataset(path, *rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


PLAIN = {"prompt": "Q", "chosen": "a", "rejected": "b"}
CALLS = {
    "prompt": "Q",
    "chosen": [{"role": "assistant", "content": "", "tool_calls": [CALL]}],
    "rejected": "b",
}
CALLS["rejected"] = [{"role": "assistant", "content": "b"}]
SEEN = {"prompt": [{"role": "user", "content": IMAGE}], "chosen": "a", "rejected": "b"}


@pytest.mark.parametrize("row", [CALLS, SEEN], ids=["calls", "images"])
def test_calls_and_images_are_refused_where_they_would_be_lost(tmp_path, row):
    path = dataset(tmp_path / "a.jsonl", PLAIN, row)
    done = prefgen("export", path, "--to", "llama-factory", "-o", "o.jsonl", cwd=tmp_path)

    assert done.returncode == 2 and "a.jsonl:2" in done.stderr and "images" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_mixture_of_texts_and_images_is_no_parquet(tmp_path):
    path = dataset(tmp_path / "a.jsonl", PLAIN, SEEN)
    done = prefgen("export", path, "--to", "trl", "-o", "o.parquet", cwd=tmp_path)

    assert done.returncode == 2 and "write .jsonl" in done.stderr and "Traceback" not in done.stderr
    assert prefgen("diff", path, path, cwd=tmp_path).returncode == 0


@pytest.fixture
def of_two_rules(tmp_path):
    """Two rules that contradict each other in one prompt, agree in another, and stand alone in a third."""
    honest = [{**row, "rule": "honest"} for row in ROWS]
    kind = [
        {**ROWS[0], "rule": "kind", "chosen": ROWS[0]["rejected"], "rejected": ROWS[0]["chosen"]},
        {**ROWS[1], "rule": "kind"},
    ]
    kind[0] |= {"score_chosen": None, "score_rejected": None}
    return dataset(tmp_path / "rules.jsonl", *honest, *kind)


def test_a_form_that_names_no_rule_holds_no_two_that_disagree(of_two_rules, tmp_path):
    refused = prefgen("export", of_two_rules, "--to", "trl", "-o", "a.jsonl", cwd=tmp_path)
    dropped = prefgen(
        "export", of_two_rules, "--to", "trl", "-o", "b.jsonl", "--on-bad-rows", "drop", cwd=tmp_path
    )

    assert refused.returncode == 2
    assert "take one by --rule (honest, kind)" in refused.stderr
    assert dropped.returncode == 0
    assert [row["chosen"][0]["content"] for row in lines(tmp_path / "b.jsonl")] == [
        "Good 1",
        "Good 2",
        "Good 3",
    ]
    assert prefgen("check", "b.jsonl", cwd=tmp_path).returncode == 0


def test_the_pairs_of_one_rule_are_exported_alone(of_two_rules, tmp_path):
    kind = prefgen("export", of_two_rules, "--to", "trl", "-o", "a.jsonl", "--rule", "kind", cwd=tmp_path)
    unknown = prefgen("export", of_two_rules, "--to", "trl", "-o", "b.jsonl", "--rule", "kin", cwd=tmp_path)

    assert kind.returncode == 0
    assert [row["chosen"][0]["content"] for row in lines(tmp_path / "a.jsonl")] == ["Bad 0", "Good 1"]
    assert unknown.returncode == 2 and "Did you mean 'kind'?" in unknown.stderr
