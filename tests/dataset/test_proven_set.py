"""What `check` calls broken is handed on by nobody, also where it is about several rows.
(prefgen/dataset/proven_set.py)
"""

import json

import pytest

from prefgen.dataset.bad_rows import BadRows
from prefgen.dataset.open_pairs import open_pairs
from prefgen.dataset.proven_set import proven_set
from prefgen.errors import RecipeError
from tests.support.cli import prefgen_here as prefgen

RIVER = {"prompt": "Name a river.", "chosen": "The Rhine.", "rejected": "The Alps."}
SWAPPED = {**RIVER, "chosen": "The Alps.", "rejected": "The Rhine."}
LAKE = {"prompt": "Name a lake.", "chosen": "Como", "rejected": "Alps"}
LONG = "Explain to a new gardener why tomatoes split after rain, what helps against it, and what not to do"


@pytest.fixture
def broken(tmp_path):
    rows = [RIVER, SWAPPED, LAKE, LAKE]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return tmp_path


def test_export_refuses_rows_that_break_a_rule_together(broken):
    export = ("export", "a.jsonl", "--to", "trl", "-o", "o.jsonl")

    refused, dropped = prefgen(*export, cwd=broken), prefgen(*export, "--on-bad-rows", "drop", cwd=broken)

    assert refused.returncode == 2
    assert "a.jsonl:1: a.jsonl:2 says the other way round" in refused.stderr
    assert dropped.returncode == 0, dropped.stderr
    assert "3 rows were left out" in dropped.stderr
    assert len((broken / "o.jsonl").read_text().splitlines()) == 1
    assert prefgen("check", "o.jsonl", cwd=broken).returncode == 0


def test_mix_refuses_contradictions_and_takes_each_pair_once(broken):
    mix = ("mix", "a.jsonl", "-o", "m", "--test", "0")

    refused, dropped = prefgen(*mix, cwd=broken), prefgen(*mix, "--on-bad-rows", "drop", cwd=broken)

    assert refused.returncode == 2 and "says the other way round" in refused.stderr
    assert dropped.returncode == 0, dropped.stderr
    assert json.loads((broken / "m" / "mix.json").read_text())["bad_rows"] == 2
    assert [row["prompt"][0]["content"] for _, row in open_pairs(str(broken / "m")).rows] == ["Name a lake."]
    assert prefgen("check", "m", cwd=broken).returncode == 0


@pytest.mark.parametrize(
    ("rows", "kept"),
    [
        ([{**RIVER, "split": "train"}, {**LAKE, "prompt": "name a river.", "split": "test"}], [0]),
        (
            [{**RIVER, "prompt": LONG, "split": "train"}, {**LAKE, "prompt": LONG + " now", "split": "test"}],
            [0],
        ),
        ([{**RIVER, "source": None}, SWAPPED], [1]),
        ([RIVER, {**SWAPPED, "rule": "another"}], [0, 1]),
        ([RIVER, {"prompt": "Q"}, LAKE], [0, 2]),
    ],
)
def test_what_is_left_out(rows, kept):
    places = [(str(i), row) for i, row in enumerate(rows)]
    bad_rows = BadRows("drop")

    assert [int(where) for where, _ in proven_set(lambda _: places, bad_rows)] == kept
    assert len(bad_rows.rows) == len(rows) - len(kept)
    if len(kept) < len(rows):
        with pytest.raises(RecipeError):
            list(proven_set(lambda _: places, BadRows("fail")))
