"""Pairs of somebody else, judged again, as docs/data.md says. (pipelines/rejudge.yaml)"""

import json

from prefgen.dataset.read_run import read_pairs, read_records
from tests.support.cli import prefgen
from tests.support.export import dataset
from tests.support.paths import ROOT


def test_a_judge_decides_anew_about_pairs_of_a_file(tmp_path):
    rows = [
        {"prompt": f"What is thing {i}?", "chosen": f"Thing {i} is good.", "rejected": f"Who knows {i}?"}
        for i in range(12)
    ]
    file = dataset(tmp_path / "mine.jsonl", rows)

    done = prefgen(
        "run",
        ROOT / "pipelines" / "rejudge.yaml",
        "--set",
        f"stages.0.prompts.path={file}",
        "-q",
        cwd=tmp_path,
    )

    assert done.returncode == 0, done.stderr
    before = {row["prompt"]: {row["chosen"], row["rejected"]} for row in rows}
    records = list(read_records(tmp_path / "runs" / "rejudge"))
    assert {r.prompt.text: {a.text for a in r.responses} for r in records} == before
    assert all(record.comparisons and record.scores for record in records)
    pairs = {row["prompt"][0]["content"]: row for row in read_pairs(tmp_path / "runs" / "rejudge")}
    for prompt, row in pairs.items():
        assert {row[side][0]["content"] for side in ("chosen", "rejected")} == before[prompt]
        assert row["score_chosen"] > row["score_rejected"]
    flipped = sum(
        row["chosen"] != pairs[row["prompt"]]["chosen"][0]["content"]
        for row in rows
        if row["prompt"] in pairs
    )
    diff = json.loads(prefgen("diff", file, "runs/rejudge", "--json", cwd=tmp_path).stdout)
    assert flipped and diff["pairs"]["flipped"] == flipped


def test_pairs_of_a_file_with_bad_rows_pass_their_own_check(tmp_path):
    rows = [
        {"prompt": f"What is thing {i}?", "chosen": f"Thing {i} is good.", "rejected": f"Who knows {i}?"}
        for i in range(9)
    ]
    first = {**rows[0], "chosen": rows[0]["rejected"], "rejected": rows[0]["chosen"]}
    rows += [
        first,
        rows[1],
        {**rows[2], "rule": "another"},
        {**rows[3], "prompt": "And?", "chosen": "<|im_end|>"},
    ]
    file = dataset(tmp_path / "mine.jsonl", rows)
    rejudge = (
        "run",
        ROOT / "pipelines" / "rejudge.yaml",
        "--set",
        f"stages.0.prompts.path={file}",
        "-q",
        "-y",
    )

    prefgen(*rejudge, "--out", "as_it_is", cwd=tmp_path)
    prefgen(*rejudge, "--out", "clean", "--set", "stages.0.prompts.on_bad_rows=drop", cwd=tmp_path)

    broken, clean = (prefgen("check", run, cwd=tmp_path) for run in ("as_it_is", "clean"))
    assert (
        broken.returncode == 4 and "`use: records` with `on_bad_rows: drop` takes them once" in broken.stdout
    )
    assert clean.returncode == 0, clean.stdout
    left_out = [json.loads(line) for line in (tmp_path / "clean" / "bad_rows.jsonl").read_text().splitlines()]
    assert sorted(int(row["where"].rpartition(":")[2]) for row in left_out) == [1, 10, 11, 12, 13]
