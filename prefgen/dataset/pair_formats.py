"""Rows of pairs as others write them, read as prompt, chosen and rejected: the forms that `prefgen export`
writes, or columns by other names.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from prefgen.dataset.pair import Row
from prefgen.dataset.serialize import RENAMED_COLUMNS
from prefgen.errors import RecipeError
from prefgen.version import with_present_names

SHAREGPT_ROLES = {"user": "human", "assistant": "gpt", "system": "system", "tool": "observation"}
"""Roles as ShareGPT's form names them."""
OUR_ROLES = {theirs: ours for ours, theirs in SHAREGPT_ROLES.items()} | {"function": "tool"}


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


def _parse_turn(turn: Any) -> dict[str, Any]:
    turn = turn if isinstance(turn, Mapping) else {}
    return {"role": OUR_ROLES.get(turn.get("from", ""), turn.get("from")), "content": turn.get("value")}
