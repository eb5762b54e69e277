"""The Hugging Face Hub, as it is read here: rows of a dataset, streamed, and its errors in one line.
(prefgen/dataset/hub.py)
"""

import pytest

from tests.support.cli import prefgen
from tests.support.hub_rows import hub, on, said  # noqa: F401 - `hub` is a fixture


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["acme/nothing"], "'acme/nothing'"),
        (["acme/pairs", "--split", "tset"], "split 'tset'"),
        (["acme/pairs", "--revision", "v9"], "'acme/pairs'"),
    ],
)
def test_what_the_hub_does_not_have_is_one_line(hub, tmp_path, words, said):
    missing = prefgen("check", *words, cwd=tmp_path, **on(hub, tmp_path))

    assert missing.returncode == 2
    assert said in missing.stderr
    assert "Traceback" not in missing.stderr
    assert len(missing.stderr.strip().splitlines()) == 1
