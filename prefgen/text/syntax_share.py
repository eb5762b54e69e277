"""How much of a text is brackets and bars that belong to no form: optimised attacks on judges are made of
them, and code, tables, data and diagrams are not.
"""

import json
import re
from collections import Counter

SYNTAX = re.compile(r"[{}\[\]<>|\\^~`]")
SHORTEST = 200
"""Characters of a text below which a share says nothing."""
_WRITTEN = re.compile(
    r"(?P<fence>```|~~~).*?(?:(?P=fence)|\Z)|`[^`\n]*`"  # code
    r"|<!--.*?-->|</?[A-Za-z][\w:.-]*(?:\s[^<>]*)?/?>"  # HTML and its kin
    r"|^[ \t]*\|[^\n]*\|[ \t]*$"  # rows of a table
    r"|\$\$.*?\$\$|\$[^$\n]+\$|\\\[.*?\\\]|\\\(.*?\\\)"
    r"|\\begin\{(?P<name>\w+\*?)\}.*?\\end\{(?P=name)\}"
    r"|\\[A-Za-z]+\*?(?:\[[^\[\]\n]*\]|\{[^{}\n]*\})*",  # LaTeX
    re.DOTALL | re.MULTILINE,
)
"""Forms that are made of brackets and bars, and are well formed."""
_SIGNS = re.compile(
    r"^(?:<{7}|>{7}|\|{7})(?= |$)|<?[-=.]{1,3}>|<[-=.]{1,3}|[<>]=|\|\|"  # of diffs, arrows, comparisons
    r"|(?<=[\w)\]]) ?(?:<<|>>|[<>|]) ?(?=[\w(\[])",
    re.MULTILINE,
)
_GROUP = re.compile(r"\[[^\[\]{}<>|\\^~`]*\w[^\[\]{}<>|\\^~`]*\]|\{[^\[\]{}<>|\\^~`]*\w[^\[\]{}<>|\\^~`]*\}")
"""Brackets that close, around words."""
_DEEPEST = 20
_FEW = 4
"""Lines of one shape, none of whose marks is a bracket, that are a list."""
_BRACKET = re.compile(r"[{}\[\]]")


def syntax_share(text: str) -> float:
    """The share of characters that are brackets and bars outside any form; 0 for a short text, for JSON."""
    plain = _WRITTEN.sub("", text)
    if len(plain) < SHORTEST or _is_json(text):
        return 0.0
    rest = _SIGNS.sub(" ", plain)
    for _ in range(_DEEPEST):
        inner, rest = rest, _GROUP.sub("x", rest)
        if inner == rest:
            break
    lines = ["".join(SYNTAX.findall(line)) for line in rest.splitlines()]
    counts = Counter(line for line in lines if not _BRACKET.search(line))
    return sum(len(line) for line in lines if counts[line] < _FEW) / len(plain)


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True
