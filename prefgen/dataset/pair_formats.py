"""Rows of pairs as others write them, read as prompt, chosen and rejected: the forms that `prefgen export`
writes, or columns by other names.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from prefgen.dataset.cells import as_number, is_missing
from prefgen.dataset.conversation import OTHER_ROLES
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
    for ours, theirs in columns.items():
        if theirs not in row:
            raise RecipeError(f"there is no column {theirs!r}; there are {', '.join(map(str, row))}", where)
        row = {**{name: value for name, value in row.items() if name != theirs}, ours: row[theirs]}
    row = known_form(_with_numbers(row, where), where)
    if is_missing(row.get("prompt")) and (sides := _hh_sides(row)) is not None:
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
    # NeMo-RL: the best has the lowest rank
    if "context" in row and isinstance(row.get("completions"), Sequence):
        completions = sorted(
            (completion for completion in row["completions"] if isinstance(completion, Mapping)),
            key=lambda completion: completion.get("rank", 0),
        )
        if len(completions) != 2:
            raise RecipeError(f"a pair has two completions, found {len(completions)}", where)
        rest = {name: value for name, value in row.items() if name not in ("context", "completions")}
        return {
            **rest,
            "prompt": row["context"],
            "chosen": completions[0].get("completion"),
            "rejected": completions[1].get("completion"),
        }
    return row


def _with_numbers(row: Row, where: str) -> Row:
    """The row with its numbers as numbers: a CSV has them as text, and empty cells as empty text."""
    spelled = {name: row[name] for name in NUMBERS if isinstance(row.get(name), str)}
    if not spelled:
        return row
    return {**row, **{name: _number_or_as_it_is(value, name, where) for name, value in spelled.items()}}


def _number_or_as_it_is(value: Any, name: str, where: str) -> Any:
    """What is no number stays, so that whoever checks the row can say it."""
    try:
        return as_number(value, name, where)
    except RecipeError:
        return value


_HH_TURN = re.compile(r"\n\n(Human|Assistant): ?")


def _hh_sides(row: Row) -> dict[str, Any] | None:
    """Sides as hh-rlhf has them, a whole conversation as one text each (blank line, "Human: ...", blank line,
    "Assistant: ..."), as messages.
    """
    sides = {name: row.get(name) for name in ("chosen", "rejected")}
    if not all(isinstance(text, str) and text.startswith("\n\nHuman:") for text in sides.values()):
        return None
    return {name: hh_turns(str(text)) for name, text in sides.items()}


def hh_turns(text: str) -> list[dict[str, str]]:
    """A conversation as hh-rlhf and Nectar write it, as messages; an assistant's turn that is still empty is
    none.
    """
    roles = {"Human": "user", "Assistant": "assistant"}
    pieces = _HH_TURN.split(text)[1:]
    turns = [
        {"role": roles[role], "content": content.strip()}
        for role, content in zip(pieces[::2], pieces[1::2], strict=True)
    ]
    return turns[:-1] if turns and turns[-1] == {"role": "assistant", "content": ""} else turns


def _parse_turn(turn: Any) -> dict[str, Any]:
    turn = turn if isinstance(turn, Mapping) else {}
    return {"role": OTHER_ROLES.get(str(turn.get("from")), turn.get("from")), "content": turn.get("value")}
