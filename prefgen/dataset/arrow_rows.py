"""Rows as Arrow hands them over, from Parquet and from the Hub's library: it gives every mapping of a column
the keys of all others, so that a key without a value is none that anybody wrote.
"""

from collections.abc import Mapping
from typing import Any


def without_empty_keys(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """The row, and within its cells no key without a value."""
    nested = {name: _filled(cell) for name, cell in row.items() if isinstance(cell, dict | list)}
    return {**row, **nested} if nested else row


def _filled(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            key: _filled(inner) if isinstance(inner, dict | list) else inner
            for key, inner in value.items()
            if inner is not None
        }
    first = next((item for item in value if item is not None), None)
    if not isinstance(first, dict | list):  # the items of a list are of one type
        return value
    return [_filled(item) if isinstance(item, dict | list) else item for item in value]
