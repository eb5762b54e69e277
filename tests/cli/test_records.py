"""Printing records and pairs for people. What models wrote is printed as plain text, without control
characters. (prefgen/cli/records.py)
"""

import json

from tests.support.cli import prefgen
from tests.support.recipes import a_recipe


def test_a_response_cannot_move_the_cursor_of_whoever_reads_it(tmp_path):
    recipe = a_recipe()
    recipe["models"]["writer"]["rules"][1]["say"] = ["\x1b[2J\x1b[1;1Hwiped", "plain"]
    (tmp_path / "r.json").write_text(json.dumps(recipe))
    prefgen("run", "r.json", cwd=tmp_path)

    shown = prefgen("show", "records", "runs/test", cwd=tmp_path)

    assert "wiped" in shown.stdout
    assert "\x1b" not in shown.stdout
