"""prefgen run (prefgen/cli/run.py)"""

import json

from tests.support.cli import prefgen


def test_run_prints_the_place_of_the_pairs_on_stdout_and_talks_on_stderr(done):
    again = prefgen("run", "r.json", cwd=done)

    assert again.stdout == "runs/test/pairs\n"
    assert "3 prompts: 3 pair" in again.stderr


def test_run_prints_json_when_asked(done):
    found = json.loads(prefgen("run", "r.json", "--json", cwd=done).stdout)

    assert (found["exit_code"], found["complete"], found["yield"]["pairs"]) == (0, True, 3)
