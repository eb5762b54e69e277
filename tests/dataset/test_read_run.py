"""Reading back what a run wrote. (prefgen/dataset/read_run.py)"""

import json

from tests.support.cli import prefgen_here as prefgen
from tests.support.recipes import a_recipe


def test_damaged_files_of_a_run_are_one_line_each(tmp_path):
    (tmp_path / "r.json").write_text(json.dumps(a_recipe()))
    prefgen("run", "r.json", cwd=tmp_path)
    (tmp_path / "runs/test/pairs/00000.parquet").write_bytes(b"PAR1 nonsense")
    (tmp_path / "runs/test/attempts.json").write_text("{")

    check = prefgen("check", "runs/test", cwd=tmp_path)
    run_again = prefgen("run", "r.json", cwd=tmp_path)

    assert check.returncode == 2
    assert "00000.parquet" in check.stderr
    assert run_again.returncode == 2
    assert "attempts.json" in run_again.stderr
    assert "Traceback" not in check.stderr + run_again.stderr
