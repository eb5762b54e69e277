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
from prefgen.text.words import PLAIN_QUOTES, has_word

BOXED = re.compile(r"\\(?:boxed|fbox)\s*\{((?:[^{}]|\{(?:[^{}]|\{[^{}]*\})*\})*)\}")
STATED = re.compile(
    r"(?:^[*_# ]{0,6}|[.!?]\s+|\b(?:so|thus|therefore|hence|final|the|correct),?\s+)(?:final |correct )?"
    r"answer\s*(?:is:?|:|=)[ \t*_]*([^\n]+)|^####[ \t]*([^\n]+)",
    re.IGNORECASE | re.MULTILINE,
)
_REASON_AFTER = re.compile(r",?\s+(?:since|because)\b.*", re.DOTALL)
_RETRACTS = re.compile(
    r"\b(?:wait|actually|correction|sorry|mistaken?|recompute|instead|wrong|incorrect|not|let me)\b",
    re.IGNORECASE,
)
_LATEX_WRAPPER = re.compile(r"\\(?:text|mathrm|textbf|mathbf|mbox)\s*\{([^{}]*)\}")
_EMPHASIS = re.compile(r"(\*{1,3}|`|[\"“‘'])(.+)(\*{1,3}|`|[\"”’'])", re.DOTALL)
_DIGITS = r"\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?|\.\d+"
_UNIT = re.compile(
    r"(?:[kcmn]?m(?:[\^]?[23]|²|³)?|mi|(?:ft|in)(?:[\^]?2|²)?|yd|[km]?g|lbs?|oz|t|m?l|m?s|sec|min|h|hrs?|mph|kph|km/h"
    r"|m/s(?:\^?2)?|[kmg]?hz|[km]?w|[km]?v|k?j|k?cal|n|k?pa|mol|°[cfk]?|%|usd|eur|gbp|[$€£¥]|inches|feet|people"
    r"|children|men|women|person|(?:mile|meter|metre|liter|litre|gram|pound|dollar|euro|cent|hour|minute|second"
    r"|day|week|month|year|inch|foot|degree|unit)s?)\Z"
)
_NO_UNITS = re.compile(
    r"(?:third|fourth|fifth|sixth|seventh|eighth|ninth|tenth|half|halve|quarter|dozen|score|ten|hundred"
    r"|thousand|million|billion|trillion|root|power|time|factor|other|more|les|plu|minu|versu|thi)s?\Z"
)
"""Words after a number that change it, or are no unit."""
_NUMBER = re.compile(
    r"(?:[A-Za-z]\w{0,12}\s*=\s*)?(?P<sign>[-+\u2212])?(?P<currency>[$€£¥]\s?|USD\s|EUR\s)?(?:"
    r"(?P<whole>\d+)?\s*\\[dt]?frac\s*\{?(?P<over>\d+)\}?\s*\{?(?P<under>\d+)\}?"
    rf"|(?:(?P<mixed>\d+)\s+)?(?P<top>\d+)\s*/\s*(?P<bottom>\d+)"
    rf"|(?P<digits>{_DIGITS})(?:[eE](?P<exponent>[-+]?\d+))?"
    r")(?P<unit>\s*[%°€$£¥]\s?[A-Za-z]?|\s+[A-Za-zµΩ][A-Za-zµΩ²³/^{}23]*|[a-zµΩ]{1,2}(?:/[a-z])?)?"
)
_STATES = re.compile(
    r"(?:[A-Za-z][A-Za-z ',]{0,60}\b(?:is|are|equals?|gives|makes|totals?)(?: equal to)?"
    r"|[^=<>!≠≤≥:,;]{0,60}(?<![<>!])=(?!=)|≈)\s*(?=[-+−$€£¥*\d.\\])"
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
    if answer is None:
        return None, "it gives more than one answer"
    if check == "exact":
        return _is_exact(answer, [_bare(reference) for reference in references]), f"answer: {answer[:200]}"
    known = [q for q in (parse_quantity(reference) for reference in references) if q is not None]
    found = parse_quantity(answer) or _stated_quantity(answer)
    if found is None:
        return None, f"the answer is no number alone: {answer[:100]!r}"
    outcomes = [_is_equal(found, reference, tolerance) for reference in known]
    words = f"answer: {float(found.value):g}{found.unit and ' '}{found.unit}"
    if True in outcomes:
        return True, words
    return (None, f"{words}, in another unit than the reference") if None in outcomes else (False, words)


_OPTION = re.compile(
    r"(?:the )?(?:option|choice|answer|letter)? ?\(?(?P<letter>[A-Z])"
    r"(?:\)|[.:,](?= )| -| because\b| since\b|\Z).*",
    re.IGNORECASE | re.DOTALL,
)
"""One of several options by its letter, with what may stand behind it: "B) Paris"."""


def _is_exact(answer: str, references: Sequence[str]) -> bool | None:
    """Whether an answer is one of the references, in any case and with any form of quotes; None where it
    holds one among other words, or is no letter and letters are wanted.
    """
    plain = normalize(answer.translate(PLAIN_QUOTES))
    wanted = [normalize(reference.translate(PLAIN_QUOTES)) for reference in references]
    if plain in wanted:
        return True
    if all(re.fullmatch("[a-z]", reference) for reference in wanted):
        option = _OPTION.fullmatch(answer)
        return None if option is None else option["letter"].casefold() in wanted
    return None if any(has_word(plain, reference) for reference in wanted) else False


_BASE = re.compile(r"\d_\{?\d")


def why_no_mathematics(answer: str, references: Sequence[str]) -> str | None:
    """Why an answer cannot be compared with the references as mathematics; None where it can."""
    if _RETRACTS.search(answer):
        return "it may take its answer back"
    if bool(_BASE.search(answer)) != any(map(_BASE.search, references)):
        return "it is written in another base than the reference"
    found = parse_quantity(answer)
    known = [q for q in map(parse_quantity, references) if q is not None]
    if found and found.unit and any(q.unit and q.unit != found.unit for q in known):
        return "it is in another unit than the reference"
    return None


def without_thin_spaces(answer: str) -> str:
    """An answer without what sets groups of digits apart in LaTeX: 10\\,000 and 1{,}000."""
    return re.sub(r"(?<=\d)(?:\\[,!;:]|\{,\})(?=\d)", "", answer)


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
        is_whole = value.denominator == reference.value.denominator == 1
        if is_whole:
            return value == reference.value
        return abs(value - reference.value) <= tolerance * abs(reference.value)

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


def answer_of(text: str) -> str | None:
    """What an answer ends in: the last box, what it states as the answer, or the last line. None where it
    gives two, or takes one back.
    """
    boxed = [_bare(box) for box in BOXED.findall(text)]
    stated = list(STATED.finditer(text))
    lines = [line for line in text.strip().splitlines() if line.strip()]
    if not boxed and not stated:
        return _bare(lines[-1]) if lines else ""
    if boxed:
        end = text.rfind("}") + 1
        answer = boxed[-1]
        said = [_bare(match[1] or match[2]) for match in stated if not BOXED.search(match[0])]
        if len({*boxed, *said}) > 1:
            return None
    else:
        answer, end = _bare(stated[-1][1] or stated[-1][2]), stated[-1].end()
    rest = text[end:]
    return None if _RETRACTS.search(rest) or (not boxed and re.search(r"\d", rest)) else answer


def _bare(text: str) -> str:
    """An answer without the marks, quotes and full stop around the whole of it."""
    text = text.strip()
    for _ in range(3):
        text = text.rstrip(".").strip().strip("*").strip()
        wrapped = _EMPHASIS.fullmatch(text)
        if wrapped and wrapped[1] not in wrapped[2]:
            text = wrapped[2].strip()
        text = _LATEX_WRAPPER.sub(r"\1", text) if _LATEX_WRAPPER.fullmatch(text) else text
    label = re.fullmatch(r"\(?([A-Za-z])\)", text)
    return label[1] if label else text


def parse_quantity(text: str) -> Quantity | None:
    """The number that a text is; None for a text that is anything else, or more."""
    bare = _REASON_AFTER.sub("", _plain(without_thin_spaces(text)))
    match = _NUMBER.fullmatch(bare)
    if match is None or len(bare) > MAX_NUMBER_LENGTH:
        return None
    value, unit = _value_of(match), _unit_of(match)
    return None if value is None or unit is None else Quantity(value, unit)


def _unit_of(match: re.Match[str]) -> str | None:
    """The unit after a number, or the currency before it; None for a word that is no unit."""
    written = re.sub(r"[{}\s]+", "", (match["unit"] or "").strip(" .").casefold())
    if not written:
        return (match["currency"] or "").strip().casefold()
    unit = "%" if written == "percent" else written
    is_known = _UNIT.match(unit) is not None and (match["unit"] or "").strip() not in ("M", "T", "K", "B")
    is_plural = len(unit) >= 4 and unit.endswith("s") and unit.isalpha() and not _NO_UNITS.match(unit)
    return unit if is_known or is_plural else None


def _stated_quantity(answer: str) -> Quantity | None:
    """The number that a sentence ends in: "It is 42"."""
    if _RETRACTS.search(answer) or re.search(r"n't\b|\b(?:if|or|unsure|maybe|should)\b", answer):
        return None
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
