"""The grammar of ratings: which forms are certainly a rating on a scale, and which are not (docs/judges.md
has the table).

A rating is a value where JSON was asked for, or in text a line of its own that ends the reply ("Rating: 4"),
or that a rationale follows as it was asked for. It is joined to its text by the number in that text's
heading, never by position. What else stands in a reply is never a rating: other scores ("Relevance score:
5"), the scale, ranges, quotations, drafts, and numbers inside a rationale.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from prefgen.kit.final_words import Statement, reply_lines, statements_of, without_brackets
from prefgen.kit.parse_failure import ParseFailure
from prefgen.kit.rating_doubts import (
    NUMBER_WORDS,
    Scale,
    gives_other_rating,
    has_other_scale,
    is_fit_remark,
    is_of_other_text,
    is_revised,
    opens_otherwise,
    turns_labels,
)
from prefgen.kit.verdict_context import REASONS_LINE

NOT_APPLICABLE = ("N/A", "NA", "NOT APPLICABLE")
MOST = 1e9
"""Above any scale: larger numbers are none."""
_NUMBER_WORDS = {word: float(number) for number, word in enumerate(NUMBER_WORDS)}
_NUMBER = rf"[-+]?\d{{1,9}}(?:\.\d{{1,9}})?|{'|'.join(NUMBER_WORDS)}"
_VALUE = re.compile(
    rf"(?P<number>{_NUMBER})"
    rf"(?: ?/ ?(?P<over>{_NUMBER})| (?:out )?of (?P<of>{_NUMBER})| ?\((?:out )?of (?P<inside>{_NUMBER})\))?"
    r"(?P<stars> stars?)?(?: points?)?[.!]*"
    r"(?: ?\((?P<note>[a-z ]{1,40})\)| ?[-–—] ?(?P<remark>[a-z ]{1,40}))?[.!]*",
    re.IGNORECASE,
)
_GOOD = re.compile(
    r"(?:very |mostly |quite )?(?:good|great|strong|right|correct|accurate|helpful|solid)|excellent|perfect"
)
_POOR = re.compile(r"(?:very |mostly |quite )?(?:poor|bad|weak|wrong|incorrect|unhelpful)|terrible|useless")
_BRACKETS = (("\\boxed{", "}"), ("[[", "]]"), ("<", ">"), ("(", ")"), ("[", "]"), ("$", "$"), ("{", "}"))
_DECORATION = " \t*_`\"'“”#"
_RATING_LINE = re.compile(
    r"(?:#{1,6} ?|[-•] ?|\d{1,2}[.)] )?"
    r"(?P<words>(?:(?:so|thus|therefore|hence|and|my|the|your|its|final|overall|total),? )*)"
    r"(?:rating|score|grade)s?(?: ?\((?P<range>[^()]{1,30})\))? ?"
    r"(?::|=|：|->|→|- |\bis:?|(?=[\d<\[(\\])) ?(?P<value>.+)",
    re.IGNORECASE,
)
_GIVEN_LINE = re.compile(
    r"(?P<words>)(?P<range>)(?:\[result\]"
    r"|(?:(?:overall|so|thus|therefore),? )?i(?:['’]d| would| will|['’]ll)? give"
    rf" (?:it|(?:this|the)(?: text)?)(?: an?)?) ?(?P<value>(?:{_NUMBER})(?: ?/ ?\d+| out of \d+)?[.!]*)",
    re.IGNORECASE,
)
"""A sentence, or Prometheus' mark, that is a rating where no line is."""
_RESULT_MARK = re.compile(r"(?<![ \t])[ \t]+(?=\[RESULT\])", re.IGNORECASE)
_SUM = re.compile(r"(?P<parts>\d(?: ?\+ ?\d)+) ?= ?(?P<sum>\d{1,2})")
_REMARK = re.compile(
    r"(?P<value>[^.,;]{0,40}\d[^.,;a-z]{0,40})(?:\. |,? (?=because|since|as )|; )(?P<remark>[^\d]+)",
    re.IGNORECASE,
)
"""A value, and in the same line what speaks for it."""
_RANGE = re.compile(r"(?:(?P<low>\d+) ?(?:-|–|to) ?)?(?:out of |max(?:imum)? )?(?P<high>\d+)", re.IGNORECASE)
_ANY_RATING = re.compile(r"\b(?:rating|score|grade)\b", re.IGNORECASE)
_HEADING = re.compile(
    r"(?:[-#•\[] ?|\d{1,4}[.)] )*(?:(?:the )?output (?:for|of) )?(?:text|response|answer|reply|output) ?"
    r"(?:<|#|no\.? ?|number )?(?P<number>\d{1,4})[>)\]]?(?: ?[:：] ?(?P<rest>.*))?",
    re.IGNORECASE,
)
_REASON = r"(?:rationale|reason(?:ing)?|explanation|justification|comments?|feedback)"
_RATIONALE_TEXT = re.compile(
    rf"^[ \t#*_-]{{0,9}}{_REASON}[*_ ]{{0,4}}(?:[:=]|$)\s*(.+)", re.IGNORECASE | re.MULTILINE | re.DOTALL
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
    if value is None and not_applicable:
        return None
    if isinstance(found, bool) or not isinstance(found, int | float) or not abs(found) <= MOST:
        raise ParseFailure(
            "no_rating", f"expected one rating in {scale[0]:g} to {scale[1]:g}, found {str(value)[:120]!r}"
        )
    if not scale[0] <= found <= scale[1] or not math.isfinite(found):
        raise ParseFailure(
            "out_of_scale", f"expected one rating in {scale[0]:g} to {scale[1]:g}, found {str(value)[:120]!r}"
        )
    return float(found)


def _number_in(text: str, scale: Scale) -> float | None:
    """The number that a text is, and nothing but it: "4", "**4**", "four", "4 stars", "4/5 (good)". A top
    that is not the scale's makes it none: "1/10" is not 1; so does a note that does not go with it.
    """
    if len(text) > 120:
        return None
    match = _VALUE.fullmatch(without_brackets(text, _DECORATION + "\n", _BRACKETS))
    if match is None:
        return None
    number, top = _number(match["number"]), match["over"] or match["of"] or match["inside"]
    if top is not None and _number(top) != scale[1]:
        return None
    if match["stars"] and top is None and scale[1] != 5:
        return None
    note = (match["note"] or match["remark"] or "").strip().casefold()
    middle = (scale[0] + scale[1]) / 2
    if note and not ((_GOOD if number > middle else _POOR).fullmatch(note) and number != middle):
        return None
    return number


def _number(text: str) -> float:
    word = _NUMBER_WORDS.get(text.casefold())
    return float(text) if word is None else word


def rating_in_text(text: str, scale: Scale, *, not_applicable: bool = False) -> TextRating:
    """The rating that a reply in words ends on, or that its asked-for rationale follows; or a reply that is
    nothing but a rating. All rating lines must say the same, or the last one call itself final. Raises
    ParseFailure.
    """
    lines = reply_lines(_RESULT_MARK.sub("\n", text))
    statements = statements_of(lines)
    ratings = _matches(_RATING_LINE, statements) or _matches(_GIVEN_LINE, statements)
    if not ratings:
        if len(statements) == 1 and statements[0].is_alone:
            return TextRating(parse_rating(statements[0].text, scale, not_applicable=not_applicable), "")
        raise ParseFailure("no_rating", f"expected a line 'Rating: ...', found {text[:120]!r}")
    statement, match = ratings[-1]
    position = statements.index(statement)
    rating = _line_value(match, scale, not_applicable)
    after = "\n".join(lines[statement.number + 1 :])
    totals = [s.text for s in statements[:position] if s.text.casefold().startswith(("total", "a total of"))]
    before = "\n".join([*totals, *(s.text for s in statements[max(0, position - 1) : position])])
    if (
        _is_doubtful(statement, match, statements[position + 1 :])
        or is_revised(after, rating, scale)
        or gives_other_rating(before, rating, scale)
        or has_other_scale(text, scale)
    ):
        raise ParseFailure("ambiguous", f"expected a reply that ends on its rating, found {text[-120:]!r}")
    is_final = statement.is_last and "final" in match["words"].casefold()
    others = [(s, m) for s, m in ratings[:-1] if not is_final or "final" in m["words"].casefold()]
    values = {rating, *(_line_value(m, scale, not_applicable) for _, m in others)}
    is_repeated = len(others) == 1 and others[0][0].is_first and statement.is_last
    if len(values) > 1 or (others and not is_final and not is_repeated):
        raise ParseFailure("ambiguous", f"expected one rating, found {len(ratings)} in {text[:120]!r}")
    said = {s.number for s, _ in ratings}
    spoken = "\n".join(line for number, line in enumerate(lines) if number not in said)
    return TextRating(values.pop(), _rationale_in(spoken))


def _matches(form: re.Pattern[str], statements: Sequence[Statement]) -> list[tuple[Statement, re.Match[str]]]:
    return [(s, match) for s in statements if (match := form.fullmatch(s.text)) is not None]


def _is_doubtful(statement: Statement, match: re.Match[str], rest: Sequence[Statement]) -> bool:
    """Whether a rating line is not the rating of the whole, by where it stands and what follows it."""
    is_of_all = re.search(r"final|overall|total", match["words"], re.IGNORECASE) is not None
    return (
        statement.is_introduced
        or statement.opens_part
        or bool(statement.aspect and not is_of_all)
        or not (statement.is_last or not rest or REASONS_LINE.fullmatch(rest[0].text) is not None)
    )


def _line_value(match: re.Match[str], scale: Scale, not_applicable: bool) -> float | None:
    """The value of a rating line. A range that it names must be the scale: "Rating (1-10): 4" is no 4 of
    5.
    """
    if match["range"]:
        bounds = _RANGE.fullmatch(match["range"].strip())
        is_scale = bounds is not None and float(bounds["high"]) == scale[1]
        if not is_scale or (bounds is not None and bounds["low"] and float(bounds["low"]) != scale[0]):
            raise ParseFailure("out_of_scale", f"expected a rating on its scale, found {match[0][:120]!r}")
    value = match["value"]
    if (total := _SUM.fullmatch(value)) and sum(map(int, total["parts"].split("+"))) == int(total["sum"]):
        value = total["sum"]
    remark = _REMARK.fullmatch(value)
    rating = parse_rating(remark["value"] if remark else value, scale, not_applicable=not_applicable)
    if remark and not is_fit_remark(remark["remark"], rating, scale):
        raise ParseFailure("ambiguous", f"expected a rating alone in its line, found {match[0][:120]!r}")
    return rating


def ratings_by_heading(
    text: str, count: int, scale: Scale, *, not_applicable: bool = False
) -> list[TextRating]:
    """The ratings of texts 1 to `count`, each under the heading of its text ("Text 2", "Output for Text 2",
    "Text 2: 4"), in whatever order these stand. Raises ParseFailure where a heading is missing, unknown or
    there twice.
    """
    lines = reply_lines(text)
    statements = statements_of(lines)
    headings = [(s, match) for s in statements if (match := _HEADING.fullmatch(s.text)) is not None]
    first = headings[0][0].number if headings else len(lines)
    preamble = [s.text for s in statements if s.number < first]
    ends = [*(s.number for s, _ in headings[1:]), len(lines)][: len(headings)]
    is_introduced = any(statement.is_introduced for statement, _ in headings[1:])
    if turns_labels(text) or opens_otherwise("\n".join(lines[:first]), scale) or is_introduced:
        raise ParseFailure("ambiguous", f"expected ratings of the texts as numbered, found {text[-120:]!r}")
    blocks: dict[int, str] = {}
    for (statement, heading), end in zip(headings, ends, strict=True):
        number, rest = int(heading["number"]), (heading["rest"] or "").strip()
        if number in blocks:
            raise ParseFailure("wrong_count", f"expected one entry a text, found two of text {number}")
        if _number_in(rest, scale) is not None or rest.upper() in NOT_APPLICABLE:
            if preamble:  # a rank, a count or one of several scores may stand so
                raise ParseFailure(
                    "ambiguous", f"expected ratings, and cannot tell of what: {preamble[0][:80]!r}"
                )
            rest = f"Rating: {rest}"
        blocks[number] = "\n".join([rest, *lines[statement.number + 1 : end]])
    if not blocks and count == 1:
        return [rating_in_text(text, scale, not_applicable=not_applicable)]
    if sorted(blocks) != list(range(1, count + 1)):
        found = ", ".join(map(str, blocks)) or f"none in {text[:120]!r}"
        code = "wrong_count" if blocks or any(map(_ANY_RATING.search, preamble)) else "no_rating"
        raise ParseFailure(code, f"expected the headings Text 1 to Text {count}, found {found}")
    if any(map(_ANY_RATING.search, preamble)):
        raise ParseFailure("ambiguous", f"expected ratings under headings alone, found {text[:120]!r}")
    ratings = [
        rating_in_text(blocks[number + 1], scale, not_applicable=not_applicable) for number in range(count)
    ]
    values = [rating.value for rating in ratings]
    if any(is_of_other_text(rating.rationale, n, values) for n, rating in enumerate(ratings, 1)):
        raise ParseFailure("ambiguous", "expected ratings that go with what is said of each text")
    return ratings


def _rationale_in(text: str) -> str:
    match = _RATIONALE_TEXT.search(text)
    return (match[1] if match else text).strip()
