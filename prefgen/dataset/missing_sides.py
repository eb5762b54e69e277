"""What to do about a row that names neither side: where two answers stand beside each other and another
column says which is better, naming columns would turn half of the pairs about.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from prefgen.dataset.answer_groups import (
    NO_ANSWERS,
    SIDES,
    column_groups,
    named_columns,
    text_of_answer,
    text_of_item,
)
from prefgen.dataset.cells import decoded, is_list, is_missing
from prefgen.dataset.column_names import ASKING, ASKING_ALONE, KNOWN, Row
from prefgen.dataset.comparing_names import says_of_each, sense_of
from prefgen.dataset.flat_conversation import is_hh
from prefgen.dataset.pointers import WHO_ANSWERED

_SHORTEST = 4
"""Characters of an answer; what is shorter may be a mark."""


def remedy_of(row: Row) -> str:
    """How whoever has this row comes to pairs."""
    answers = max(_answers(row), key=lambda found: found.length, default=None)
    prompt = "" if _has_prompt(row) else "--columns prompt=NAME "
    naming = f"they can be named: {prompt}--columns chosen=NAME --columns rejected=NAME"
    if answers is None:
        return naming
    columns = answers.columns
    says = next(_verdicts(row, columns, answers.marks), None)
    which = f"which of {' and '.join(columns)} is {'better' if len(columns) > 1 else 'best'}"
    told = f"{says} may say {which}" if says else f"no mapping of columns says {which}"
    remedy = f"{told}: write chosen and rejected of each row by what its own row says"
    if answers.length >= _length_of_others(row, columns):
        return remedy
    return f"where two columns hold the better answers and the others, {naming}; else {remedy}"


def _length_of_others(row: Row, columns: Sequence[str]) -> int:
    """How long the two longest of the other texts that ask nothing are, which may be the sides."""
    others = [
        len(value)
        for name, value in row.items()
        if isinstance(value, str) and name not in columns and name not in KNOWN
    ]
    return sum(sorted(others)[-2:]) if len(others) > 1 else 0


def _has_prompt(row: Row) -> bool:
    """Whether a column is known to ask, or one holds a conversation, which begins with what it answers."""
    if any(not is_missing(row.get(name)) for name in (*ASKING, *ASKING_ALONE)):
        return True
    values: Iterator[Any] = map(decoded, row.values())
    return any(
        is_hh(value) if isinstance(value, str) else is_list(value) and any(map(_is_turn, value))
        for value in values
    )


def _is_turn(item: Any) -> bool:
    return isinstance(item, Mapping) and not {"role", "from"}.isdisjoint(item)


def are_of_one_group(row: Row, columns: Sequence[str]) -> bool:
    """Whether columns are told apart by a mark alone (1 and 2, a and b), so that which of them is better
    differs from row to row.
    """
    names = tuple(dict.fromkeys((*named_columns(row), *columns)))
    return any({*columns} <= {*group.columns} for group in column_groups(names) if group.marks != SIDES)


class _Answers(NamedTuple):
    """Columns of answers that marks tell apart, or one list of them; `length` is of all of them."""

    length: int
    columns: tuple[str, ...]
    marks: tuple[str, ...] = ()


def _answers(row: Row) -> Iterator[_Answers]:
    """Columns that a mark tells apart, and lists beside a verdict."""
    for group in column_groups(named_columns(row)):
        texts = [text_of_answer(row[name]) for name in group.columns]
        if (
            group.marks != SIDES
            and not any(map(WHO_ANSWERED.fullmatch, group.columns))
            and _are_answers(texts)
        ):
            yield _Answers(sum(map(len, texts)), group.columns, group.marks)
    for name in named_columns(row):
        items: Any = decoded(row[name]) if name not in NO_ANSWERS else None
        texts = [text_of_item(item) for item in items] if is_list(items) and len(items) > 1 else []
        if texts and _are_answers(texts) and next(_verdicts(row, (name,), ()), None) is not None:
            yield _Answers(sum(map(len, texts)), (name,))


def _are_answers(texts: Sequence[Any]) -> bool:
    return all(isinstance(text, str) and len(text) >= _SHORTEST for text in texts)


def _verdicts(row: Row, answers: tuple[str, ...], marks: tuple[str, ...]) -> Iterator[str]:
    """Columns that may say which of the answers is better: by name, or what each of them got."""
    names = named_columns(row)
    yield from (
        name
        for name in names
        if sense_of(name) in ("wins", "may win") and name not in answers and not is_missing(row[name])
    )
    yield from (
        group.columns[0]
        for group in column_groups(names)
        if group.marks == marks and group.columns != answers and says_of_each(group.words)
    )
