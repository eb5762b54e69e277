"""The version of prefgen, and the notice that a name of an earlier version was read."""

import sys

__version__ = "0.1.0"
_noticed: set[tuple[str, str]] = set()


def notify_renamed(old: str, new: str) -> None:
    """Say once, on stderr, that `old` was read and is called `new` now; the next version will not read it."""
    if (old, new) not in _noticed:
        _noticed.add((old, new))
        print(
            f"prefgen: {old} is called {new} now; the old name is read for one more version", file=sys.stderr
        )
