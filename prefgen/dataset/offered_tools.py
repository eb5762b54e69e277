"""The tools that a row offers to whoever answers: one reader for every command, and what tells tools under a
name that no reader knows.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from prefgen.dataset.answer_groups import words_of_name
from prefgen.dataset.cells import decoded, describe, is_absent, is_list, is_missing
from prefgen.dataset.column_names import Row
from prefgen.errors import RecipeError

_PLURALS = frozenset(("tools", "functions", "apis"))
_SINGULARS = frozenset(("tool", "function", "api"))
_LISTS = frozenset((
    "list", "lists", "schema", "schemas", "definition", "definitions", "spec", "specs", "specification",
    "specifications", "declaration", "declarations", "description", "descriptions", "doc", "docs", "set",
))  # fmt: skip
_FILLING = frozenset(("available", "offered", "given", "all", "the", "candidate", "json", "xml", "openai"))
"""Words of names that say nothing but that tools stand there."""
_SCHEMAS = ("parameters", "input_schema", "inputSchema")


@lru_cache(maxsize=8192)
def _is_of_tools(name: str) -> bool:
    """Whether a name is that of a list of tools, and of none that were used or annotate."""
    words = set(words_of_name(name))
    is_list_of = bool(words & _PLURALS) or bool(words & _SINGULARS and words & _LISTS)
    return is_list_of and words <= _PLURALS | _SINGULARS | _LISTS | _FILLING


def offered_tools(value: Any, where: str) -> Sequence[Mapping[str, Any]]:
    """The tools of a cell: a list of mappings, or JSON of one, whose items may be JSON text themselves, or
    what certainly holds some (`tools_in`); none of an empty one. Raises RecipeError.
    """
    tools: Any = decoded(value)
    if is_absent(tools) or tools in ({}, []):
        return ()
    if is_list(tools):
        tools = [decoded(tool) for tool in tools if not is_missing(tool)]
    else:
        tools = tools_in("tools", tools) or tools
    if is_list(tools) and all(isinstance(tool, Mapping) for tool in tools):
        return tools
    raise RecipeError(
        "tools must be a list of mappings (or JSON of one), as the OpenAI protocol has them; found "
        f"{describe(value)}",
        where,
    )


def with_tools(row: Row, where: str) -> Row:
    """The row with a list of its tools, where they stood there otherwise. Raises RecipeError for what is
    none.
    """
    tools = offered_tools(row.get("tools"), where)
    return {**row, "tools": tools} if tools and tools != decoded(row["tools"]) else row


def tools_in(name: str, value: Any) -> Sequence[Any]:
    """The tools that a cell of any name holds, each told by its schema, or by its description in a list whose
    name says the rest; none where one of its items is no tool. Their names may be keys.
    """
    data: Any = decoded(value)
    is_named = _is_of_tools(name) and (is_list(data) or name == "tools")
    if isinstance(data, Mapping):
        held = decoded(data.get("tools", data.get("function_declarations")))  # as Gemini has them
        named = ({"name": key, **item} if isinstance(item, Mapping) else item for key, item in data.items())
        data = [data] if _is_tool(data, is_named) else held if is_list(held) else list(named)
    tools = [decoded(item) for item in data if not is_missing(item)] if is_list(data) else []
    return tools if all(_is_tool(tool, is_named) for tool in tools) else ()


def _is_tool(item: Any, is_named: bool) -> bool:
    """Whether a mapping describes a tool, and is no call of one nor another thing with parameters."""
    if not isinstance(item, Mapping):
        return False
    function = item.get("function")
    described = function if isinstance(function, Mapping) else item
    if not isinstance(described.get("name"), str) or "arguments" in described:
        return False
    if described is not item and item.get("type") == "function":
        return True
    schema = next((decoded(described[key]) for key in _SCHEMAS if key in described), None)
    is_described = isinstance(described.get("description"), str)
    if _is_schema(schema) or (is_named and is_described):
        return True
    return (is_named or is_described) and (schema == {} or _are_described(schema))


def _is_schema(schema: Any) -> bool:
    """Whether parameters are those of a schema of JSON."""
    return isinstance(schema, Mapping) and (schema.get("type") == "object" or "properties" in schema)


def _are_described(schema: Any) -> bool:
    """Whether parameters are described one by one, each with its type."""
    described = list(schema.values()) if isinstance(schema, Mapping) else schema
    return (
        is_list(described)
        and bool(described)
        and all(isinstance(item, Mapping) and isinstance(item.get("type"), str) for item in described)
    )
