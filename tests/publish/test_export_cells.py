"""What an export makes of cells that hold anything is read back, or refused. (prefgen/publish/export.py)"""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.support.cli import prefgen_here as prefgen
from tests.support.export import dataset, lines

NAN = float("nan")
RIVER = {"prompt": "Name a river.", "chosen": "The Rhine.", "rejected": "The Alps."}
LAKE = {**RIVER, "prompt": "Name a lake.", "chosen": "Como"}


def exported(tmp_path, form, *rows, suffix=".jsonl"):
    dataset(tmp_path / "a.jsonl", rows)
    done = prefgen("export", "a.jsonl", "--to", form, "-o", f"o{suffix}", cwd=tmp_path)
    assert "Traceback" not in done.stderr
    return done


@pytest.mark.parametrize("column", ["source", "chosen_model", "license"])
def test_nan_is_missing_for_check_and_export_alike(tmp_path, column):
    assert exported(tmp_path, "rewardbench", {**RIVER, column: NAN}).returncode == 0

    assert lines(tmp_path / "o.jsonl")[0]["chosen_model"] == "unknown"
    assert prefgen("check", "a.jsonl", cwd=tmp_path).returncode == 0


def test_nan_is_no_split(tmp_path):
    dataset(
        tmp_path / "a.jsonl", [{**RIVER, "split": NAN}, {**RIVER, "rejected": "A hill.", "split": "train"}]
    )

    assert prefgen("check", "a.jsonl", cwd=tmp_path).returncode == 0


def test_a_model_without_a_name_is_unknown(tmp_path):
    assert exported(tmp_path, "rewardbench", RIVER, {**LAKE, "category": 3}).returncode == 0
    assert [row["subset"] for row in lines(tmp_path / "o.jsonl")] == ["all", "3"]
    assert prefgen("check", "o.jsonl", cwd=tmp_path).returncode == 0
    assert (
        exported(tmp_path, "rewardbench", RIVER, {**LAKE, "category": 3}, suffix=".parquet").returncode == 0
    )


@pytest.mark.parametrize("suffix", [".jsonl", ".parquet", ".csv"])
def test_whole_numbers_beyond_64_bits_are_numbers(tmp_path, suffix):
    row = {**RIVER, "score_chosen": 2**70, "score_rejected": 0, "margin": 2**70}

    assert exported(tmp_path, "ultrafeedback-binarized", row, suffix=suffix).returncode == 0
    assert prefgen("check", f"o{suffix}", cwd=tmp_path).returncode == 0
    if suffix != ".csv":
        assert exported(tmp_path, "openrlhf", row, suffix=suffix).returncode == 0


def test_tools_may_hold_any_number(tmp_path):
    tools = [{"type": "function", "function": {"name": "f", "parameters": {"maximum": 2**70}}}]

    assert exported(tmp_path, "trl", {**RIVER, "tools": tools}).returncode == 0
    assert lines(tmp_path / "o.jsonl")[0]["tools"] == tools


def test_bytes_are_no_name_of_a_model(tmp_path):
    pq.write_table(pa.Table.from_pylist([{**RIVER, "chosen_model": b"\x00a"}]), tmp_path / "a.parquet")

    done = prefgen("export", "a.parquet", "--to", "rewardbench", "-o", "o.jsonl", cwd=tmp_path)

    assert done.returncode == 2 and "chosen_model must be text" in done.stderr


def test_a_prompt_that_ends_with_a_tool_is_read_back(tmp_path):
    call = {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": "{}"}}
    prompt = [
        {"role": "user", "content": "What is the weather?"},
        {"role": "assistant", "content": "", "tool_calls": [call]},
        {"role": "tool", "content": "sunny", "tool_call_id": "c1"},
    ]
    sides = {name: [{"role": "assistant", "content": name}] for name in ("chosen", "rejected")}

    assert exported(tmp_path, "ultrafeedback-binarized", {"prompt": prompt, **sides}).returncode == 0
    assert lines(tmp_path / "o.jsonl")[0]["prompt"] == "What is the weather?"
    assert prefgen("check", "o.jsonl", cwd=tmp_path).returncode == 0


def test_what_a_form_leaves_out_is_counted(tmp_path):
    rows = [
        RIVER,
        {**RIVER, "chosen": "The Alps.", "rejected": "A hill.", "score_chosen": 2, "score_rejected": 1},
    ]

    assert "1 answers were left out" in exported(tmp_path, "kto", *rows).stderr
    assert "1 pairs were left out" in exported(tmp_path, "sft", *rows).stderr
