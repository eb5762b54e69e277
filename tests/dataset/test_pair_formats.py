"""Rows of pairs as others write them, read as prompt, chosen and rejected: the forms that `prefgen export`
writes, or columns by other names. (prefgen/dataset/pair_formats.py)
"""

import json

import pytest

from prefgen.dataset.pair_formats import to_pair_row
from prefgen.publish.export import EXPORT_FORMS
from tests.support.cli import prefgen_here as prefgen
from tests.support.export import ROWS, dataset, lines, said


def test_what_check_reads_is_what_export_writes(tmp_path):
    (tmp_path / "pairs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    for form in sorted(EXPORT_FORMS.keys() - {"kto", "sft"}):  # which hold no pairs
        done = prefgen("export", "pairs.jsonl", "--to", form, "-o", f"{form}.jsonl", cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        checked = prefgen("check", f"{form}.jsonl", cwd=tmp_path)
        assert checked.returncode == 0, checked.stdout
        again = json.loads(prefgen("diff", "pairs.jsonl", f"{form}.jsonl", "--json", cwd=tmp_path).stdout)
        # scores are not in every form
        assert {kind: n for kind, n in again["pairs"].items() if n} in ({"kept": 4}, {"changed": 4}), form
        assert again["prompts"] == {"added": 0, "removed": 0, "kept": 2}


def test_columns_by_other_names(tmp_path):
    rows = [{"question": f"Q{i}?", "win": f"Good {i}", "lose": f"Bad {i}"} for i in range(3)]
    path = dataset(tmp_path / "a.jsonl", rows)
    names = ("--columns", "prompt=question", "--columns", "chosen=win", "--columns", "rejected=lose")

    assert prefgen("check", path, *names, cwd=tmp_path).returncode == 0
    assert prefgen("export", path, "--to", "trl", "-o", "out.jsonl", *names, cwd=tmp_path).returncode == 0
    assert lines(tmp_path / "out.jsonl")[2]["chosen"] == [said("assistant", "Good 2")]
    wrong = prefgen("check", path, "--columns", "prompt=questoin", cwd=tmp_path)
    assert wrong.returncode == 2
    assert "there is no column 'questoin'; there are question, win, lose" in wrong.stderr
    assert "OURS=THEIRS" in prefgen("check", path, "--columns", "prompt", cwd=tmp_path).stderr


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ({"reward_chosen": -3, "reward_rejected": -5}, {"score_chosen": -3, "score_rejected": -5}),
        ({"chosen_reward": 3, "rejected_reward": 2}, {"score_chosen": 3, "score_rejected": 2}),
        (
            {"chosen_finish_reason": "length", "rejected_finish_reason": "stop"},
            {"chosen_finish": "length", "rejected_finish": "stop"},
        ),
        ({"finish_reason_chosen": "length"}, {"chosen_finish": "length"}),
    ],
)
def test_scores_and_endings_are_known_whichever_way_round_their_names_are(theirs, ours):
    read = to_pair_row({"prompt": "q", "chosen": "a", "rejected": "b", **theirs}, {}, "row")

    assert {name: read.get(name) for name in ours} == ours
