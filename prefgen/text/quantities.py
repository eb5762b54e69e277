"""Numbers as answers write them: with a unit or a currency, and with nothing else that could change them.

What cannot be told is no number, and two of which it cannot be told whether they are the same are neither
equal nor different: other units, marks that stand for thousands in one language and for decimals in another,
and rounded ones.
"""

import re
from dataclasses import dataclass
from fractions import Fraction

RETRACTS = re.compile(
    r"\b(?:wait|actually|correction|sorry|mistaken?|recompute|instead|wrong|incorrect|not|let me)\b",
    re.IGNORECASE,
)
"""Words that take an answer back."""
LATEX_WRAPPER = re.compile(r"\\(?:text|mathrm|textbf|mathbf|mbox)\s*\{([^{}]*)\}")
_DEGREES = re.compile(r"\s?\^\s?(?:\\circ(?![a-z])|\{\s?\\circ\s?\})")
_REASON_AFTER = re.compile(r",?\s+(?:since|because)\b.*", re.DOTALL)
_DIGITS = r"\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?|\.\d+"
_EXCHANGEABLE = re.compile(r"\d{1,3}[.,]\d{3}")
"""A thousand to some, and a decimal of three places to others."""
_UNIT = re.compile(
    r"(?:[kcmn]?m(?:[\^]?[23]|²|³)?|mi|(?:ft|in)(?:[\^]?2|²)?|yd|[km]?g|lbs?|oz|t|m?l|m?s|sec|min|h|hrs?|mph|kph|km/h"
    r"|m/s(?:\^?2)?|[kmg]?hz|[km]?w|[km]?v|k?j|k?cal|n|k?pa|mol|°[cfk]?|%|usd|eur|gbp|[$€£¥]|inches|feet|people"
    r"|children|men|women|person|(?:mile|meter|metre|liter|litre|gram|pound|dollar|euro|cent|hour|minute|second"
    r"|day|week|month|year|inch|foot|degree|unit)s?)\Z"
)
_MONEY = re.compile(r"[$€£¥]|usd|eur|gbp|(?:dollar|euro|pound|cent)s?")
_NO_UNITS = re.compile(
    r"(?:(?:thir|four|fif|six|seven|eigh|nin|ten|eleven|twelf|\w+teen|\w+tie|hundred|thousand|\w+illion)(?:th|d)"
    r"|half|halve|quarter|dozen|score|gros|gross|pair|couple|ten|hundred|thousand|myriad|\w+illion|lakh|crore"
    r"|root|square|cube|power|exponent|multiple|time|fold|factor|factorial|percent|zero|digit|decimal|place"
    r"|other|more|les|plu|minu|versu|thi|modulu)(?:e?s)?\Z"
)
"""Words after a number that change it, or are no unit."""
_NUMBER = re.compile(
    r"(?:[A-Za-z]\w{0,12}\s*=\s*)?(?P<sign>[-+\u2212\u2013])?(?P<currency>[$€£¥]\s?|USD\s|EUR\s)?(?:"
    r"(?P<whole>\d+)?\s*\\[dt]?frac\s*\{?(?P<over>\d+)\}?\s*\{?(?P<under>\d+)\}?"
    rf"|(?:(?P<mixed>\d+)\s+)?(?P<top>\d+)\s*/\s*(?P<bottom>\d+)"
    rf"|(?P<digits>{_DIGITS})(?:[eE](?P<exponent>[-+]?\d+))?"
    r")(?P<unit>\s*[%°€$£¥]\s?[A-Za-z]?|\s+[A-Za-zµΩ][A-Za-zµΩ²³/^{}23]*|[a-zµΩ]{1,2}(?:/[a-z])?)?"
)
_NOUNS = (
    r"answer|result|total|number|amount|value|sum|cost|price|area|volume|perimeter|circumference|length|width"
    r"|height|distance|speed|time|age|weight|profit|probability|average|mean|median|remainder|quotient|product"
    r"|difference|solution|count|revenue|salary|income|rate|ratio|percentage"
)
_SO = r"(?:(?:so|thus|therefore|hence|then),? )?"
_STATES = re.compile(
    rf"(?:{_SO}"
    r"(?:it|this|that|which|[a-z]|(?:the|his|her|its|their|our|my)(?: (?:final|total|overall|correct|whole))?"
    rf" (?:{_NOUNS})(?: (?:of|for) [a-z ]{{1,40}})?)"
    rf" (?:is|are|was|equals?|gives|totals?)(?: equal to)?|{_SO}there (?:is|are|was|were)"
    rf"|{_SO}(?:he|she|they|we|it)"
    r" (?:makes?|has|have|had|needs?|takes?|earns?|pays?|spends?|gets?|runs?)"
    r"|(?:the )?[a-z]\w{0,20} ?(?<![<>!])=(?!=)|[\d\s.,+*/×÷·()^%$\u2212-]{1,60}=(?!=))"
    r"\s*(?=[-+−–$€£¥*\d.\\])",
    re.IGNORECASE,
)
"""What leads up to a number and leaves it what it is: a plain subject, one name, or numbers alone."""
_WORDS = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
)  # fmt: skip
_RATE = re.compile(r" (?:per|a|an|each|every) (second|minute|hour|day|week|month|year)\Z", re.IGNORECASE)
_LEFT_OVER = re.compile(r" (?:left|remaining|in total|altogether)(?: over)?(?=\.?\Z)", re.IGNORECASE)
MAX_NUMBER_LENGTH = 60
"""Characters of the longest number that is read."""
MAX_EXPONENT = 300


