"""The process that compares mathematical answers (`prefgen.text.maths`): a line of JSON in, a line out."""

import json
import logging
import re
import resource
import sys
from typing import Any

from prefgen.text.maths_forms import has_name, is_relation, kind_of, letters_of, readable_form, solved_for
from prefgen.text.quantities import is_equal, parse_quantity

MEMORY = 2 * 2**30
"""Bytes that a comparison may take."""
_UNREADABLE = re.compile(r"[\n\r]|\\begin|\\input|\\def")
_COMMAND = re.compile(r"\\[A-Za-z]+|\b(?:sqrt|frac|sin|cos|tan|sinh|cosh|tanh|log|exp|infty|pi)\b")
_WORDS = re.compile(r"[^\W\d_]{4,}|[^\W\d_]{2,}\s+[^\W\d_]{2,}")
"""What is prose; it would be read as a product of letters."""


def main() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    logging.disable()
    compare("x", ["x"])  # so that everything is there before the clock runs
    print("ready", flush=True)
    for line in sys.stdin:
        try:
            answer, references = json.loads(line)
            outcome = compare(answer, references)
        except Exception:  # whatever sympy makes of what a model wrote
            outcome = None
        print(json.dumps(outcome), flush=True)


def compare(answer: str, references: list[str]) -> bool | None:
    """Whether an answer is the same as one of the references; None where it, or all of them, cannot be read,
    or where it may be one of them in another form.
    """
    outcomes = [_compare_one(answer, reference) for reference in references]
    if True in outcomes:
        return True
    return False if outcomes and None not in outcomes else None


def _compare_one(answer: str, reference: str) -> bool | None:
    number, known = parse_quantity(answer), parse_quantity(reference)
    if number and known:
        return is_equal(number, known, tolerance=0)
    found, gold = readable_form(answer), readable_form(reference)
    if not found or not gold:
        return None
    if is_relation(found) == is_relation(gold):
        outcome = _is_same(found, gold)
        return outcome or (outcome if not is_relation(found) else _same_values(found, gold))
    relation, plain = (found, gold) if is_relation(found) else (gold, found)
    solved = solved_for(relation)
    return _is_same(solved[1], plain) if solved and not has_name(plain, solved[0]) else None


def _same_values(found: str, gold: str) -> bool | None:
    """Whether two relations give one name the same values; None where either is not of that form."""
    values, known = solved_for(found), solved_for(gold)
    if not values or not known or values[0] != known[0]:
        return None
    return _is_same(values[1], known[1])


def _is_same(found: str, gold: str) -> bool | None:
    from math_verify import verify

    if (
        letters_of(found)
        and letters_of(gold)
        and found != gold
        and sorted(found.lower()) == sorted(gold.lower())
    ):
        return None
    values, known = parsed(found), parsed(gold)
    if not values or not known:
        return None
    if not verify(known, values, timeout_seconds=None):
        return False
    is_of_kind = kind_of(found) == kind_of(gold) or "" in (kind_of(found), kind_of(gold))
    return _is_exactly(values[0], known[0]) if is_of_kind else None


def _is_exactly(value: Any, known: Any) -> bool | None:
    """Whether two values that are equal to some digits are equal; None where either is rounded."""
    if not all(getattr(part, "is_number", False) for part in (value, known)):
        return True
    from sympy import Float

    if any(part.has(Float) and not other.is_rational for part, other in ((value, known), (known, value))):
        return None
    difference = (value - known).doit()
    if difference.is_Rational:
        return bool(difference == 0)
    return bool(abs((value / known).evalf(30) - 1) < 1e-20) if known != 0 else True


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
