"""What Python's JSON reader lets pass and JSON does not: hooks for `json.loads`."""

from typing import Any


def object_without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """For `object_pairs_hook`. Raises ValueError where a key comes twice: which of its values is meant nobody
    knows.
    """
    fields = dict(pairs)
    if len(fields) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key {twice!r} comes twice")
    return fields


def no_constant(name: str) -> float:
    """For `parse_constant`: JSON has no NaN and no Infinity. Raises ValueError."""
    raise ValueError(f"{name} is no value of JSON")
