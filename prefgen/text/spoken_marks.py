"""Whether a mark in a text is part of it (code, a quotation, what a sentence speaks of) or was left there."""

import re
from typing import Literal

MOST_MARKS = 200
"""More marks than this hold no answer that anybody could be certain of, and would take long to look at."""
AROUND = 200
"""How many characters around a mark say what it is."""
SPEAKS_OF_IT = re.compile(
    r"[,:)]| (?:and|or|to|is|are|was|means?|marks?|begins?|starts?|ends?|opens?|closes?|stands?|wraps?|helps?"
    r"|tokens?|tags?|has|have|names?)\b"
)
"""How a sentence goes on whose subject is a mark."""
_NAMES_IT = re.compile(
    r"(?:\b(?:to|with|at|by|the|an?|and|or|until|after|before|of|in|tags?|tokens?|marks?|is|are|as|like|called"
    r"|writes?|emits?|prints?|closing)|/) ?:?\Z",
    re.IGNORECASE,
)
"""How a line ends that names a mark."""
PAIRS = {
    '"': '"', "'": "'", "`": "`", "*": "*", "_": "_", "(": ")", "[": "]", "“": "”", "‘": "’", "«": "»",
    "「": "」", "„": "“",
}  # fmt: skip
"""{what opens a quotation or an emphasis: what closes it}."""
_RUNS = re.compile(r"`+|~{3,}")
_ITEM = re.compile(r"\s*(?:[-*•+]|\(?\d+[.)])\s+")
_BEFORE_FENCE = re.compile(r"[\s>]*(?:(?:[-*•+]|\(?\d+[.)])\s+)?")
_ENDS_SENTENCE = tuple("\x00.!?…。！？)]}")
_BLANK_LINE = re.compile(r"[^\S\n]*\n[^\S\n]*\n")

Closing = Literal["ends", "doubt", "named"]
"""What a mark that closes reasoning is: the end of it, a word of a sentence, or who knows."""


def without_code(text: str) -> str:
    """A text of the same length with code, in which marks are spoken about, blanked out. A fence that stays
    open (a forgotten one, an answer that was cut) holds code up to the end.
    """
    plain, start = without_closed_code(text)
    return plain if start is None else plain[:start] + "\x00" * (len(plain) - start)


def without_closed_code(text: str) -> tuple[str, int | None]:
    """(a text of the same length whose code between two fences or ticks is blanked out, where a fence
    begins that stays open).
    """
    if "`" not in text and "~~~" not in text:
        return text, None
    parts, position, unclosed, opened = list[str](), 0, set[str](), None
    for run in _RUNS.finditer(text):
        mark = run[0]
        if run.start() < position or mark in unclosed:
            continue
        end = text.find(mark, run.end())
        if end < 0:
            unclosed.add(mark)
            if opened is None and len(mark) >= 3 and mark[0] == "`" and _begins_code(text, run):
                opened = run.start()
        elif len(mark) >= 3 or "\n" not in text[run.end() : end]:
            end += len(mark)
            parts += (text[position : run.start()], "\x00" * (end - run.start()))
            position = end
    return "".join((*parts, text[position:])), opened


def _begins_code(text: str, run: re.Match[str]) -> bool:
    """Whether ticks are a fence: they begin a line, item or quotation, and no sentence speaks of them."""
    before, after = line_around(text, *run.span())
    return _BEFORE_FENCE.fullmatch(before) is not None and not SPEAKS_OF_IT.match(after)


def without_leading_lines(text: str) -> str:
    """The text without the blank lines and the space before it; an indentation is part of its first line."""
    return re.sub(r"\A(?:\s*\n(?= {2}|\t)|\s*)", "", text)


def is_quoted(plain: str, start: int, end: int) -> bool:
    """Whether quotes, brackets or emphasis stand on both sides of a mark."""
    return start > 0 and plain[start - 1] in PAIRS and PAIRS[plain[start - 1]] == plain[end : end + 1]


def line_around(plain: str, start: int, end: int) -> tuple[str, str]:
    """What stands before and after a mark in its line, or the nearest of it."""
    before, after = plain[max(0, start - AROUND) : start], plain[end : end + AROUND]
    return before.rpartition("\n")[2], after.partition("\n")[0]


def names_a_mark(before: str) -> bool:
    """Whether a text that stands before a mark ends with a word that names what follows."""
    return _NAMES_IT.search(before.rstrip()) is not None


def is_between_sentences(plain: str, start: int, end: int) -> bool:
    """Whether one text certainly ends before a mark and another begins after it."""
    return closing_of(plain, start, end) == "ends"


def closing_of(plain: str, start: int, end: int) -> Closing:
    """What a mark that closes reasoning is. One that is quoted, or that a sentence speaks of, is `named`."""
    before, after = plain[max(0, start - AROUND) : start], plain[end : end + AROUND]
    line_before, line_after = before.rpartition("\n")[2], after.partition("\n")[0]
    if is_quoted(plain, start, end) or (_ITEM.fullmatch(line_before) and not line_after.strip()):
        return "named"
    if not line_before.strip():
        return _closing_at_start(before, after, line_after)
    if SPEAKS_OF_IT.match(after):
        return "named" if before[-1].isspace() or before[-1] in PAIRS else "doubt"
    if not before[-1].isspace():
        return _closing_glued(before, after)
    is_line_end, goes_on = not line_after.strip(), line_after.lstrip()[:1]
    has_blank_line = _BLANK_LINE.match(after) is not None
    if names_a_mark(before) and (is_line_end or goes_on.islower() or goes_on in ".,;"):
        return "doubt" if has_blank_line else "named"
    if before.rstrip().endswith((":", "：", ",")):
        return "named" if is_line_end and not has_blank_line else "doubt"
    is_sentence = before.rstrip().endswith(_ENDS_SENTENCE)
    return "ends" if is_sentence and not goes_on.islower() else "doubt"


def _closing_at_start(before: str, after: str, line_after: str) -> Closing:
    """One that begins its line."""
    is_alone, leads_up = not line_after.strip(), before.rstrip().endswith((":", "："))
    goes_on = after.lstrip()[:1].islower()
    is_sentence = not before.strip() or before.rstrip().endswith(_ENDS_SENTENCE)
    if SPEAKS_OF_IT.match(after):
        return "named"
    if names_a_mark(before) or (leads_up and _BLANK_LINE.search(before[len(before.rstrip()) :])):
        return "named" if goes_on or (leads_up and not _BLANK_LINE.match(after)) else "doubt"
    if is_alone and _BLANK_LINE.match(after):
        return "ends"
    if leads_up or before.rstrip().endswith(",") or re.match(r"[.;](?!\w)", after):
        return "doubt"
    if goes_on and not (is_sentence and (is_alone or not after[0].isspace())):
        return "doubt"
    return "ends"


def _closing_glued(before: str, after: str) -> Closing:
    """One that is glued to what stands before it, as no word of a sentence is."""
    last = before[-1]
    if _BLANK_LINE.match(after) or not after.strip():
        return "ends"
    is_opening = last in PAIRS and not before[-2:-1].strip()  # a quotation begins
    if is_opening or last in ":：,=/\\|" or re.match(r"[\"'`)\];,|]|\.(?!\w)", after):
        return "ends" if last.isalnum() and after[0] == "|" else "doubt"
    return "ends"
