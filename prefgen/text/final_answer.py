"""What an answer comes to, and whether that is right: its last number, its box, or its last line, against
reference answers.
"""

import re
from collections.abc import Sequence
from fractions import Fraction
from typing import Literal

from prefgen.text.normalize import normalize

BOXED = re.compile(r"\\boxed\{((?:[^{}]|\{[^{}]*\})*)\}")
NUMBER = re.compile(r"(?:(?<![\w.)])-)?(?<![\w.])\d[\d,]*(?:\.\d+)?(?:[eE][+-]?\d+)?(?:\s*/\s*\d+)?%?")
FRACTION = re.compile(r"(-?)\s*(\d*)\s*\\d?frac\{(-?\d+)\}\{(\d+)\}")
MAX_NUMBER_LENGTH = 60
"""Characters of the longest number that is read."""
Check = Literal["exact", "number"]


def check_answer(
    text: str, references: Sequence[str], check: Check, tolerance: float
) -> tuple[bool | None, str]:
    """(whether the answer is right, what it was taken to be, in words); None where the references say nothing
    that could be compared.
    """
    if not references:
        return None, "the prompt has no reference answer"
    if check == "exact":
        answer = answer_of(text)
        return any(
            normalize(answer) == normalize(reference) for reference in references
        ), f"answer: {answer[:200]}"
    number = parse_number(text)
    reference_numbers = [n for n in (parse_number(reference) for reference in references) if n is not None]
    if not reference_numbers:
        return None, "no reference of the prompt is a number"
    correct = number is not None and any(
        abs(number - n) <= tolerance * max(1, abs(n)) for n in reference_numbers
    )
    return correct, f"answer: {float(number):g}" if number is not None else "no number in the answer"


def answer_of(text: str) -> str:
    """What an answer ends in: the last box, what follows the last "answer is", or the last line."""
    boxed = BOXED.findall(text)
    if boxed:
        return boxed[-1].strip()
    stated_answers = re.findall(r"answer\s*(?:is|:|=)\s*([^\n]+)", text, re.IGNORECASE)
    lines = [line for line in text.strip().splitlines() if line.strip()]
    return (
        (stated_answers[-1] if stated_answers else lines[-1] if lines else "")
        .strip()
        .strip("*_`")
        .rstrip(".")
        .strip()
    )


def parse_number(text: str) -> Fraction | None:
    """The last number of the answer, exactly; None when there is none."""
    for passage in (answer_of(text), text):
        fractions = FRACTION.findall(passage)
        if fractions and len("".join(fractions[-1])) <= MAX_NUMBER_LENGTH:
            sign, whole, numerator, denominator = fractions[-1]
            if not int(denominator):
                return None
            value = int(whole or 0) + Fraction(int(numerator), int(denominator))
            return -value if sign else value
        numbers = NUMBER.findall(passage)
        if numbers:
            return _parse_fraction(numbers[-1])
    return None


def _parse_fraction(text: str) -> Fraction | None:
    numeral = text.replace(",", "").replace(" ", "")
    exponent = re.search(r"[eE][+-]?(\d+)", numeral)
    if len(numeral) > MAX_NUMBER_LENGTH or (exponent and int(exponent[1]) > 300):
        return None
    try:
        return Fraction(numeral[:-1]) / 100 if numeral.endswith("%") else Fraction(numeral)
    except (ValueError, ZeroDivisionError):
        return None