@dataclass(frozen=True)
class Quantity:
    """A number with what it is a number of ("%", "km", "$"; empty for none)."""

    value: Fraction
    unit: str = ""
    places: int = 0
    """Digits behind its decimal mark."""
    exchanged: Fraction | None = None
    """What it is to those who write thousands the other way."""


def parse_quantity(text: str) -> Quantity | None:
    """The number that a text is; None for a text that is anything else, or more."""
    bare = _REASON_AFTER.sub("", _plain(without_thin_spaces(text)))
    if bare.casefold() in _WORDS:
        return Quantity(Fraction(_WORDS.index(bare.casefold())))
    bare, rate = _without_rate(bare)
    match = _NUMBER.fullmatch(bare)
    if match is None or len(bare) > MAX_NUMBER_LENGTH:
        return None
    value, unit = _value_of(match), _unit_of(match)
    if value is None or unit is None:
        return None
    digits = match["digits"] or ""
    places = len(digits.partition(".")[2]) if not match["exponent"] else 0
    exchanged = value / 1000 if "," in digits else value * 1000
    is_exchangeable = _EXCHANGEABLE.fullmatch(digits) is not None
    return Quantity(value, f"{unit}{rate}", places, exchanged if is_exchangeable else None)


def _without_rate(text: str) -> tuple[str, str]:
    """(a text without the time for which it counts, "/day" or nothing): "18 dollars per day"."""
    match = _RATE.search(text)
    return (text[: match.start()], f"/{match[1].casefold()}") if match else (text, "")


def stated_quantity(answer: str) -> Quantity | None:
    """The number that a sentence ends in: "It is 42"."""
    if RETRACTS.search(answer) or re.search(r"n't\b|\b(?:if|or|unsure|maybe|should)\b", answer):
        return None
    concluded = re.match(_SO, answer, re.IGNORECASE)
    match = _STATES.match(answer) or concluded
    assert match
    end = _LEFT_OVER.sub("", answer[match.end() :])
    return parse_quantity(end) if match[0] else None


def is_equal(found: Quantity, reference: Quantity, tolerance: float) -> bool | None:
    """Whether two numbers are the same; None where that cannot be told."""
    outcome = _is_same(found, reference, tolerance)
    if outcome is not False:
        return outcome
    readings = {found.value, found.exchanged} & {reference.value, reference.exchanged} - {None}
    return None if readings or _is_rounded(found, reference) or _is_rounded(reference, found) else False


def _is_same(found: Quantity, reference: Quantity, tolerance: float) -> bool | None:
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


def _is_rounded(rough: Quantity, exact: Quantity) -> bool:
    """Whether one number may be the other, rounded to the places that it has."""
    if not rough.value or not (rough.places or rough.unit == "%"):
        return False
    half = Fraction(1, 2 * 10**rough.places)
    scales = {Fraction(1), Fraction(100) if rough.unit == "%" and exact.unit != "%" else Fraction(1)}
    return any(abs(rough.value - exact.value * scale) <= half for scale in scales)


def without_thin_spaces(answer: str) -> str:
    """An answer without what sets groups of digits apart in LaTeX: 10\\,000 and 1{,}000."""
    return re.sub(r"(?<=\d)(?:\\[,!;:]|\{,\})(?=\d)", "", answer)


def _unit_of(match: re.Match[str]) -> str | None:
    """The unit after a number, or the currency before it; None for a word that is no unit, or that makes a
    sum of money a larger one ("$5m").
    """
    written = re.sub(r"[{}\s]+", "", (match["unit"] or "").strip(" .").casefold())
    currency = (match["currency"] or "").strip().casefold()
    if not written or currency:
        return currency if not written or _MONEY.fullmatch(written) else None
    unit = "%" if written == "percent" else written
    is_known = _UNIT.match(unit) is not None and (match["unit"] or "").strip() not in ("M", "T", "K", "B")
    is_plural = len(unit) >= 4 and unit.endswith("s") and unit.isalpha() and not _NO_UNITS.match(unit)
    return unit if is_known or is_plural else None


def _plain(text: str) -> str:
    """A text without what sets it in mathematics or in bold."""
    text = LATEX_WRAPPER.sub(r" \1 ", text.replace("\\$", "$").replace("\\%", "%"))
    text = _DEGREES.sub("°", text)
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
    return -value if match["sign"] in ("-", "\u2212", "\u2013") else value
