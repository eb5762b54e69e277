"""Preference pairs from wherever they are: a run, a file or a folder of files, or a dataset on the Hub at a
revision; with the split of each. (prefgen/dataset/open_pairs.py)
"""

import json

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
