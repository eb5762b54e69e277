"""Publishing on a Hub with the real clients: rows, one commit, a tag, versions, and everything that can go
wrong on the way.
"""

import pytest

from tests.support.cli import prefgen_here as prefgen


@pytest.mark.parametrize(
    ("options", "says", "code"),
    [
        (["--repo", "no-owner"], "publish: repo", 2),
        (["--repo", "a/b", "--version", "one"], "expected a version such as 1.2.0", 2),
        (["--repo", "a/b", "--test", "1.5"], "publish: test", 2),
        (["--repo", "a/b", "--harmful", "show"], "publish: harmful", 2),
        ([], "where to?", 2),
    ],
)
def test_wrong_options_are_one_line(finished, tmp_path, options, says, code):
    done = prefgen("publish", str(finished), *options, cwd=tmp_path, HF_TOKEN="")

    assert done.returncode == code
    assert says in done.stderr
    assert "Traceback" not in done.stderr
