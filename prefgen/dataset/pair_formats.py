"""Rows of pairs as others write them, read as prompt, chosen and rejected: the forms that `prefgen export`
writes, or columns by other names.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from functools import lru_cache
from typing import Any, TypeVar

from prefgen.dataset.asked import Asked, asked_columns, is_empty, refuse_unread
from prefgen.dataset.bad_rows import BadRows
from prefgen.dataset.cells import as_messages_or_text, as_number, as_truth, is_list, is_missing
from prefgen.dataset.column_names import ASKING, ASKING_ALONE, INPUT_COLUMNS, with_known_names
from prefgen.dataset.columns import prompt_messages
from prefgen.dataset.conversation import known_role
from prefgen.dataset.flat_conversation import hh_turns, is_hh
from prefgen.dataset.nested_rows import without_nesting
from prefgen.dataset.offered_tools import with_tools
from prefgen.dataset.pair import NUMBERS, Row, is_number
from prefgen.dataset.preference import SIDES, with_sides
from prefgen.dataset.serialize import RENAMED_COLUMNS
from prefgen.errors import RecipeError
from prefgen.transport.openai_protocol import encode_message
from prefgen.version import with_present_names

SHAREGPT_ROLES = {"user": "human", "assistant": "gpt", "system": "system", "tool": "observation"}
"""Roles as ShareGPT's form names them."""


ColumnNames = Sequence[str] | Mapping[str, str]
"""Columns by another name: `chosen=winner` of each, or {"chosen": "winner"}."""


def parse_columns(given: ColumnNames) -> dict[str, str]:
    """{"chosen": "winner"} of `chosen=winner`, or of itself. Raises RecipeError."""
    if isinstance(given, Mapping):
        return _named_columns(given)
    columns: dict[str, str] = {}
    for option in [given] if isinstance(given, str) else given:
        ours, equals, theirs = option.partition("=")
        if not equals or not ours or not theirs:
            raise RecipeError(f"--columns wants OURS=THEIRS, such as chosen=winner, found {option!r}")
        columns[ours] = theirs
    return columns


def _named_columns(given: Mapping[Any, Any]) -> dict[str, str]:
    """The mapping, of which each part is a name. Raises RecipeError."""
    for ours, theirs in given.items():
        if not (isinstance(ours, str) and isinstance(theirs, str) and ours and theirs):
            raise RecipeError(
                f"columns are {{ours: theirs}}, such as {{'chosen': 'winner'}}, found {ours!r}: {theirs!r}"
            )
    return dict(given)


def to_pair_row(row: Row, columns: Mapping[str, str], where: str) -> Row:
    """The row with prompt, chosen and rejected, under today's names; a row that is no pair with its prompt
    alone. Raises RecipeError for what would have to be guessed.
    """
    row = with_known_names(with_present_names(row, RENAMED_COLUMNS), columns, where)
    for theirs in columns.values():
        if theirs not in row:
            raise MissingColumn(f"there is no column {theirs!r}; there are {', '.join(map(str, row))}", where)
    asking = {ours: theirs for ours, theirs in columns.items() if ours in _ASKING}
    if columns:
        moved = {ours: row[theirs] for ours, theirs in columns.items() if ours not in _ASKING}
        left = set(columns.values()) - set(asking.values())
        row = {**{name: value for name, value in row.items() if name not in left}, **moved}
    row, asks = with_sides(without_nesting(row, columns, where), columns, where)
    row = with_tools(_without_lone_score(with_numbers(row, where)), where)
    for side in SIDES:
        if isinstance(row.get(side), Mapping):  # one turn, as LLaMA-Factory and axolotl have it
            row = {**row, side: [row[side]]}
    row = _with_hh_turns(row, where)
    row = _with_asked(row, asking, asks, where)
    if isinstance(row.get("prompt"), str) and is_hh(row["prompt"]):  # the sides go on behind "Assistant:"
        texts = {side: row[side] for side in ("chosen", "rejected") if isinstance(row.get(side), str)}
        row = {**row, **{side: text.removeprefix(" ") for side, text in texts.items()}}
    return row


def _with_hh_turns(row: Row, where: str) -> Row:
    """The row with the turns of sides that hh-rlhf has written into one text. Raises RecipeError where one
    side alone is such a text: it is no answer, and the other is no conversation.
    """
    written = [side for side in SIDES if isinstance(row.get(side), str) and is_hh(row[side])]
    if len(written) == 1 and all(isinstance(row.get(side), str) for side in SIDES):
        raise RecipeError(f"{written[0]} alone is a whole conversation in one text", where)
    return {**row, **{side: hh_turns(row[side]) for side in SIDES}} if len(written) == 2 else row


class MissingColumn(RecipeError):
    """A column that is mapped is not in the row."""

    is_of_mapping = True


Read = TypeVar("Read")


def mapped_rows(
    rows: Iterable[tuple[str, Row]],
    columns: Mapping[str, str],
    bad_rows: BadRows,
    read: Callable[[Row, str], Read],
) -> Iterator[tuple[str, Read]]:
    """What `read` makes of each row, as `BadRows.each` has it. Raises RecipeError at the end, where a column
    that is mapped was in no row: then the mapping is wrong, and not the rows.
    """
    unseen, first_error = set(columns.values()), None

    def read_mapped(row: Row, where: str) -> Read:
        nonlocal first_error
        unseen.difference_update(row)
        try:
            return read(row, where)
        except MissingColumn as error:
            first_error = first_error or error
            raise

    yield from bad_rows.each(rows, read_mapped)
    if unseen and first_error is not None:
        raise first_error


