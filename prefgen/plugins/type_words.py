"""Types and values as people call them: a message shows no `<class ...>` and no NoneType."""

import inspect
import json
import types
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel

WORDS = {
    type(None): "null", dict: "mapping", list: "list", tuple: "list", Path: "path", Any: "anything",
}  # fmt: skip


def type_in_words(annotation: Any) -> str:
    """What a field takes, as YAML has it: `list of float`, `"a" or "b" or null`."""
    if annotation in WORDS:
        return WORDS[annotation]
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return type_in_words(arguments[0])
    if origin is Literal:
        return " or ".join(json.dumps(value) for value in arguments)
    if origin in (Union, types.UnionType):
        return " or ".join(map(type_in_words, arguments))
    if inspect.isclass(origin) and issubclass(origin, Mapping):
        of_key, of_value = map(type_in_words, arguments)
        return f"mapping of {of_key} to {of_value}"
    if origin is tuple and Ellipsis not in arguments:
        return f"[{', '.join(map(type_in_words, arguments))}]"
    if inspect.isclass(origin):  # a list or another sequence
        items = [item for item in arguments if item is not Ellipsis]
        return " of ".join(["list", *map(type_in_words, items[:1])])
    if inspect.isclass(annotation) and issubclass(annotation, BaseModel):
        return "mapping"
    return getattr(annotation, "__name__", str(annotation))


def kind_of(value: Any) -> str:
    """What a plug-in gave, in the words of whoever wrote it: `nothing (None)`, `a str`, `the class Score`."""
    if value is None:
        return "nothing (None)"
    if inspect.isclass(value):
        return f"the class {value.__name__} itself"
    if inspect.isawaitable(value):
        return "a coroutine that nobody awaited"
    if inspect.isroutine(value):
        return f"the function {value.__name__} itself"
    name = type(value).__name__
    return f"{'an' if name[0].lower() in 'aeiou' else 'a'} {name}"
