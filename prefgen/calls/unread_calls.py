"""Calls of a tool that was offered, written as the text of an answer: the server has no parser for them."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

_FENCE = re.compile(r"```\w*\n(.*?)\n?```", re.DOTALL)
_TAG = re.compile(r"<(\w+)>(.*)</\1>", re.DOTALL)
_PYTHONIC = re.compile(r"\[?\s*([\w.]+)\(\s*(?:\w+\s*=.*)?\)\s*\]?", re.DOTALL)
_NEXT = re.compile(r"\s*(?:[;,]|\{|\Z)")


def is_unread_call(text: str, tools: Sequence[Mapping[str, Any]]) -> bool:
    """Whether the whole of a text, but a fence or a tag around it, is a call of one of `tools`."""
    names = {_name_of(tool) for tool in tools} - {None}
    body = text.strip()
    if not names or not any(str(name) in body for name in names):
        return False
    for wrapped in (_FENCE.fullmatch(body), _TAG.fullmatch(body)):
        body = wrapped[wrapped.re.groups].strip() if wrapped else body
    if (call := _PYTHONIC.fullmatch(body)) is not None:
        return call[1] in names
    try:
        value, end = json.JSONDecoder().raw_decode(body)
    except (ValueError, RecursionError):
        return False
    return _NEXT.match(body, end) is not None and _is_call(value, names)


def _name_of(call: Mapping[str, Any]) -> Any:
    """The name in a tool or in a call, in any of the ways in which they are spelled."""
    function = call.get("function")
    if isinstance(function, Mapping):
        call = function
    name = call.get("name") or call.get("tool_name") or function
    return name if isinstance(name, str) else None


def _is_call(value: Any, names: set[Any]) -> bool:
    if isinstance(value, Mapping) and isinstance(value.get("tool_calls"), list):
        value = value["tool_calls"]
    if isinstance(value, list):
        return bool(value) and all(_is_call(item, names) for item in value)
    return isinstance(value, Mapping) and _name_of(value) in names
