"""Preference pairs from wherever they are: a run, a file or a folder of files, or a dataset on the Hub at a
revision; with the split of each. (prefgen/dataset/open_pairs.py)
"""

import json

import pytest

from prefgen.dataset.read_run import read_shards
from prefgen.sources.records import Records
from tests.support.cli import prefgen as prefgen_apart
from tests.support.cli import prefgen_here as prefgen
from tests.support.export import ROWS, dataset, lines
from tests.support.hub_rows import hub, on  # noqa: F401 - `hub` is a fixture


def test_a_split_of_a_file(tmp_path):
    path = dataset(
        tmp_path / "a.jsonl", [{**row, "split": "test" if i else "train"} for i, row in enumerate(ROWS)]
    )

    done = prefgen("export", path, "--to", "trl", "--split", "test", "-o", "out.jsonl", cwd=tmp_path)
    wrong = prefgen("export", path, "--to", "trl", "--split", "dev", "-o", "out2.jsonl", cwd=tmp_path)

    assert done.returncode == 0
    assert len(lines(tmp_path / "out.jsonl")) == 3
    assert "has no split 'dev'; its splits: test, train" in wrong.stderr
    assert not (tmp_path / "out2.jsonl").exists()


@pytest.mark.parametrize(
    "empty",
    [
        {"source": None}, {"source": ""}, {"license": None}, {"license": " "}, {"chosen_model": None},
        {"rejected_model": ""}, {"source": float("nan"), "license": None, "chosen_model": None},
        {"score_chosen": 4}, {"chosen_score": 4}, {"score_rejected": 2}, {"chosen_rating": 4, "score": 1},
    ],
)  # fmt: skip
def test_what_is_not_known_of_a_row_is_the_same_to_all_who_read_it(empty, tmp_path):
    whole = {"source": "s", "license": "MIT", "chosen_model": "m", "rejected_model": "n"}
    asked = [{"prompt": f"Is {i} odd?", "chosen": f"{i} is.", "rejected": f"No, {i}."} for i in range(4)]
    rows = [{**row, **whole} for row in asked]
    rows[1] |= empty
    path = dataset(tmp_path / "a.jsonl", rows)

    done = [
        prefgen("check", path, cwd=tmp_path),
        prefgen("export", path, "--to", "trl", "-o", "out.jsonl", cwd=tmp_path),
        prefgen("mix", path, "--out", "mixed", cwd=tmp_path),
    ]
    records = list(Records(path="a.jsonl", keep=("responses", "scores", "pairs")).read(tmp_path))

    assert [(one.returncode, one.stderr) for one in done if one.returncode] == []
    mixed = {row["chosen"][-1]["content"]: row for row in read_shards(tmp_path / "mixed/data/preferences")}
    assert [len(lines(tmp_path / "out.jsonl")), len(mixed), len(records)] == [4, 4, 4]
    for name in set(empty) & set(whole):
        assert mixed["1 is."][name] == "unknown"
        assert mixed["2 is."][name] == whole[name]
    assert mixed["1 is."]["score_chosen"] is mixed["1 is."]["score_rejected"] is None
    assert records[1].pairs[0].chosen_score is None


def test_check_proves_a_dataset_of_the_hub(hub, tmp_path):
    sound = prefgen_apart(
        "check", "acme/pairs", "--split", "train", "--json", cwd=tmp_path, **on(hub, tmp_path)
    )
    broken = prefgen_apart("check", "acme/pairs", "--json", cwd=tmp_path, **on(hub, tmp_path))

    assert (sound.returncode, json.loads(sound.stdout)["rows"]) == (0, 4), sound.stderr
    assert (broken.returncode, json.loads(broken.stdout)["rows"]) == (4, 5)  # all splits
    assert set(json.loads(broken.stdout)["broken"]) == {"same", "splits"}


def test_a_release_is_read_like_a_dataset(finished, tmp_path):
    prefgen("publish", str(finished), "--dry-run", "--test", "0.2", cwd=tmp_path)
    release = str(finished / "release")

    assert prefgen("check", release, cwd=tmp_path).returncode == 0
    assert "no change" in prefgen("diff", release, release, cwd=tmp_path).stdout
    test = prefgen("export", release, "--to", "trl", "--split", "test", "-o", "test.jsonl", cwd=tmp_path)
    wrong = prefgen("export", release, "--to", "trl", "--split", "dev", "-o", "dev.jsonl", cwd=tmp_path)
    assert 0 < len((tmp_path / "test.jsonl").read_text().splitlines()) < 30, test.stderr
    assert "has no split 'dev'; its splits: test, train" in wrong.stderr
    assert (
        "has no splits"
        in prefgen(
            "export", str(finished), "--to", "trl", "--split", "x", "-o", "x.jsonl", cwd=tmp_path
        ).stderr
    )
