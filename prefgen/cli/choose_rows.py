"""Which rows `prefgen show` prints: those that fit what --where says, and a draw of them."""

import ast
import operator
import re
from collections.abc import Callable
from random import Random
from typing import Any


def sample_rows(rows: Any, count: int, seed: int) -> list[Any]:
    """A seeded reservoir sample, in order."""
    rng, reservoir = Random(seed), []
    for i, row in enumerate(rows):
        if len(reservoir) < count:
            reservoir.append((i, row))
        elif (j := rng.randrange(i + 1)) < count:
            reservoir[j] = (i, row)
    return [row for _, row in sorted(reservoir, key=lambda item: item[0])]


_OPERATORS = {
    "<=": operator.le,
    ">=": operator.ge,
    "!=": operator.ne,
    "<": operator.lt,
    ">": operator.gt,
    "=": operator.eq,
}


def parse_condition(condition_text: str) -> Callable[[Any], bool]:
    from prefgen.errors import RecipeError

    match = re.fullmatch(r"\s*(\w+)\s*(<=|>=|!=|<|>|==?)\s*(.+?)\s*", condition_text)
    if not match:
        raise RecipeError(f"--where wants FIELD<VALUE (one of < <= = != >= >), found {condition_text!r}")
    name, compare, text = match[1], _OPERATORS[match[2].replace("==", "=")], match[3]
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError):
        value = text

    def condition(row: Any) -> bool:
        if name not in row:
            raise RecipeError(f"--where: there is no field {name!r}; known: {', '.join(row)}")
        field_value = row[name]
        try:
            return field_value is not None and bool(compare(field_value, value))
        except TypeError:
            raise RecipeError(
                f"--where: {name} is {type(field_value).__name__}, which cannot be compared with {value!r}"
            ) from None

    return condition
