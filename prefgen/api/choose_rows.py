"""Which rows are wanted of many: those that fit what --where says, those of an id, and a draw of them."""

import ast
import json
import operator
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, TypeVar

from prefgen.errors import RecipeError
from prefgen.text.plain_text import one_line

Row = TypeVar("Row")
LISTED_IDS = 8
"""Of ids that begin the same, so many are listed."""


def sample_rows(rows: Iterable[Row], count: int, seed: int) -> list[Row]:
    """A seeded reservoir sample, in order."""
    rng, reservoir = Random(seed), list[tuple[int, Row]]()
    for i, row in enumerate(rows):
        if len(reservoir) < count:
            reservoir.append((i, row))
        elif (j := rng.randrange(i + 1)) < count:
            reservoir[j] = (i, row)
    return [row for _, row in sorted(reservoir, key=lambda item: item[0])]


def rows_of_id(rows: Iterable[Row], beginning: str, ids_of: Callable[[Row], Iterable[Any]]) -> list[Row]:
    """The rows with the one id that is, or begins with, `beginning`. Raises RecipeError where there is none,
    or more than one.
    """
    found: dict[str, list[Row]] = {}
    for row in rows:
        for row_id in map(str, ids_of(row)):
            if row_id.startswith(beginning):
                found.setdefault(row_id, []).append(row)
    if beginning in found:
        return found[beginning]
    if not found:
        raise RecipeError(f"no id there begins with {beginning!r}")
    if len(found) > 1:
        listed = ", ".join(one_line(row_id) for row_id in list(found)[:LISTED_IDS])
        more = f" and {len(found) - LISTED_IDS:,} more" if len(found) > LISTED_IDS else ""
        raise RecipeError(f"{len(found):,} ids begin with {beginning!r}: {listed}{more}")
    return next(iter(found.values()))


def with_carried(fields: Mapping[str, Any], columns: Mapping[str, Any]) -> Mapping[str, Any]:
    """The fields of a row, with the columns that its lineage carries along where they say nothing
    themselves.
    """
    carried = {name: value for name, value in columns.items() if fields.get(name) is None}
    return {**fields, **carried} if carried else fields


class Where:
    """What --where says, of rows that are read one after the other."""

    def __init__(self, texts: Sequence[str]) -> None:
        self.texts = texts
        self._conditions = [_parse_condition(text) for text in texts]
        self._fields: dict[str, None] = {}
        self.rows = 0

    def know_models(self, models: Mapping[str, str]) -> None:
        """`models` are {a model's name in the recipe: its name in rows}: where the recipe has the name, its
        model is meant.
        """
        self._conditions = [condition.of_model(models) for condition in self._conditions]

    def names(self, *fields: str) -> bool:
        """Whether any of these fields is asked for."""
        return any(condition.field in fields for condition in self._conditions)

    def those(self, rows: Iterable[Row], fields_of: Callable[[Row], Mapping[str, Any]]) -> Iterator[Row]:
        """The rows that fit. Raises RecipeError for a field that no row has: it is a typing mistake."""
        for row in rows:
            self.rows += 1
            if self._conditions:
                fields = fields_of(row)
                self._fields.update(dict.fromkeys(fields))
                if not all(condition.holds(fields) for condition in self._conditions):
                    continue
            yield row
        for condition in self._conditions if self.rows else ():
            if condition.field not in self._fields:
                known = ", ".join(one_line(str(field)) for field in self._fields)
                raise RecipeError(f"--where: there is no field {condition.field!r}; known: {known}")

    def nothing_fits(self, what: str, place: str) -> str:
        """Why there is nothing to show, in words."""
        said = f"none of {self.rows:,} {what} in {place} fits {' and '.join(self.texts)}"
        return said if self.rows else f"there are no {what} in {place}"


@dataclass(frozen=True)
class _Condition:
    field: str
    sign: str
    text: str
    value: Any
    """What `text` is as Python writes it, if it is that."""

    def of_model(self, models: Mapping[str, str]) -> "_Condition":
        """The condition with the name that rows have where it asks for a model of the recipe."""
        asks_model = self.field == "model" or self.field.endswith("_model")
        if asks_model and self.sign in ("=", "!=") and str(self.value) in models:
            name = models[str(self.value)]
            return _Condition(self.field, self.sign, name, name)
        return self

    def holds(self, fields: Mapping[str, Any]) -> bool:
        found = fields.get(self.field)
        if found is None:
            return False
        if self.sign == "~":
            wanted = self.value if isinstance(self.value, str) else self.text
            return wanted.casefold() in _as_text(found).casefold()
        if self.sign in ("=", "!="):
            each = found if isinstance(found, list | tuple) else [found]
            return any(self._is_meant(one) for one in (found, *each)) == (self.sign == "=")
        try:
            return bool(_ORDERS[self.sign](found, self.value))
        except TypeError:
            raise RecipeError(
                f"--where: {self.field} is {type(found).__name__}, which cannot be compared with "
                f"{self.value!r}"
            ) from None

    def _is_meant(self, found: Any) -> bool:
        """Whether a value is what was written; `id=12` means the text where ids are texts."""
        if isinstance(found, bool):
            return str(found).casefold() == self.text.casefold()
        return found == self.value or (isinstance(found, str) and found == self.text)


_ORDERS = {"<=": operator.le, ">=": operator.ge, "<": operator.lt, ">": operator.gt}


def _as_text(value: Any) -> str:
    if isinstance(value, list | tuple) and all(isinstance(one, str) for one in value):
        return "\n".join(value)
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def _parse_condition(condition_text: str) -> _Condition:
    match = re.fullmatch(r"\s*(\w[^<>=!~]*?)\s*(<=|>=|!=|<|>|==?|~)\s*(.+?)\s*", condition_text, re.DOTALL)
    if not match:
        raise RecipeError(f"--where wants FIELD<VALUE (one of < <= = != >= > ~), found {condition_text!r}")
    field, sign, text = match[1], match[2].replace("==", "="), match[3]
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError):
        value = text
    return _Condition(field, sign, text, value)
