"""Whole numbers to which the schema of a dataset gives names (ClassLabel of the Hub's library): which number
stands for which name is the dataset's own choice, so that the names are read, and never the numbers.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from prefgen.dataset.cells import describe
from prefgen.errors import RecipeError

LabelNames = Mapping[str, Sequence[str]]
"""{column: the names of its numbers}."""


def label_names(features: Any) -> dict[str, Sequence[str]]:
    """The named numbers among the features of a dataset, as the Hub's library or its JSON has them."""
    if not isinstance(features, Mapping):
        return {}
    return {str(column): names for column, feature in features.items() if (names := _names(feature))}


def label_names_of_schema(metadata: Mapping[bytes, bytes] | None) -> dict[str, Sequence[str]]:
    """Those that stand in the metadata of a Parquet file that the Hub's library wrote."""
    try:
        note = json.loads((metadata or {}).get(b"huggingface", b"{}"))
    except ValueError:
        return {}
    info = note.get("info") if isinstance(note, Mapping) else None
    return label_names(info.get("features")) if isinstance(info, Mapping) else {}


def _names(feature: Any) -> Sequence[str] | None:
    if isinstance(feature, Mapping):
        return feature.get("names") if feature.get("_type") == "ClassLabel" else None
    return getattr(feature, "names", None) if type(feature).__name__ == "ClassLabel" else None


def with_names(row: Mapping[str, Any], names: LabelNames, where: str) -> dict[str, Any]:
    """The row with the names of its numbers; a number below 0 stands for no label. Raises RecipeError for one
    that has no name.
    """
    named = dict(row)
    for column, of_column in names.items():
        value = row.get(column)
        if isinstance(value, str) and value.isdecimal() and value not in of_column:  # of a CSV
            value = int(value)
        if not isinstance(value, int):
            continue
        if value >= len(of_column):
            raise RecipeError(f"{column} has no name for {describe(value)}", where)
        named[column] = of_column[value] if value >= 0 else None
    return named
