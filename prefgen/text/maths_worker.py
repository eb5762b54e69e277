"""The process that compares mathematical answers (`prefgen.text.maths`): a line of JSON in, a line out."""

import json
import logging
import re
import resource
import sys
from typing import Any

MEMORY = 2 * 2**30
"""Bytes that a comparison may take."""
_UNREADABLE = re.compile(r"[\n\r]|\\begin|\\input|\\def")
_COMMAND = re.compile(r"\\[A-Za-z]+|\b(?:sqrt|frac|sin|cos|tan|sinh|cosh|tanh|log|exp|infty|pi)\b")
_WORDS = re.compile(r"[^\W\d_]{4,}|[^\W\d_]{2,}\s+[^\W\d_]{2,}")
"""What is prose; it would be read as a product of letters."""


def main() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    logging.disable()
    compare("1", ["1"])  # so that everything is there before the clock runs
    print("ready", flush=True)
    for line in sys.stdin:
        try:
            answer, references = json.loads(line)
            outcome = compare(answer, references)
        except Exception:  # whatever sympy makes of what a model wrote
            outcome = None
        print(json.dumps(outcome), flush=True)


def compare(answer: str, references: list[str]) -> bool | None:
    """Whether an answer is the same as one of the references; None where it, or all of them, cannot be
    read.
    """
    from math_verify import verify

    found = parsed(answer)
    known = [gold for gold in map(parsed, references) if gold]
    if not found or not known:
        return None
    return any(verify(gold, found, timeout_seconds=None) for gold in known)


def parsed(text: str) -> list[Any]:
    """What math-verify makes of a text that is nothing but an answer; empty for anything else."""
    from math_verify import ExprExtractionConfig, LatexExtractionConfig, parse

    bare = text.strip().strip("$").strip()
    if not bare or _UNREADABLE.search(bare) or _WORDS.search(_COMMAND.sub(" ", bare)):
        return []
    configs = [LatexExtractionConfig(), ExprExtractionConfig()]
    found = parse(f"${bare}$", configs, parsing_timeout=None)  # pyright: ignore[reportArgumentType]
    return found if any(not isinstance(value, str) for value in found) else []


if __name__ == "__main__":
    main()
