"""What an answer comes to, and whether that is right: its last number, its box, or its last line, against reference answers."""

import re
from collections.abc import Sequence
from fractions import Fraction
from typing import Literal

from prefgen.text.near_duplicates import normalize

BOXED = re.compile(r"\\boxed\{((?:[^{}]|\{[^{}]*\})*)\}")
NUMBER = re.compile(r"(?:(?<![\w.)])-)?(?<![\w.])\d[\d,]*(?:\.\d+)?(?:[eE][+-]?\d+)?(?:\s*/\s*\d+)?%?")
FRACTION = re.compile(r"(-?)\s*(\d*)\s*\\d?frac\{(-?\d+)\}\{(\d+)\}")
LONGEST = 60
"""Characters of the longest number that is read."""
Check = Literal["exact", "number"]


def right(text: str, references: Sequence[str], check: Check, tolerance: float) -> tuple[bool | None, str]:
    """(whether the answer is right, what it was taken to be, in words); None where the references say nothing that could be compared."""
    if not references:
        return None, "the prompt has no reference answer"
    if check == "exact":
        given = answer_of(text)
        return any(
            normalize(given) == normalize(reference) for reference in references
        ), f"answer: {given[:200]}"
    number = number_in(text)
    wanted = [n for n in (number_in(reference) for reference in references) if n is not None]
    if not wanted:
        return None, "no reference of the prompt is a number"
    found = number is not None and any(abs(number - n) <= tolerance * max(1, abs(n)) for n in wanted)
    return found, f"answer: {float(number):g}" if number is not None else "no number in the answer"


def answer_of(text: str) -> str:
    """What an answer ends in: the last box, what follows the last "answer is", or the last line."""
    boxed = BOXED.findall(text)
    if boxed:
        return boxed[-1].strip()
    said = re.findall(r"answer\s*(?:is|:|=)\s*([^\n]+)", text, re.IGNORECASE)
    lines = [line for line in text.strip().splitlines() if line.strip()]
    return (said[-1] if said else lines[-1] if lines else "").strip().strip("*_`").rstrip(".").strip()


def number_in(text: str) -> Fraction | None:
    """The last number of the answer, exactly; None when there is none."""
    for part in (answer_of(text), text):
        found = FRACTION.findall(part)
        if found and len("".join(found[-1])) <= LONGEST:
            sign, whole, above, below = found[-1]
            if not int(below):
                return None
            value = int(whole or 0) + Fraction(int(above), int(below))
            return -value if sign else value
        numbers = NUMBER.findall(part)
        if numbers:
            return _fraction(numbers[-1])
    return None


def _fraction(spelled: str) -> Fraction | None:
    bare = spelled.replace(",", "").replace(" ", "")
    exponent = re.search(r"[eE][+-]?(\d+)", bare)
    if len(bare) > LONGEST or (exponent and int(exponent[1]) > 300):
        return None
    try:
        return Fraction(bare[:-1]) / 100 if bare.endswith("%") else Fraction(bare)
    except (ValueError, ZeroDivisionError):
        return None
