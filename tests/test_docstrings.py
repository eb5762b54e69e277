"""What docstrings say of errors is true as far as names go: an error that is named is one that there is."""

import ast
import builtins
import re
from pathlib import Path

from tests.support.paths import ROOT

SOURCES = sorted((ROOT / "prefgen").rglob("*.py"))
RAISED = re.compile(r"[Rr]aises?\s+((?:[A-Z]\w+(?:,\s+|\s+or\s+|\s+and\s+)?)+)")


def defined_classes() -> set[str]:
    trees = (ast.parse(path.read_text(encoding="utf-8")) for path in SOURCES)
    return {node.name for tree in trees for node in ast.walk(tree) if isinstance(node, ast.ClassDef)}


def raised_names(path: Path) -> set[str]:
    """The errors that the docstrings of a file name."""
    statements = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    constants = [node.value for node in statements if isinstance(node, ast.Expr)]
    texts = [
        node.value for node in constants if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]
    listed = [names for text in texts for names in RAISED.findall(" ".join(text.split()))]
    return {name for names in listed for name in re.findall(r"[A-Z]\w+", names)}


def test_every_error_that_a_docstring_names_exists():
    known = defined_classes() | {name for name in dir(builtins) if name.endswith(("Error", "Exception"))}
    named = {str(path.relative_to(ROOT)): raised_names(path) for path in SOURCES}

    assert sum(map(bool, named.values())) > 60
    assert {path: names - known for path, names in named.items() if names - known} == {}
