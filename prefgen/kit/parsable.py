"""Whether an answer holds JSON or Python that parses, as the whole of it or between fences."""

import ast
import json
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

from prefgen.text.fences import fenced_blocks
from prefgen.text.strict_json import no_constant, object_without_doubles

JSON_MARKS = ("json",)
PYTHON_MARKS = ("python", "python3", "py", "py3", "pycon")


def json_violation(text: str, keys: Sequence[str]) -> str | None:
    """Why a text is no JSON (RFC 8259, and no key twice), or that it lacks one of `keys`; None when it is
    right. Of several blocks each must be JSON, and the first has the keys.
    """
    blocks, _ = fenced_blocks(text, JSON_MARKS)
    values: list[Any] = []
    for spelled in blocks or [text.removeprefix("\ufeff")]:
        try:
            values.append(
                json.loads(spelled, parse_constant=no_constant, object_pairs_hook=object_without_doubles)
            )
        except (ValueError, RecursionError) as error:
            return f"is no JSON ({error})"
    value = values[0]
    missing = [key for key in keys if not isinstance(value, Mapping) or key not in value]
    return f"the JSON has no {missing[0]!r}" if missing else None


def python_violation(text: str) -> str | None:
    """Why a text is no Python, or None: of several blocks each must compile, and words alone are no code."""
    blocks, is_marked = fenced_blocks(text, PYTHON_MARKS)
    for block in blocks or [text]:
        try:
            with warnings.catch_warnings():  # Python's own, of what is odd and compiles
                warnings.simplefilter("ignore")
                tree = ast.parse(_without_prompts(block))
                compile(tree, "answer", "exec")
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            return f"is no Python that compiles ({error})"
        if not tree.body:
            return "holds no statement of Python"
        if not is_marked and all(map(_is_prose, tree.body)):
            return "is no Python, but words that happen to parse"
    return None


def _without_prompts(code: str) -> str:
    """The code of a session at Python's prompt, without what was printed; any other code as it is."""
    if not code.lstrip().startswith(">>>"):
        return code
    return "\n".join(line[4:] for line in code.splitlines() if line.startswith((">>>", "...")))


_WORDS = (
    ast.Expr, ast.AnnAssign, ast.Name, ast.Constant, ast.Tuple, ast.BoolOp, ast.UnaryOp, ast.BinOp,
    ast.expr_context, ast.boolop, ast.unaryop, ast.operator,
)  # fmt: skip


def _is_prose(statement: ast.stmt) -> bool:
    """Whether a statement is words alone: "Sorry", "yes and no" and "Answer: yes" are Python, and no code."""
    nodes = list(ast.walk(statement))
    if isinstance(statement, ast.AnnAssign) and statement.value is not None:
        return False
    has_word = any(
        isinstance(node, ast.Name) or (isinstance(node, ast.Constant) and isinstance(node.value, str))
        for node in nodes
    )
    return has_word and all(isinstance(node, _WORDS) for node in nodes)
