"""How often a regular expression of somebody else is found in a text.

Some take time that doubles with each letter ("(a+)+$"), and none can be told from its looks. So one that
repeats or chooses anything is tried in a process of its own (`prefgen.text.patterns_worker`), within a limit.
"""

import re
from itertools import islice
from pathlib import Path

from prefgen.text.limited_process import LimitedProcess

SECONDS = 2.0
"""Longest time that one search may compute."""
_MAY_TAKE_LONG = re.compile(r"[*+?{|]")
_WORKER = LimitedProcess(["-I", str(Path(__file__).with_name("patterns_worker.py"))], seconds=60.0)
"""Its own clock ends it long before; on a machine that is busy it has to wait for its turn."""


class PatternTooSlowError(ValueError):
    """A search took longer than its limit."""


def count_matches(pattern: str, text: str, flags: int = 0, *, most: int | None = None) -> int:
    """How often the pattern is found in the text, counted up to `most`. Raises re.error for what is no
    regular expression, and PatternTooSlowError.
    """
    compiled = re.compile(pattern, flags)
    if _MAY_TAKE_LONG.search(pattern) is None:
        return sum(1 for _ in islice(compiled.finditer(text), most))
    count = _WORKER.answer([pattern, int(flags), text, most, SECONDS])
    if count is None:
        raise PatternTooSlowError(f"the regular expression {pattern[:60]!r} took longer than {SECONDS:g} s")
    return count