_ASKING = ("messages", "prompt", "input", "history")
"""What a mapping can fill of what is asked."""
_ANSWERS = frozenset(("chosen", "rejected", "completion", "completions", "responses", "answers"))
_ASKED = frozenset((*ASKING, *ASKING_ALONE, *INPUT_COLUMNS, "history"))


def _with_asked(row: Row, asking: Mapping[str, str], asks: str | None, where: str) -> Row:
    """The row with what it asks as `prompt`, and no other column that asks."""
    if _ANSWERS.isdisjoint(row):  # whoever wants answers says so
        return row
    mapped = asking.get("messages") or asking.get("prompt")
    if _is_whole(row.get("chosen"), where) and _is_whole(row.get("rejected"), where):
        return _beside_whole_sides(row, asking, mapped, where)
    asked = asked_columns(row, asking, where, of_form=asks)
    if asked is None or (asked == Asked(("prompt",)) and not asking):
        return row
    prompt = row[asked.columns[0]]
    if len(asked.columns) > 1 or asked.about or asked.history is not None:
        chosen = row.get("chosen")
        answer = chosen if isinstance(chosen, str) else None
        messages = prompt_messages(row, asking, where, beside_answers=True, answer=answer, of_form=asks)
        turns = [encode_message(message) for message in messages]
        prompt = turns[0]["content"] if [turn["role"] for turn in turns] == ["user"] else turns
    used = _ASKED | set(asking.values())
    return {**{name: value for name, value in row.items() if name not in used}, "prompt": prompt}


def _beside_whole_sides(row: Row, asking: Mapping[str, str], mapped: str | None, where: str) -> Row:
    """A row whose sides hold the whole conversation: `pair_messages` compares what else asks with it."""
    for name in ("input", "history"):
        column = asking.get(name, name)
        if not is_empty(row.get(column)) and (name in asking or name == "history"):
            raise RecipeError(f"{column} stands beside sides that hold the whole conversation", where)
    refuse_unread(row, asking, where)
    if mapped is None:
        return row
    kept = {name: value for name, value in row.items() if name not in _ASKED and name != mapped}
    return {**kept, "prompt": row[mapped]}


def _is_whole(side: Any, where: str) -> bool:
    """Whether a side is a conversation from its beginning, and not an answer alone."""
    turns = as_messages_or_text(side, "a side", where)
    if not is_list(turns) or not turns or not isinstance(turns[0], Mapping):
        return False
    role = turns[0].get("role") or turns[0].get("from")
    return known_role(role) != "assistant"


_SCORE = re.compile(
    r"(?P<before>(?:(?:avg|average|mean|overall|total|final)_)?(?:score|rating|reward)_)?(?P<side>chosen|rejected)"
    r"(?P<after>_(?:(?:avg|average|mean|overall|total|final)_)?(?:score|rating|reward))?"
)
"""What others call score_chosen and score_rejected."""
OTHER_NAMES = {
    "chosen_model": ("model_chosen", "chosen-model"),
    "rejected_model": ("model_rejected", "rejected-model"),
    "chosen_finish": ("chosen_finish_reason", "finish_reason_chosen"),
    "rejected_finish": ("rejected_finish_reason", "finish_reason_rejected"),
}


def with_numbers(row: Row, where: str) -> Row:
    """The row with scores, models and endings under this project's names, and its numbers and truth values as
    such: a CSV has them as text, and empty cells as empty text; Parquet may have decimals, and NaN for what
    is missing. What cannot be read stays, so that whoever checks the row can say it.
    """
    found = _usual_names(row)
    if found:
        row = {**row, **found}
    read = {
        name: _read_or_as_it_is(as_number, row[name], name, where)
        for name in NUMBERS
        if isinstance(row.get(name), str | Decimal | float)
    }
    if isinstance(row.get("tie"), str | float | int):
        tie = row["tie"]
        read["tie"] = None if is_missing(tie) else _read_or_as_it_is(as_truth, tie, "tie", where)
    return {**row, **read} if read else row


def _without_lone_score(row: Row) -> Row:
    """The row without the score of one side alone, which is none of a pair."""
    scores = {name: row.get(name) for name in ("score_chosen", "score_rejected")}
    if None not in scores.values() or not all(map(is_number, scores.values())):
        return row
    return {**row, **{name: None for name, score in scores.items() if score is not None}}


def _usual_names(row: Row) -> dict[str, Any]:
    """Scores, models and endings that stand under names of others; both scores are of one naming."""
    found: dict[str, Any] = {}
    if all(is_missing(row.get(name)) for name in ("score_chosen", "score_rejected")):
        namings: dict[str, dict[str, Any]] = {}
        for name, value in row.items():
            if (read := _score_name(name)) is not None and not is_missing(value):
                namings.setdefault(read[0], {}).setdefault(read[1], value)
        found |= next((scores for scores in namings.values() if len(scores) == len(SIDES)), {})
    for ours, names in OTHER_NAMES.items():
        if is_missing(row.get(ours)):
            found.update((ours, row[name]) for name in names if not is_missing(row.get(name)))
    return found


@lru_cache(maxsize=1024)
def _score_name(name: Any) -> tuple[str, str] | None:
    """(the naming, score_chosen or score_rejected) of a column that holds the score of a side."""
    plain = name.strip().casefold().replace("-", "_") if isinstance(name, str) else ""
    read = _SCORE.fullmatch(plain)
    if read is None or (read["before"] is None) == (read["after"] is None):
        return None
    return plain.replace(read["side"], ""), f"score_{read['side']}"


def _read_or_as_it_is(read: Callable[[Any, str, str], Any], value: Any, name: str, where: str) -> Any:
    try:
        return read(value, name, where)
    except RecipeError:
        return value
