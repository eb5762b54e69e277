"""A row of pairs, in any of TRL's forms, as messages: read strictly, since what is read loosely here is
trained on. (prefgen/dataset/pair.py)
"""

import re

import pytest

from tests.support.cli import prefgen_here as prefgen
from tests.support.export import ROWS, dataset, said

BAD = [
    (
        {"chosen": [said("assistant", "Same")], "rejected": [said("assistant", " same ")]},
        "chosen and rejected are the same",
    ),
    ({"score_chosen": float("inf")}, "score_chosen is inf"),
    ({"score_chosen": "high"}, "score_chosen is 'high'"),
    ({"chosen_probability": 1.5}, "probabilities lie within 0 to 1"),
    ({"weight": -1.0}, "weights are not below 0"),
    ({"chosen": [{"role": "assistant", "content": None}]}, "chosen is empty"),
    ({"chosen": [{"role": "assistant", "content": [{"type": "video"}]}]}, "must be text or an image"),
    ({"chosen": [{"role": "assistant", "content": 5}]}, "must be text or a list of parts"),
    ({"chosen": ["hi"]}, "not of the same form"),
    ({"chosen": [{"content": "hi"}]}, "unknown role None"),
    ({"chosen": [said("user", "hi")]}, "chosen is not the assistant's turn"),
    ({"rejected": [said("assistant", "a"), said("user", "b")]}, "rejected does not end with the assistant"),
    ({"rejected": [said("assistant", "a"), said("assistant", "b")]}, "two assistant turns"),
    ({"system": ["x"]}, "system must be text"),
    ({"prompt": 1}, "must be text or a list of messages"),
    ({"chosen": 3}, "not of the same form|must be text or a list of messages"),
    ({"chosen": [said("assistant", "  ")]}, "chosen is empty"),
    ({"prompt": [said("user", "half \ud800")]}, "a lone surrogate"),
]


@pytest.mark.parametrize(("change", "says"), BAD)
def test_what_is_no_pair_is_neither_exported_nor_mixed(tmp_path, change, says):
    path = dataset(tmp_path / "a.jsonl", [ROWS[0], {**ROWS[1], **change}])

    for arguments in (
        ("export", path, "--to", "trl", "-o", "out.jsonl"),
        ("mix", path, "-o", "mixed"),
        ("diff", path, path),
    ):
        done = prefgen(*arguments, cwd=tmp_path)
        if arguments[0] != "diff":  # what is sound is not its matter
            assert done.returncode == 2
            assert re.search(says, done.stderr)
            assert "a.jsonl:2" in done.stderr
        assert "Traceback" not in done.stderr
    assert prefgen("check", path, cwd=tmp_path).returncode == 4
    assert [found.name for found in tmp_path.iterdir()] == ["a.jsonl"]  # nothing is left behind
