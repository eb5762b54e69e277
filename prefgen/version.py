"""The version of prefgen, and how names of an earlier version are still read, with a notice."""

import sys
from collections.abc import Mapping
from typing import Any

__version__ = "0.1.0"
_noticed: set[tuple[str, str]] = set()


def notify_renamed(old: str, new: str) -> None:
    """Say once, on stderr, that `old` was read and is called `new` now; the next version will not read it."""
    if (old, new) not in _noticed:
        _noticed.add((old, new))
        print(
            f"prefgen: {old} is called {new} now; the old name is read for one more version", file=sys.stderr
        )


def read_renamed(fields: Any, renamed: Mapping[str, str], where: str) -> Any:
    """`fields` under their present names; `renamed` is {name: what it was called}. What is no mapping, or has
    both, stays as it is.
    """
    if not renamed or not isinstance(fields, Mapping):
        return fields
    found = {old: new for new, old in renamed.items() if old in fields and new not in fields}
    for old, new in found.items():
        notify_renamed(f"{old} ({where})", new)
    return {found.get(name, name): value for name, value in fields.items()} if found else fields
