"""The version of prefgen, and how names of an earlier version are still read, with a notice."""

import sys
from collections.abc import Iterable, Mapping
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


def installed_versions(names: Iterable[str]) -> dict[str, str]:
    """{name: version} of the packages that are installed of these."""
    import importlib.metadata

    versions: dict[str, str] = {}
    for name in names:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions


def earlier_names(fields: Any, renamed: Mapping[str, str]) -> dict[str, str]:
    """{earlier name: present one} of the fields that stand under their earlier names alone; `renamed` is
    {name: what it was called}. What is no mapping has none.
    """
    if not isinstance(fields, Mapping):
        return {}
    return {old: new for new, old in renamed.items() if old in fields and new not in fields}


def with_present_names(fields: Any, renamed: Mapping[str, str]) -> Any:
    """`fields` under their present names, silently: files of an earlier version are read for good."""
    present_names = earlier_names(fields, renamed)
    return (
        {present_names.get(name, name): value for name, value in fields.items()} if present_names else fields
    )


def read_renamed(fields: Any, renamed: Mapping[str, str], where: str) -> Any:
    """`fields` under their present names, with a notice for each that is not: what somebody writes
    himself.
    """
    for old, new in earlier_names(fields, renamed).items():
        notify_renamed(f"{old} ({where})", new)
    return with_present_names(fields, renamed)
