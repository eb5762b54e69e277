"""The tools that a row offers to whoever answers: one reader for every command, and what tells tools under a
name that no reader knows.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from prefgen.dataset.answer_groups import words_of_name
from prefgen.dataset.cells import decoded, describe, is_absent, is_list
from prefgen.dataset.column_names import Row
from prefgen.errors import RecipeError

_NAMES = frozenset(("tool", "tools", "function", "functions", "api", "apis"))
_SCHEMAS = ("parameters", "input_schema", "inputSchema")


def offered_tools(value: Any, where: str) -> Sequence[Mapping[str, Any]]:
    """The tools of a cell: a list of mappings, or JSON of one, whose items may be JSON text themselves, or
    what certainly holds some (`tools_in`); none of an empty one. Raises RecipeError.
    """
    tools: Any = decoded(value)
    if is_absent(tools) or tools in ({}, []):
        return ()
    tools = [decoded(tool) for tool in tools] if is_list(tools) else tools_in("tools", tools) or tools
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
    """The tools that a cell of any name holds, each told by its schema, or by its description where the name
    says the rest; none where one of its items is no tool.
    """
    data: Any = decoded(value)
    if isinstance(data, Mapping):
        data = [data] if _is_tool(data, name) else list(data.values())
    tools = [decoded(item) for item in data] if is_list(data) else []
    return tools if all(_is_tool(tool, name) for tool in tools) else ()


def _is_tool(item: Any, name: str) -> bool:
    """Whether a mapping describes a tool, and is no call of one nor another thing with parameters."""
    if not isinstance(item, Mapping):
        return False
    function = item.get("function")
    described = function if item.get("type") == "function" and isinstance(function, Mapping) else item
    if not isinstance(described.get("name"), str) or "arguments" in described:
        return False
    schema = next((decoded(described[key]) for key in _SCHEMAS if key in described), None)
    is_described = isinstance(described.get("description"), str)
    is_named = is_described and not _NAMES.isdisjoint(words_of_name(name))
    return is_named or described is not item or _is_schema(schema) or (schema == {} and is_described)


def _is_schema(schema: Any) -> bool:
    """Whether parameters are those of a schema of JSON, or described one by one, each with its type."""
    if isinstance(schema, Mapping) and ("properties" in schema or isinstance(schema.get("type"), str)):
        return True
    described = list(schema.values()) if isinstance(schema, Mapping) else schema
    return (
        is_list(described)
        and bool(described)
        and all(isinstance(item, Mapping) and isinstance(item.get("type"), str) for item in described)
    )
