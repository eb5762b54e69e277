"""Which rows `prefgen show` prints: those that fit what --where says, those of an id, and a draw of them."""

import ast
import json
import operator
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Annotated, Any, TypeVar

import typer

from prefgen.errors import RecipeError
from prefgen.text.plain_text import one_line

Row = TypeVar("Row")
IdArgument = Annotated[
    str | None,
    typer.Argument(metavar="[ID]", help="Only what has this id, or one that begins so.", show_default=False),
]
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


class Where:
    """What --where says, of rows that are read one after the other. `models` are {a model's name in the
    recipe: its name in rows}: where the recipe has the name, its model is meant.
    """

    def __init__(self, texts: Sequence[str], models: Mapping[str, str]) -> None:
        self.texts = texts
        self._conditions = [_parse_condition(text, models) for text in texts]
        self._fields: dict[str, None] = {}
        self.rows = 0

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

    def say_nothing_fits(self, what: str, place: str) -> None:
        said = f"none of {self.rows:,} {what} in {place} fits {' and '.join(self.texts)}"
        typer.echo(said if self.rows else f"there are no {what} in {place}", err=True)


@dataclass(frozen=True)
class _Condition:
    field: str
    sign: str
    text: str
    value: Any
    """What `text` is as Python writes it, if it is that."""

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


def _parse_condition(condition_text: str, models: Mapping[str, str]) -> _Condition:
    match = re.fullmatch(r"\s*(\w+)\s*(<=|>=|!=|<|>|==?|~)\s*(.+?)\s*", condition_text, re.DOTALL)
    if not match:
        raise RecipeError(f"--where wants FIELD<VALUE (one of < <= = != >= > ~), found {condition_text!r}")
    field, sign, text = match[1], match[2].replace("==", "="), match[3]
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError):
        value = text
    if sign in ("=", "!=") and (field == "model" or field.endswith("_model")) and str(value) in models:
        text = value = models[str(value)]
    return _Condition(field, sign, text, value)
