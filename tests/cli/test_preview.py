"""prefgen preview (prefgen/cli/preview.py)"""

import json

from tests.support.cli import prefgen
from tests.support.recipes import a_recipe


def test_preview_shows_a_few_and_its_replies_count(tmp_path):
    (tmp_path / "r.json").write_text(json.dumps(a_recipe(prompts=[f"Question {i}?" for i in range(9)])))

    shown = prefgen("preview", "r.json", "-n", "2", cwd=tmp_path)

    assert shown.stdout.count("CHOSEN") == 2
    assert (tmp_path / "runs" / "calls.sqlite").exists()
    assert not (tmp_path / "runs" / "test").exists()
