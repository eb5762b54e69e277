"""Where a row comes from, carried along in its prompt's `lineage`, and from there into records and pairs.

`dataset`: the file or dataset, where the row names a source of its own; `id`: the row's own id; `columns`:
the columns that `keep_columns` names; `earlier`: the lineage that a release of prefgen gave the row.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydantic_core import to_jsonable_python

from prefgen.dataset.cells import describe, is_absent, is_missing
from prefgen.errors import RecipeError, did_you_mean

ID_COLUMNS = ("id", "prompt_id", "uuid")
"""Columns that hold a row's own id; the first that says something counts."""


class KeptColumns:
    """The columns of these names, to be carried along with the rows that have them."""

    def __init__(self, names: Sequence[str] = ()) -> None:
        self.names = tuple(dict.fromkeys(names))
        self._unseen = set(names)
        self._column_names: dict[str, None] = {}

    def __bool__(self) -> bool:
        return bool(self.names)

    def of_row(self, row: Mapping[str, Any], where: str) -> dict[str, Any]:
        """What the row says there, as JSON. Raises RecipeError for what JSON cannot hold."""
        if self._unseen:
            self._column_names |= dict.fromkeys(row)
            self._unseen -= row.keys()
        return {
            name: _as_json(row[name], name, where) for name in self.names if not is_missing(row.get(name))
        }

    def note_carried(self, names: Iterable[str]) -> None:
        """A row has these from an earlier reading."""
        self._unseen -= set(names)

    def check(self, where: str) -> None:
        """Raises RecipeError where no row had a column of one of the names."""
        if self._unseen and self._column_names:
            name, names = min(self._unseen), list(self._column_names)
            raise RecipeError(
                f"{where}: keep_columns: no row has a column {name!r} (there are "
                f"{', '.join(map(str, names))}){did_you_mean(name, names)}"
            )


class Provenance:
    """What is said of the rows of one dataset: `defaults` are fields of prompts whose rows do not say theirs,
    `keep_columns` the columns that are carried along.
    """

    def __init__(self, defaults: Mapping[str, Any], keep_columns: Sequence[str] = ()) -> None:
        self.defaults = defaults
        self._kept_columns = KeptColumns(keep_columns)

    def lineage(
        self, row: Mapping[str, Any], columns: Mapping[str, str], source: str | None, where: str
    ) -> dict[str, Any]:
        """The lineage of a row that says it is from `source`. Raises RecipeError for a kept column that holds
        what JSON cannot.
        """
        kept = self._kept_columns.of_row(row, where)
        dataset = self.defaults.get("source")
        found = {
            "dataset": dataset if source != dataset else None,
            "id": _own_id(row, columns),
            "columns": kept,
            "earlier": earlier_lineage(row),
        }
        return {name: value for name, value in found.items() if value}

    def check_columns(self, where: str) -> None:
        """Raises RecipeError where no row had a column that `keep_columns` names."""
        self._kept_columns.check(where)


def with_kept_columns(
    row: Mapping[str, Any], given: Mapping[str, Any], kept_columns: KeptColumns, where: str
) -> Mapping[str, Any]:
    """The row of a pair with what the row that was `given` says in its own columns, in its lineage beside
    what stands there. Raises RecipeError where that is something else.
    """
    kept = kept_columns.of_row(given, where)
    lineage, carried = earlier_lineage(row), carried_columns(row)
    kept_columns.note_carried(carried)
    if not kept:
        return row
    if not lineage and not is_missing(row.get("lineage")):
        found = describe(row["lineage"])
        raise RecipeError(f"keep_columns: lineage is no object that columns can be put into ({found})", where)
    for name, value in kept.items():
        if carried.get(name, value) != value:
            raise RecipeError(
                f"keep_columns: {name} is {describe(value)}, and {describe(carried[name])} in the lineage",
                where,
            )
    return {**row, "lineage": {**lineage, "columns": {**carried, **kept}}}


def carried_columns(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """The columns of its own that a row carries along in its lineage."""
    columns = earlier_lineage(row).get("columns")
    return columns if isinstance(columns, Mapping) else {}


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
