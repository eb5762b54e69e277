"""What an answer comes to, and whether that is right: its box, what it states as the answer, or its last
line, against reference answers.

A number counts only where it is the whole of that: with a unit or a currency, and without anything else.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from prefgen.text.normalize import normalize

BOXED = re.compile(r"\\(?:boxed|fbox)\s*\{((?:[^{}]|\{(?:[^{}]|\{[^{}]*\})*\})*)\}")
STATED = re.compile(r"(?:\banswer\s*(?:is|:|=)|^####)[ \t*_]*([^\n]+)", re.IGNORECASE | re.MULTILINE)
_REASON_AFTER = re.compile(r",?\s+(?:since|because)\b.*", re.DOTALL)
_LATEX_WRAPPER = re.compile(r"\\(?:text|mathrm|textbf|mathbf|mbox)\s*\{([^{}]*)\}")
_DIGITS = r"\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?|\.\d+"
_NUMBER = re.compile(
    r"(?:[A-Za-z]\w{0,12}\s*=\s*)?(?P<sign>[-+\u2212])?\s*(?P<currency>[$€£¥]|USD\s|EUR\s)?\s*(?:"
    r"(?P<whole>\d+)?\s*\\[dt]?frac\s*\{?(?P<over>\d+)\}?\s*\{?(?P<under>\d+)\}?"
    rf"|(?:(?P<mixed>\d+)\s+)?(?P<top>\d+)\s*/\s*(?P<bottom>\d+)"
    rf"|(?P<digits>{_DIGITS})(?:[eE](?P<exponent>[-+]?\d+))?"
    r")\s*(?P<unit>%|°\s?[A-Za-z]?"
    r"|[A-Za-zµΩ€$£¥][A-Za-zµΩ.²³]*(?:\^\{?[23]\}?)?"
    r"(?:[ /][A-Za-zµΩ²³]+(?:\^\{?[23]\}?)?){0,2})?"
)
_STATES = re.compile(
    r".*(?:\b(?:is|are|was|be|equals?|gives?|get|makes?|totals?)\b|(?<!\d)[=:≈])\s*", re.DOTALL
)
MAX_NUMBER_LENGTH = 60
"""Characters of the longest number that is read."""
MAX_EXPONENT = 300
Check = Literal["exact", "number"]


@dataclass(frozen=True)
class Quantity:
    """A number with what it is a number of ("%", "km", "$"; empty for none)."""

    value: Fraction
    unit: str = ""


def check_answer(
    text: str, references: Sequence[str], check: Check, tolerance: float
) -> tuple[bool | None, str]:
    """(whether the answer is right, what it was taken to be, in words); None where the answer cannot be read,
    or where the references say nothing that it could be compared with.
    """
    if (reason := why_not_checked(references, check)) is not None:
        return None, reason
    answer = answer_of(text)
    if check == "exact":
        is_right = any(normalize(answer) == normalize(reference) for reference in references)
        return is_right, f"answer: {answer[:200]}"
    known = [q for q in (parse_quantity(reference) for reference in references) if q is not None]
    found = parse_quantity(answer) or _stated_quantity(answer)
    if found is None:
        return None, f"the answer is no number alone: {answer[:100]!r}"
    outcomes = [_is_equal(found, reference, tolerance) for reference in known]
    words = f"answer: {float(found.value):g}{found.unit and ' '}{found.unit}"
    if True in outcomes:
        return True, words
    return (None, f"{words}, in another unit than the reference") if None in outcomes else (False, words)


def why_not_checked(references: Sequence[str], check: str) -> str | None:
    """Why no answer can be compared with these references; None where one can."""
    if not references:
        return "the prompt has no reference answer"
    if check == "number" and not any(parse_quantity(reference) for reference in references):
        return "no reference of the prompt is a number"
    return None


def _is_equal(found: Quantity, reference: Quantity, tolerance: float) -> bool | None:
    """None where two numbers are equal and their units are not the same."""

    def is_close(value: Fraction) -> bool:
        return abs(value - reference.value) <= tolerance * max(1, abs(reference.value))

    if found.unit == reference.unit:
        return is_close(found.value)
    if "%" in (found.unit, reference.unit):
        share = Fraction(1, 100) if found.unit == "%" else Fraction(100)
        if not (found.unit and reference.unit) and is_close(found.value * share):
            return True
        return None if is_close(found.value) else False
    if found.unit and reference.unit:
        return None
    return is_close(found.value)


def answer_of(text: str) -> str:
    """What an answer ends in: the last box, what it states as the answer, or the last line."""
    boxed = BOXED.findall(text)
    if boxed:
        return boxed[-1].strip()
    stated = STATED.findall(text)
    lines = [line for line in text.strip().splitlines() if line.strip()]
    last = stated[-1] if stated else lines[-1] if lines else ""
    return last.strip().strip("*_`").rstrip(".").strip()


def parse_quantity(text: str) -> Quantity | None:
    """The number that a text is; None for a text that is anything else, or more."""
    bare = _REASON_AFTER.sub("", _plain(text))
    match = _NUMBER.fullmatch(bare)
    if match is None or len(bare) > MAX_NUMBER_LENGTH:
        return None
    value = _value_of(match)
    if value is None:
        return None
    unit = (match["unit"] or match["currency"] or "").strip(" .").casefold()
    return Quantity(value, re.sub(r"[{}\s]+", "", unit))


def _stated_quantity(answer: str) -> Quantity | None:
    """The number that a sentence ends in: "It is 42"."""
    match = _STATES.match(answer)
    return parse_quantity(answer[match.end() :]) if match else None


def _plain(text: str) -> str:
    """A text without what sets it in mathematics or in bold."""
    text = _LATEX_WRAPPER.sub(r" \1 ", text.replace("\\$", "$").replace("\\%", "%"))
    for mark in ("\\(", "\\)", "\\[", "\\]", "\\,", "\\;", "\\!", "\\ ", "**", "`"):
        text = text.replace(mark, " " if mark == "\\ " else "")
    text = text.strip().rstrip(".").strip()
    if text.startswith("$") and text.endswith("$") and len(text) > 1:
        text = text.strip("$").strip()
    return text


def _value_of(match: re.Match[str]) -> Fraction | None:
    if match["digits"] is not None:
        exponent = int(match["exponent"] or 0)
        if abs(exponent) > MAX_EXPONENT:
            return None
        value = Fraction(match["digits"].replace(",", "")) * Fraction(10) ** exponent
    else:
        over, under = match["over"] or match["top"], match["under"] or match["bottom"]
        if not int(under):
            return None
        value = int(match["whole"] or match["mixed"] or 0) + Fraction(int(over), int(under))
    return -value if match["sign"] in ("-", "\u2212") else value
