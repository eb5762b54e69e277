"""The grammar of ratings: which forms are certainly a rating on a scale, and which are not (docs/judges.md
has the table).

A rating is a value where JSON was asked for, or a line of its own in text: "Rating: 4". It is joined to its
text by the number in that text's heading, never by position. What else stands in a reply is never a rating:
other scores ("Relevance score: 5"), the scale ("Maximum rating: 5"), ranges, and numbers inside a rationale.
"""

import math
import re
from dataclasses import dataclass
from typing import Any

from prefgen.kit.final_words import takes_back, without_drafts
from prefgen.kit.parse_failure import ParseFailure

Scale = tuple[float, float]
"""The lowest and the highest rating."""
NOT_APPLICABLE = ("N/A", "NA", "NOT APPLICABLE")
_WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_NUMBER_WORDS = {word: float(number) for number, word in enumerate(_WORDS)}
_NUMBER = rf"[-+]?\d+(?:\.\d+)?|{'|'.join(_WORDS)}"
_VALUE = re.compile(
    rf"""(?P<number>{_NUMBER})
         (?:\s*(?:/|out\s+of|of)\s*(?P<top>{_NUMBER}))?
         (?P<stars>\s*stars?)?(?:\s*points?)?
         [\s.!]*(?:\((?P<note>[^()]{{0,80}})\)[\s.!]*|(?:\s[-–]\s|—)\s*(?P<remark>.{{1,80}}))?""",
    re.VERBOSE | re.IGNORECASE,
)
_CHANGES_A_VALUE = re.compile(
    rf"\d|n't\b|\b(?:{'|'.join(_WORDS)}|half|not?|never|more|less|higher|lower|would|could|should|might|may|if|too|but|or|to|than|though"
    r"|instead|however|rather|actually|wait|change[ds]?|revised?|correct(?:ed|ion)|unless|maybe|perhaps"
    r"|between|almost|nearly|minus|plus)\b",
    re.IGNORECASE,
)
"""What may say, beside a number, that it is not meant."""
_WRAPPERS = (("\\boxed{", "}"), ("[[", "]]"), ("<", ">"), ("(", ")"), ("[", "]"), ("$", "$"), ("{", "}"))
_DECORATION = " \t*_`\"'“”#"
_RATING_LINE = re.compile(
    r"""^[\s>#*_`-]*
        (?P<words>(?:(?:so|thus|therefore|hence|and|my|the|your|its|final|overall|total)[\s,]+)*)
        (?:rating|score|grade)s?
        [\s*_`]*(?:\((?P<range>[^()]*)\))?[\s*_`]*
        (?:[:=：]|->|→|\b(?:is|of)\b[\s:]*|(?=\s*[\d<\[(\\*]))
        (?P<value>.*)$""",
    re.VERBOSE | re.IGNORECASE,
)
_HEADING = re.compile(
    r"""^[\s>#*_`-]*(?:(?:the\s+)?output\s+(?:for|of)\s+)?(?:text|response|answer|reply|output)[\s_]*
        (?:<|\#|no\.?|number)?[ ]?(?P<number>\d+)[\s>*_`)\]]*
        (?:[:：][\s*_`]*(?P<rest>.*))?$""",
    re.VERBOSE | re.IGNORECASE,
)
_RATIONALE = re.compile(
    r"^[ \t>#*\-_]*rationale[ \t]*[*_]*[ \t]*[:=]\s*(.+)", re.IGNORECASE | re.MULTILINE | re.DOTALL
)


@dataclass(frozen=True)
class TextRating:
    """A rating as text says it: its value (None for N/A), and the rest of the text."""

    value: float | None
    rationale: str


def parse_rating(value: Any, scale: Scale, *, not_applicable: bool = False) -> float | None:
    """A rating within `scale`, or None for N/A where that is allowed. Raises ParseFailure; never clamps,
    never guesses.
    """
    if type(value) is int and scale[0] <= value <= scale[1]:  # as nearly all are
        return float(value)
    found = value
    if isinstance(value, str):
        if not_applicable and value.strip(_DECORATION + ".").upper() in NOT_APPLICABLE:
            return None
        found = _number_in(value, scale)
    if found is None and value is None and not_applicable:
        return None
    if isinstance(found, bool) or not isinstance(found, int | float) or not math.isfinite(found):
        raise ParseFailure(
            "no_rating", f"expected one rating in {scale[0]:g} to {scale[1]:g}, found {value!r:.120}"
        )
    if not scale[0] <= found <= scale[1]:
        raise ParseFailure(
            "out_of_scale", f"expected one rating in {scale[0]:g} to {scale[1]:g}, found {value!r:.120}"
        )
    return float(found)


def _number_in(text: str, scale: Scale) -> float | None:
    """The number that a text is, and nothing but it: "4", "**4**", "four", "4 stars", "4/5 (good)". A top
    that is not the scale's makes it none: "1/10" is not 1.
    """
    match = _VALUE.fullmatch(_unwrapped(text))
    if match is None or _CHANGES_A_VALUE.search(f"{match['note'] or ''} {match['remark'] or ''}"):
        return None
    if match["top"] is not None and _number(match["top"]) != scale[1]:
        return None
    if match["stars"] and match["top"] is None and scale[1] != 5:
        return None
    return _number(match["number"])


