"""prefgen journal (prefgen/cli/journal.py)"""

import json

from tests.support.cli import prefgen


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
