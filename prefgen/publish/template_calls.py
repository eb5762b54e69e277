"""Calls of tools as chat templates read them: with arguments that are a mapping, which they write as JSON."""

import json
from collections.abc import Mapping
from typing import Any

from prefgen.dataset.cells import is_list
from prefgen.dataset.pair import Row


def with_mapped_arguments(row: Row) -> Row:
    """A row of a form, where the arguments of calls that are JSON text of a mapping are the mapping."""
    return {
        name: [_turn(turn) for turn in value] if _is_turns(value) else value for name, value in row.items()
    }


def _is_turns(value: Any) -> bool:
    return is_list(value) and all(isinstance(turn, Mapping) and "role" in turn for turn in value)


def _turn(turn: Mapping[str, Any]) -> Mapping[str, Any]:
    calls = turn.get("tool_calls")
    return {**turn, "tool_calls": [_call(call) for call in calls]} if calls else turn


def _call(call: Mapping[str, Any]) -> Mapping[str, Any]:
    function = call["function"]
    return {**call, "function": {**function, "arguments": _mapped(function["arguments"])}}


def _mapped(arguments: str) -> Any:
    """The mapping, where it says all that the text says: not of a key that stands twice, or of NaN."""
    try:
        data = json.loads(arguments, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return arguments
    written = (json.dumps(data, ensure_ascii=ascii_only) for ascii_only in (False, True))
    is_whole = "".join(arguments.split()) in ("".join(text.split()) for text in written)
    return data if isinstance(data, dict) and is_whole else arguments


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is no JSON")