def _number(text: str) -> float:
    word = _NUMBER_WORDS.get(text.casefold())
    return float(text) if word is None else word


def _unwrapped(text: str) -> str:
    """A text without the markup and the brackets around it."""
    text = text.strip(_DECORATION + "\n")
    for opening, closing in _WRAPPERS:
        inside = text.rstrip(".")
        if inside.startswith(opening) and inside.endswith(closing) and len(inside) > len(opening):
            return _unwrapped(inside[len(opening) : -len(closing)])
    return text


def rating_in_text(text: str, scale: Scale, *, not_applicable: bool = False) -> TextRating:
    """The rating that a reply in words ends on: all its rating lines say the same, or the last one is its
    last line and calls itself final. Without such a line the reply must be nothing but the rating. Raises
    ParseFailure.
    """
    lines = without_drafts(text, _is_rating_line).strip().splitlines()
    ratings = [(number, match) for number, line in enumerate(lines) if (match := _RATING_LINE.match(line))]
    if not ratings:
        last = lines[-1].strip() if lines else ""
        if len(lines) > 1 and not last.startswith(("\\boxed{", "[[")):
            raise ParseFailure("no_rating", f"expected a line 'Rating: ...', found {text[:120]!r}")
        return TextRating(
            parse_rating(last, scale, not_applicable=not_applicable), "\n".join(lines[:-1]).strip()
        )
    last_number, last_match = ratings[-1]
    is_final = last_number == len(lines) - 1 and "final" in last_match["words"].casefold()
    counted = ratings[-1:] if is_final else ratings
    if takes_back("\n".join(lines[last_number + 1 :])):
        raise ParseFailure("ambiguous", f"expected one rating, found one that is taken back: {text[-120:]!r}")
    values = {_line_value(match, scale, not_applicable) for _, match in counted}
    if len(values) > 1:
        raise ParseFailure("ambiguous", f"expected one rating, found {len(values)} in {text[:120]!r}")
    rating_numbers = {number for number, _ in ratings}
    rest = "\n".join(line for number, line in enumerate(lines) if number not in rating_numbers)
    return TextRating(values.pop(), _rationale_in(rest))


def _line_value(match: re.Match[str], scale: Scale, not_applicable: bool) -> float | None:
    """The value of a rating line. A range that it names must be the scale: "Rating (1-10): 4" is no 4 of
    5.
    """
    bounds = [float(number) for number in re.findall(r"\d+(?:\.\d+)?", match["range"] or "")]
    if bounds and bounds not in ([*scale], [scale[1]]):
        raise ParseFailure("out_of_scale", f"expected a rating on another scale, found {match[0][:120]!r}")
    return parse_rating(match["value"], scale, not_applicable=not_applicable)


def ratings_by_heading(
    text: str, count: int, scale: Scale, *, not_applicable: bool = False
) -> list[TextRating]:
    """The ratings of texts 1 to `count`, each under the heading of its text ("Text 2", "Output for Text 2",
    "Text 2: 4"), in whatever order these stand. Raises ParseFailure where a heading is missing, unknown or
    there twice.
    """
    text = without_drafts(text, lambda line: _is_rating_line(line) or _HEADING.match(line) is not None)
    blocks: dict[int, list[str]] = {}
    preamble: list[str] = []
    block = preamble
    for line in text.splitlines():
        heading = _HEADING.match(line)
        if heading is None:
            block.append(line)
            continue
        number = int(heading["number"])
        if number in blocks:
            raise ParseFailure("wrong_count", f"expected one entry a text, found two of text {number}")
        block = blocks[number] = []
        if rest := (heading["rest"] or "").strip():
            is_rating = _number_in(rest, scale) is not None or rest.upper() in NOT_APPLICABLE
            block.append(f"Rating: {rest}" if is_rating else rest)
    if not blocks and count == 1:
        return [rating_in_text(text, scale, not_applicable=not_applicable)]
    if sorted(blocks) != list(range(1, count + 1)):
        found = ", ".join(map(str, blocks)) or f"none in {text[:120]!r}"
        code = "wrong_count" if blocks or any(map(_is_rating_line, preamble)) else "no_rating"
        raise ParseFailure(code, f"expected the headings Text 1 to Text {count}, found {found}")
    if any(map(_is_rating_line, preamble)):
        raise ParseFailure("ambiguous", f"expected ratings under headings alone, found {text[:120]!r}")
    return [
        rating_in_text("\n".join(blocks[number + 1]), scale, not_applicable=not_applicable)
        for number in range(count)
    ]


def _is_rating_line(line: str) -> bool:
    return _RATING_LINE.match(line) is not None


def _rationale_in(text: str) -> str:
    match = _RATIONALE.search(text)
    return (match[1] if match else text).strip()
