"""Rows of pairs as others write them, read as prompt, chosen and rejected: the forms that `prefgen export`
writes, or columns by other names.
"""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from prefgen.dataset.cells import as_number, as_truth, decoded, describe, is_list, is_missing
from prefgen.dataset.conversation import HH_START, OTHER_ROLES, hh_turns
from prefgen.dataset.pair import NUMBERS, Row
from prefgen.dataset.public_forms import known_form
from prefgen.dataset.serialize import RENAMED_COLUMNS
from prefgen.errors import RecipeError
from prefgen.version import with_present_names

SHAREGPT_ROLES = {"user": "human", "assistant": "gpt", "system": "system", "tool": "observation"}
"""Roles as ShareGPT's form names them."""


def parse_columns(options: Sequence[str]) -> dict[str, str]:
    """{"chosen": "winner"} of `chosen=winner`. Raises RecipeError."""
    columns: dict[str, str] = {}
    for option in options:
        ours, equals, theirs = option.partition("=")
        if not equals or not ours or not theirs:
            raise RecipeError(f"--columns wants OURS=THEIRS, such as chosen=winner, found {option!r}")
        columns[ours] = theirs
    return columns


def to_pair_row(row: Row, columns: Mapping[str, str], where: str) -> Row:
    """The row with prompt, chosen and rejected, under today's names; as it is where it has them, or where its
    form is not known.
    """
    row = with_present_names(row, RENAMED_COLUMNS)
    for theirs in columns.values():
        if theirs not in row:
            raise RecipeError(f"there is no column {theirs!r}; there are {', '.join(map(str, row))}", where)
    if columns:
        moved = {ours: row[theirs] for ours, theirs in columns.items()}
        row = {**{name: value for name, value in row.items() if name not in columns.values()}, **moved}
    row = _with_numbers(known_form(row, where), where)
    if (sides := _hh_sides(row)) is not None:
        return {**row, **sides}
    if "conversations" in row and isinstance(row.get("chosen"), Mapping):  # LLaMA-Factory
        rest = {name: value for name, value in row.items() if name != "conversations"}
        sides = {
            side: [_parse_turn(row[side])]
            for side in ("chosen", "rejected")
            if isinstance(row.get(side), Mapping)
        }
        return {**rest, "prompt": [_parse_turn(turn) for turn in row["conversations"]], **sides}
    if "messages" in row and isinstance(row.get("chosen"), Mapping):  # axolotl
        rest = {name: value for name, value in row.items() if name != "messages"}
        return {
            **rest,
            "prompt": row["messages"],
            "chosen": [row["chosen"]],
            "rejected": [row.get("rejected")],
        }
    if "context" in row and is_list(completions := decoded(row.get("completions"))):  # NeMo-RL
        chosen, rejected = _by_rank(completions, where)
        rest = {name: value for name, value in row.items() if name not in ("context", "completions")}
        return {**rest, "prompt": row["context"], "chosen": chosen, "rejected": rejected}
    return row


def _by_rank(completions: Sequence[Any], where: str) -> tuple[Any, Any]:
    """(chosen, rejected) of two completions: the best has the lowest rank."""
    entries = [completion for completion in completions if isinstance(completion, Mapping)]
    if len(entries) != 2 or len(completions) != 2:
        raise RecipeError(f"a pair has two completions, found {len(completions)}", where)
    ranks = [as_number(entry.get("rank"), "rank", where) for entry in entries]
    if None in ranks or ranks[0] == ranks[1]:
        found = " and ".join(describe(entry.get("rank")) for entry in entries)
        raise RecipeError(f"two completions need two ranks that differ, found {found}", where)
    order = [0, 1] if (ranks[0] or 0) < (ranks[1] or 0) else [1, 0]
    chosen, rejected = (entries[number].get("completion") for number in order)
    return chosen, rejected


def _with_numbers(row: Row, where: str) -> Row:
    """The row with its numbers as numbers and its truth values as such: a CSV has them as text, and empty
    cells as empty text; Parquet may have decimals, and NaN for what is missing.
    """
    read = {
        name: _read_or_as_it_is(as_number, row[name], name, where)
        for name in NUMBERS
        if isinstance(row.get(name), str | Decimal | float)
    }
    if isinstance(row.get("tie"), str):
        tie = row["tie"]
        read["tie"] = None if is_missing(tie) else _read_or_as_it_is(as_truth, tie, "tie", where)
    return {**row, **read} if read else row


def _read_or_as_it_is(read: Callable[[Any, str, str], Any], value: Any, name: str, where: str) -> Any:
    """What cannot be read stays, so that whoever checks the row can say it."""
    try:
        return read(value, name, where)
    except RecipeError:
        return value


def _hh_sides(row: Row) -> dict[str, Any] | None:
    """Sides as hh-rlhf has them, a whole conversation as one text each (blank line, "Human: ...", blank line,
    "Assistant: ..."), as messages.
    """
    sides = {name: row.get(name) for name in ("chosen", "rejected")}
    if all(isinstance(text, str) and text.startswith(HH_START) for text in sides.values()):
        return {name: hh_turns(str(text)) for name, text in sides.items()}
    prompt = row.get("prompt")
    if isinstance(prompt, str) and prompt.startswith(HH_START):  # the sides go on behind "Assistant:"
        return {
            name: text.removeprefix(" ") if isinstance(text, str) else text for name, text in sides.items()
        }
    return None


def _parse_turn(turn: Any) -> dict[str, Any]:
    turn = turn if isinstance(turn, Mapping) else {}
    return {"role": OTHER_ROLES.get(str(turn.get("from")), turn.get("from")), "content": turn.get("value")}
