"""Where a row comes from, carried along in its prompt's `lineage`, and from there into records and pairs.

`dataset`: the file or dataset, where the row names a source of its own; `id`: the row's own id; `columns`:
the columns that `keep_columns` names; `earlier`: the lineage that a release of prefgen gave the row.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic_core import to_jsonable_python

from prefgen.dataset.cells import describe, is_absent, is_missing
from prefgen.errors import RecipeError, did_you_mean

ID_COLUMNS = ("id", "prompt_id", "uuid")
"""Columns that hold a row's own id; the first that says something counts."""


class Provenance:
    """What is said of the rows of one dataset: `defaults` are fields of prompts whose rows do not say theirs,
    `keep_columns` the columns that are carried along.
    """

    def __init__(self, defaults: Mapping[str, Any], keep_columns: Sequence[str] = ()) -> None:
        self.defaults = defaults
        self._unseen = set(keep_columns)
        self._keep_columns = keep_columns
        self._column_names: dict[str, None] = {}

    def lineage(
        self, row: Mapping[str, Any], columns: Mapping[str, str], source: str | None, where: str
    ) -> dict[str, Any]:
        """The lineage of a row that says it is from `source`. Raises RecipeError for a kept column that holds
        what JSON cannot.
        """
        if self._unseen:
            self._column_names |= dict.fromkeys(row)
            self._unseen -= row.keys()
        dataset = self.defaults.get("source")
        kept = {
            name: _as_json(row[name], name, where)
            for name in self._keep_columns
            if not is_missing(row.get(name))
        }
        found = {
            "dataset": dataset if source != dataset else None,
            "id": _own_id(row, columns),
            "columns": kept,
            "earlier": earlier_lineage(row),
        }
        return {name: value for name, value in found.items() if value}

    def check_columns(self, where: str) -> None:
        """Raises RecipeError where no row had a column that `keep_columns` names."""
        if self._unseen and self._column_names:
            name, names = min(self._unseen), list(self._column_names)
            raise RecipeError(
                f"{where}: keep_columns: no row has a column {name!r} (there are "
                f"{', '.join(map(str, names))}){did_you_mean(name, names)}"
            )


def earlier_lineage(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a row of prefgen's own says of where it comes from; nothing where it says nothing readable."""
    lineage = row.get("lineage")
    try:
        lineage = json.loads(lineage) if isinstance(lineage, str) else lineage
    except (ValueError, RecursionError):
        lineage = None
    return lineage if isinstance(lineage, Mapping) else {}


def _own_id(row: Mapping[str, Any], columns: Mapping[str, str]) -> str | None:
    for name in (columns["id"],) if "id" in columns else ID_COLUMNS:
        value = row.get(name)
        if isinstance(value, float) and value.is_integer():  # what pandas makes of whole numbers beside an
            value = int(value)  # empty cell
        if isinstance(value, str | int) and not isinstance(value, bool) and not is_absent(value):
            return str(value)
    return None


def _as_json(value: Any, name: str, where: str) -> Any:
    try:
        return to_jsonable_python(value, inf_nan_mode="null")
    except ValueError as error:
        raise RecipeError(
            f"keep_columns: {name} holds what cannot be carried along as JSON ({describe(value)}: {error})",
            where,
        ) from None
