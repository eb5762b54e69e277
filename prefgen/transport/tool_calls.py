"""THE reader of a call of a tool, in a server's reply and in files alike.

It reads what it certainly understands: `function` with a name and arguments, or these two by themselves.
Whatever else is filled might be what the tool is called with, so such a call is not read.
"""

import json
from collections.abc import Mapping
from typing import Any

from prefgen.text.strict_json import object_without_doubles
from prefgen.types import ToolCall

_ARGUMENTS = ("arguments", "parameters")
"""What the arguments of a call are called."""
_NOTES = frozenset(
    (
        "id", "type", "index", "call_id", "status", "extra_content", "provider_specific_fields",
        "thought_signature", "signature",
    )
)  # fmt: skip
"""What servers say about a call, and is no part of it."""
_OF_THE_TOOL: Mapping[str, type] = {"strict": bool, "description": str}
"""What a call may repeat of the tool that it calls; without a place for arguments it may be one."""


def parse_tool_call(data: Any) -> ToolCall:
    """A call of a tool. Raises ValueError for one without a name, and with anything that would be lost.

    Text as arguments stays as it came; whether it can be read is `arguments_problem`.
    """
    function = data.get("function") if isinstance(data, Mapping) else None
    function = data if function is None else function
    name = function.get("name") if isinstance(function, Mapping) else None
    if not isinstance(function, Mapping) or not isinstance(name, str) or not name.strip():
        raise ValueError(f"a tool call must have a function with a name, found {_shown(data)}")
    ids = [data[key] for key in ("call_id", "id") if not _is_empty(data.get(key))]
    has_arguments = function is not data or not function.keys().isdisjoint(_ARGUMENTS)
    _refuse_unread(function, ("name", *_ARGUMENTS), _OF_THE_TOOL if has_arguments else {})
    if function is not data:
        _refuse_unread(data, ("function",), _OF_THE_TOOL)
    return ToolCall(id=str(ids[0]) if ids else "", name=name, arguments=_arguments(function))


def arguments_problem(arguments: str) -> str | None:
    """Why the arguments of a call cannot be read, or None: they are one object of JSON, in which no key comes
    twice, or nothing.
    """
    if not arguments.strip():
        return None
    try:
        value = json.loads(arguments, object_pairs_hook=object_without_doubles)
        json.dumps(value, allow_nan=False)
    except (ValueError, RecursionError) as error:
        return f"the arguments of a tool call are no JSON ({error}), found {_shown(arguments)}"
    if not isinstance(value, dict):
        return f"the arguments of a tool call must be an object of JSON, found {_shown(arguments)}"
    return None


def _arguments(function: Mapping[str, Any]) -> str:
    """The arguments as JSON text. Raises ValueError for what is neither text nor a mapping of JSON, and for
    two that differ.
    """
    keys = [key for key in _ARGUMENTS if key != "parameters" or not _are_of_the_tool(function)]
    found = [function[key] for key in keys if not _is_null(function.get(key))]
    texts = [value if isinstance(value, str) else _json_text(value) for value in found]
    filled = [text for text in texts if _in_one_form(text) not in ("", "{}")] or texts
    if len(filled) > 1 and _in_one_form(filled[0]) != _in_one_form(filled[1]):
        raise ValueError(f"arguments and parameters of a tool call differ, found {_shown(dict(function))}")
    return filled[0] if filled else ""


def _are_of_the_tool(function: Mapping[str, Any]) -> bool:
    """Whether `parameters` are the schema that the tool declares, beside the arguments of the call."""
    schema: Any = function.get("parameters")
    is_schema = isinstance(schema, Mapping) and isinstance(schema.get("properties"), Mapping)
    return "arguments" in function and is_schema and schema.get("type") == "object"


def _is_null(arguments: Any) -> bool:
    """Whether a call has no arguments, for which some servers write the text "null"."""
    return arguments in (None, "") or (isinstance(arguments, str) and arguments.strip() == "null")


def _in_one_form(arguments: str) -> str:
    """JSON text that is the same for the same data; what is no JSON as it is."""
    try:
        return json.dumps(json.loads(arguments, object_pairs_hook=object_without_doubles), sort_keys=True)
    except (ValueError, RecursionError):
        return arguments.strip()


def _json_text(arguments: Any) -> str:
    if not isinstance(arguments, Mapping):
        raise ValueError(f"the arguments of a tool call must be a mapping, found {_shown(arguments)}")
    try:
        return json.dumps(arguments, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        found = _shown(dict(arguments))
        raise ValueError(f"the arguments of a tool call are no JSON, found {found}") from None


def _refuse_unread(part: Mapping[str, Any], read: tuple[str, ...], of_the_tool: Mapping[str, type]) -> None:
    """Raises ValueError for a filled key that is neither read nor a note, nor `of_the_tool`."""
    for key, value in part.items():
        is_note = key in _NOTES or (key in of_the_tool and isinstance(value, of_the_tool[key]))
        if key not in read and not is_note and not _is_empty(value):
            raise ValueError(
                f"a tool call has {key!r} ({_shown(value)}), which would be lost: put what it is called with "
                "into its arguments"
            )


def _is_empty(value: Any) -> bool:
    """Whether a key has no value, as Arrow gives them to mappings of one column."""
    if isinstance(value, float):
        return value != value
    return value is None or (isinstance(value, str | Mapping | list | tuple) and not value)


def _shown(value: Any) -> str:
    try:
        text = repr(value)
    except RecursionError:
        text = f"a {type(value).__name__} that nests too deeply to be shown"
    return text if len(text) <= 80 else f"{text[:80]}..."
