"""The rows of a dataset that `prefgen check` would not call broken, neither by themselves nor with others:
for every command that hands pairs on.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any

from prefgen.dataset.bad_rows import BadRows
from prefgen.dataset.pair import NotAPair
from prefgen.dataset.pair_rules import proven_turns
from prefgen.dataset.row_relations import RELATIONS, RowRelations
from prefgen.errors import RecipeError

PairRows = Iterable[tuple[str, Mapping[str, Any]]]


def proven_set(
    open_rows: Callable[[BadRows], PairRows],
    bad_rows: BadRows,
    *,
    allow: Collection[str] = (),
    relations: Collection[str] = RELATIONS,
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The rows that break no rule but those in `allow`, by themselves or (one of `relations`) together; the
    others go to `bad_rows`. The rows are opened twice, since a later one may contradict an earlier one.
    Raises RecipeError for the first bad row, unless `bad_rows` takes it.
    """
    left_out = set[int]()
    for number, where, error in broken_rows(open_rows(bad_rows), allow=allow, relations=relations):
        if number not in left_out:
            left_out.add(number)
            bad_rows.refuse(error, where)
    for number, entry in enumerate(open_rows(BadRows("drop"))):
        if number not in left_out:
            yield entry


def broken_rows(
    rows: PairRows, *, allow: Collection[str] = (), relations: Collection[str] = RELATIONS
) -> Iterator[tuple[int, str, RecipeError]]:
    """(its number, where it stands, what is wrong) of each row that must go: first of those that break a rule
    by themselves, then of those that break one of `relations` together, which may be named more than once.
    """
    related = RowRelations()
    for number, (where, row) in enumerate(rows):
        try:
            turns = proven_turns(row, where, allow)
        except RecipeError as error:
            yield number, where, error
            continue
        related.add(number, where, row, *turns)
    for found in related.to_leave_out(rules=relations):
        where = found.row.where
        yield found.row.number, where, NotAPair(found.found, where, found.rule)
