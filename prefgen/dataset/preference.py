"""By which description a row's preference is given: `chosen` and `rejected`, or the columns of a known form.

Mapped columns win, but for two that a mark alone tells apart (`response_a` and `response_b`): another column
may say row by row which is better. Without a mapping, the descriptions that a row has must agree, or the row
is one line: which of them is meant nobody knows.
"""

from collections.abc import Mapping
from typing import Any

from prefgen.dataset.answer_groups import SIDES
from prefgen.dataset.answer_keys import AnswerKeys
from prefgen.dataset.beginnings import check_beginnings
from prefgen.dataset.cells import FALSE_WORDS, as_truth, describe, is_missing
from prefgen.dataset.column_names import Row
from prefgen.dataset.comparisons import check_comparisons
from prefgen.dataset.missing_sides import are_of_one_group
from prefgen.dataset.pointers import check_pointers
from prefgen.dataset.public_forms import (
    Form,
    Sides,
    filled_forms,
    form_of_columns,
    ranked_answers,
    without_status,
)
from prefgen.errors import RecipeError


def with_sides(row: Row, columns: Mapping[str, str], where: str) -> tuple[Row, str | None]:
    """The row with `chosen` and `rejected`, and the column in which its form keeps the prompt; as it is where
    it has no preference of a known form. `columns` are the names that were mapped. Raises RecipeError for
    what is no preference, and for two that do not agree.
    """
    is_told = bool(columns.keys() & set(SIDES))
    given: dict[str, Any] = {side: row[side] for side in SIDES if side in row and not is_missing(row[side])}
    forms = [] if is_told else filled_forms(row)
    told_forms = [form for form in forms if form.needs & columns.keys()]
    if told_forms:
        forms, given = told_forms, {}
    if not forms and not is_told and (form := form_of_columns(row)) and len(given) < len(SIDES):
        forms = [form]  # which says what is missing
    row = without_status(row, where)
    if forms:
        found = {form.says: form.sides(row, where) for form in forms}
        _check_agreement(found, given, where)
        given = dict(zip(SIDES, next(iter(found.values())), strict=True))
    if len(given) < len(SIDES):
        return row, None
    spent = frozenset().union(*(form.spent for form in forms))
    beside = {**{name: row[name] for name in row if name not in spent}, **given} if forms else row
    check_pointers(beside, given, where)
    check_beginnings(beside, given, columns, where)
    keys = AnswerKeys([given[side] for side in SIDES])
    if not is_told and not told_forms:
        meant = f"{forms[0].says}={forms[0].says}" if forms else "chosen=chosen and rejected=rejected"
        remedy = f"map the sides that are meant ({meant})"
        _check_other_labels(beside, given, keys, remedy, where)
        check_comparisons(beside, given, keys, f"{remedy}, or take the column away", where)
    mapped = {columns[side]: given[side] for side in SIDES if side in columns}
    if len(mapped) == len(SIDES) and are_of_one_group(row, tuple(mapped)):
        remedy = "a mapping cannot say what differs from row to row: write chosen and rejected by this column"
        check_comparisons({**beside, **mapped}, given, keys, f"{remedy}, or take it away", where)
    if not forms:
        return row, None
    return _without_forms(beside, forms), forms[0].asks


def _without_forms(row: Row, forms: list[Form]) -> Row:
    used = frozenset().union(*(form.needs for form in forms))
    of_form = {}
    if isinstance(row.get("domain"), str) and any(form.says == "overall_preference" for form in forms):
        of_form = {"category": row["domain"]}
    return {**{name: value for name, value in row.items() if name not in used}, **of_form}


def _check_agreement(found: Mapping[str, Sides], given: Mapping[str, Any], where: str) -> None:
    """Raises RecipeError where two forms, or a form and the sides of the row, prefer different answers."""
    (first, sides), *others = found.items()
    keys = AnswerKeys(sides)
    for name, other in others:
        if not (keys.same(other[0], sides[0]) and keys.same(other[1], sides[1])):
            raise RecipeError(f"{first} and {name} do not prefer the same answer", where)
    for side, of_form in zip(SIDES, sides, strict=True):
        if side in given and not keys.same(given[side], of_form):
            raise RecipeError(
                f"{first} and {' and '.join(given)} do not say the same: map what is meant (chosen=NAME and "
                f"rejected=NAME, or {first}={first})",
                where,
            )


def _check_other_labels(
    row: Row, given: Mapping[str, Any], keys: AnswerKeys, remedy: str, where: str
) -> None:
    """Raises RecipeError where ranked answers, or an answer with a label, say something else than the
    sides.
    """
    if (ranked := ranked_answers(row, where)) is not None:
        ranks = {keys.of(text): rank for text, _, rank in ranked}
        best, worse = (None if key is None else ranks.get(key) for key in keys.sides)
        if best is None or worse is None or best >= worse:
            raise RecipeError(f"answers and chosen do not prefer the same answer: {remedy}", where)
    for name in ("label", "labels"):
        if is_missing(row.get("completion")) and str(row.get(name)).strip().casefold() in _DENIALS:
            raise RecipeError(f"{name} is {describe(row[name])} beside chosen and rejected: {remedy}", where)
    if not is_missing(row.get("completion")) and not is_missing(row.get("label")):
        side = "chosen" if as_truth(row["label"], "label", where) else "rejected"
        if not keys.same(row["completion"], given[side]):
            raise RecipeError(f"label and chosen do not prefer the same answer: {remedy}", where)


_DENIALS = (*FALSE_WORDS, "-1", "-1.0")
"""Labels that speak against the sides as they stand; any other word may be a class of the row."""
