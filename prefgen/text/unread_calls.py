"""Calls of a tool that was offered, written as the text of an answer: the server has no parser for them."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

_FENCE = re.compile(r"```\w*\n(.*?)\n?```", re.DOTALL)
_TAG = re.compile(r"<(\w+)>(.*)</\1>", re.DOTALL)
_PYTHONIC = re.compile(
    r"\[?\s*(?:\w+\s*=\s*)?(?:await\s+|print\(\s*)*([\w.]+)\(\s*(?:(?:\w+\s*=|[\"'\d{\[]).*)?\)\s*\]?"
    r"(?:\s*\n\s*print\([\w, ]*\))?",
    re.DOTALL,
)
"""A call as code, also awaited, printed or kept under a name."""
_NEXT = re.compile(r"\s*(?:[;,]|\{|\Z)")

_ARGUMENTS = (
    r"""["'](?:arguments|parameters|params|args|kwargs|action_input|tool_input)["']\s*:"""
    r"""(?!\s*\{\s*["']type["']\s*:\s*["']object["'])\s*"""
)
"""A key of what a tool is called with; a schema of it defines the tool."""


def is_unread_call(text: str, tools: Sequence[Mapping[str, Any]], asked: str = "") -> bool:
    """Whether the whole of a text, but a fence or a tag around it, is a call of one of `tools`, or a part of
    it is one that no sentence looks like. A request (`asked`) that shows such a part wants it as text.
    """
    names = {_name_of(tool) for tool in tools} - {None}
    body = text.strip()
    if not names or not any(str(name) in body for name in names):
        return False
    part = _a_call_of(names)
    return _is_a_call(body, names) or (part.search(body) is not None and part.search(asked) is None)


def _a_call_of(names: set[Any]) -> re.Pattern[str]:
    """What a call of these tools looks like anywhere in a text: an object with a tool beside its arguments,
    whether or not it is closed, or a form that only models write.
    """
    name = f"(?:{'|'.join(re.escape(str(name)) for name in sorted(names))})"
    key = r"[\"'](?:name|tool|tool_name|function|action|recipient_name)[\"']"
    named = rf"{key}\s*:\s*[\"'](?:functions\.)?{name}[\"']"
    return re.compile(
        rf"{named}[^{{}}]{{0,200}}{_ARGUMENTS}|{_ARGUMENTS}[\[{{\"'][^\n]{{0,300}}?[}}\]\"']\s*,\s*{named}"
        rf"|^Action: *`?{name}`?(?:[\[(]|[^\S\n]*\n\s*Action Input:)"
        rf"|(?:^|\s)functions\.{name}(?::\d+)?\s*\{{|^{name}\n(?:```(?:json)?\n)?\s*\{{|\bdefault_api\.{name}\("
        rf"|^[^\S\n]*<{name}>\s*(?:<\w+>|\{{)|<(\w+)>\s*{name}\s*</\1>\s*<\w+>\s*\{{",
        re.MULTILINE,
    )


def _is_a_call(body: str, names: set[Any]) -> bool:
    for wrapped in (_FENCE.fullmatch(body), _TAG.fullmatch(body)):
        body = wrapped[wrapped.re.groups].strip() if wrapped else body
    if (call := _PYTHONIC.fullmatch(body)) is not None:
        return call[1] in names or call[1].rpartition(".")[2] in names
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
    if not isinstance(value, Mapping):
        return False
    is_named = len(value) == 1 and isinstance(next(iter(value.values())), Mapping) and value.keys() <= names
    return is_named or _name_of(value) in names
