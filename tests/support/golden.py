"""Files that say what something looks like: a change of them is one that somebody meant."""

import os
from pathlib import Path

from tests.support.paths import ROOT

GOLDEN = ROOT / "tests" / "golden"
WRITE = "PREFGEN_WRITE_GOLDENS"
"""`make goldens` sets it: the files are written anew, to be looked at in the diff."""


def assert_golden(name: str, text: str) -> None:
    """The text is that of tests/golden/NAME."""
    path: Path = GOLDEN / name
    if os.environ.get(WRITE):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert path.is_file(), f"{path} is not there: `make goldens` writes it"
    assert text == path.read_text(encoding="utf-8"), "if this is meant: `make goldens`, and look at the diff"
