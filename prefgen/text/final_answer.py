"""What an answer comes to, and whether that is right: its box, what it states as the answer, or its last
line, against reference answers.

A number counts only where it is the whole of that (`prefgen.text.quantities`).
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from prefgen.text.answer_doubts import is_own_answer, is_own_tag, is_turned_against
from prefgen.text.normalize import normalize
from prefgen.text.quantities import (
    LATEX_WRAPPER,
    RETRACTS,
    Quantity,
    is_equal,
    parse_quantity,
    stated_quantity,
)
from prefgen.text.words import PLAIN_QUOTES, has_word

BOXED = re.compile(r"\\(?:boxed|fbox)\s*\{((?:[^{}]|\{(?:[^{}]|\{[^{}]*\})*\})*)\}")
STATED = re.compile(
    r"(?:^[*_# ]{0,6}|[.!?,:;]\s+|\b(?:so|thus|therefore|hence|then|and|that|think|believe|conclude),?\s+)"
    r"(?:(?:the|my|our)\s+)?(?:(?:final |correct )?answer|(?:correct|right|best) (?:option|choice))"
    r"[ \t*_]*(?:is:?|:|=)[\s*_]*+([^\n]+)|^####[ \t]*([^\n]+)",
    re.IGNORECASE | re.MULTILINE,
)
"""What is said of the answer, and not of a half of it."""
_WITH_FAREWELL = re.compile(r"(\$[^$\n]+\$)\.\s+[^\d\n]+")
"""A formula, and behind it a sentence without a number ("I hope it is correct")."""
_TAGGED = re.compile(
    r"(?P<before>.*)<(?P<tag>(?:final[_ ])?answer)>(?P<inside>(?:(?!</?(?P=tag)>).)+)</(?P=tag)>",
    re.IGNORECASE | re.DOTALL,
)
_EARLIER_TAG = re.compile(r"<((?:final[_ ])?answer)>([^<]{1,200})</\1>", re.IGNORECASE)
_EMPHASIS = re.compile(r"(\*{1,3}|`|[\"“‘'])(.+)(\*{1,3}|`|[\"”’'])", re.DOTALL)
_SEVERAL = "it gives more than one answer"
_NOT_ITS_OWN = "it denies or supposes its answer, or says whose it is"
_ROUNDED = re.compile(r"\s*\((?:rounded|approx\w*)[^()\n]{0,40}\)\W*\Z", re.IGNORECASE)
Check = Literal["exact", "number"]


@dataclass(frozen=True)
class _Ending:
    """What an answer ends in, and whether it says itself that this is the answer."""

    text: str
    is_stated: bool


def check_answer(
    text: str, references: Sequence[str], check: Check, tolerance: float
) -> tuple[bool | None, str]:
    """(whether the answer is right, what it was taken to be, in words); None where the answer cannot be read,
    or where the references say nothing that it could be compared with.
    """
    if (reason := why_not_checked(references, check)) is not None:
        return None, reason
    ending = _ending_of(text)
    if isinstance(ending, str):
        return None, ending
    answer = ending.text
    if check == "exact":
        wanted = [_bare(reference) for reference in references]
        return _exact_outcome(ending, text, wanted), f"answer: {answer[:200]}"
    known = [q for q in (parse_quantity(reference) for reference in references) if q is not None]
    bare = _ROUNDED.sub("", answer)
    found = parse_quantity(bare) or stated_quantity(bare)
    if found is None:
        return None, f"the answer is no number alone: {answer[:100]!r}"
    outcomes = [is_equal(found, reference, tolerance) for reference in known]
    words = f"answer: {float(found.value):g}{found.unit and ' '}{found.unit}"
    if True in outcomes:
        return True, words
    if None in outcomes or bare != answer:
        return None, f"{words}, which may be the reference in another unit or form"
    if not ending.is_stated and any(
        is_equal(earlier, reference, tolerance) is not False
        for earlier in _line_ends(text)
        for reference in known
    ):
        return None, f"{words}, and an earlier line ends on the reference"
    return False, words


_LAST_NUMBER = re.compile(
    r"(?<![\d,.])(?P<number>[-−]?\d[\d,.]*)[^\d\n]{0,3}(?:[a-z]{1,20}[^\w\n]{0,4})?$", re.IGNORECASE
)


def _line_ends(text: str) -> list[Quantity]:
    """The numbers on which the lines before the last one end: what they come to may be the answer, where the
    last one says of nothing that it is.
    """
    lines = [line.strip() for line in text.strip().splitlines()][:-1]
    ends = [match["number"].rstrip(",.") for match in map(_LAST_NUMBER.search, lines) if match]
    return [quantity for quantity in map(parse_quantity, ends) if quantity is not None]


_OPTION = re.compile(
    r"(?:the )?(?:option|choice|answer|letter)? ?\(?(?P<letter>[A-Z])"
    r"(?:\)|[.:](?= )|(?<!I),(?= )| -|(?= because\b| since\b)|\Z)(?P<rest>.*)",
    re.IGNORECASE | re.DOTALL,
)
"""One of several options by its letter, with what may stand behind it: "B) Paris"."""
_OTHER_OPTION = re.compile(
    r"(?<![\w'’])(?:[B-HJ-Z]|A(?! [a-z])|I\))(?![\w'’])|\b(?i:or|and)\W+[a-z](?!\w)"
    r"|^\W*(?:is|are|was|isn't)\b"
)
"""Another letter behind the first one, or what is said of that; A may be an article, and I a pronoun."""


def _exact_outcome(ending: _Ending, text: str, references: Sequence[str]) -> bool | None:
    """Whether an answer is one of the references; None where it is not, and does not say that it is the
    answer, and one of them stands elsewhere in the text.
    """
    outcome = _is_exact(ending.text, references)
    if outcome is False and not ending.is_stated:
        return None if any(has_word(text, reference) for reference in references) else False
    return outcome


def _is_exact(answer: str, references: Sequence[str]) -> bool | None:
    """Whether an answer is one of the references, in any case and with any form of quotes; None where it
    holds one among other words, or is not certainly one letter and letters are wanted.
    """
    plain = _comparable(answer)
    wanted = [_comparable(reference) for reference in references]
    if plain in wanted:
        return True
    if all(re.fullmatch("[a-z]", reference) for reference in wanted):
        option = _OPTION.fullmatch(answer)
        if option is None or _OTHER_OPTION.search(option["rest"]) or RETRACTS.search(option["rest"]):
            return None
        return option["letter"].casefold() in wanted
    return None if any(has_word(plain, reference) for reference in wanted) else False


def _comparable(text: str) -> str:
    """A text in normal form, but for what stands above and below the line: 3² is not 32."""
    marks = {"<super>": "^", "<sub>": "_"}
    raised = (marks.get(unicodedata.decomposition(c).partition(" ")[0], "") + c for c in text)
    return normalize("".join(raised).translate(PLAIN_QUOTES))


_BASE = re.compile(r"\d_\{?\d")


def why_no_mathematics(answer: str, references: Sequence[str]) -> str | None:
    """Why an answer cannot be compared with the references as mathematics; None where it can."""
    if RETRACTS.search(answer):
        return "it may take its answer back"
    if bool(_BASE.search(answer)) != any(map(_BASE.search, references)):
        return "it is written in another base than the reference"
    found = parse_quantity(answer)
    known = [q for q in map(parse_quantity, references) if q is not None]
    if found and found.unit and any(q.unit and q.unit != found.unit for q in known):
        return "it is in another unit than the reference"
    return None


def why_not_checked(references: Sequence[str], check: str) -> str | None:
    """Why no answer can be compared with these references; None where one can."""
    if not references:
        return "the prompt has no reference answer"
    if check == "number" and not any(parse_quantity(reference) for reference in references):
        return "no reference of the prompt is a number"
    return None


def answer_of(text: str) -> str | None:
    """What an answer ends in: the last box, what it states as the answer, or the last line. None where it
    gives two, or takes one back.
    """
    ending = _ending_of(text)
    return None if isinstance(ending, str) else ending.text


def why_no_answer(text: str) -> str:
    """Why `answer_of` has none, empty where it has one."""
    ending = _ending_of(text)
    return ending if isinstance(ending, str) else ""


_LONG_GAP = re.compile(r"[^\S\n]{20,}")
"""Of a model that runs away in blanks: what is looked for around an answer may be looked for at each."""


def _ending_of(text: str) -> _Ending | str:
    """What an answer ends in, or why that cannot be told."""
    text = _LONG_GAP.sub(" ", text)
    tagged = _TAGGED.fullmatch(text.strip())
    if tagged:
        return _tagged_ending(tagged["before"], tagged["inside"])
    boxes, stated = list(BOXED.finditer(text)), list(STATED.finditer(text))
    lines = [line for line in text.strip().splitlines() if line.strip()]
    if not boxes and not stated:
        return _Ending(_bare(lines[-1]) if lines else "", is_stated=len(lines) < 2)
    said = [_said(match) for match in stated if not boxes or not BOXED.search(match[0])]
    last, is_stated = (boxes or stated)[-1], True
    if boxes:
        answer, start, end = _bare(last[1]), last.start(), text.rfind("}") + 1
        if len({*(_bare(box[1]) for box in boxes), *said}) > 1:
            return _SEVERAL
    else:
        answer, start, end = said[-1], last.start(1 if last[1] else 2), last.end()
        is_stated = "\n" not in last[0].strip() or not text[end:].strip()
        marked = {
            value for match, value in zip(stated, said, strict=True) if match[2] and parse_quantity(value)
        }
        if last[2] and len(marked) > 1:
            return _SEVERAL
    if not is_own_answer(text[:start], is_stated=not boxes):
        return _NOT_ITS_OWN
    if is_turned_against(text[end:], answer, is_boxed=bool(boxes)):
        return _SEVERAL
    return _Ending(answer, is_stated)


def _tagged_ending(before: str, inside: str) -> _Ending | str:
    """What stands between tags at the end of an answer, unless it is denied or another answer before it."""
    ending = _ending_of(inside)
    if isinstance(ending, str):
        return ending
    if not is_own_tag(before):
        return _NOT_ITS_OWN
    earlier = [
        *(_bare(match[2]) for match in _EARLIER_TAG.finditer(before)),
        *(_bare(match[1]) for match in BOXED.finditer(before)),
        *(_said(match) for match in STATED.finditer(before) if not BOXED.search(match[0])),
    ]
    if any(_is_another(value, ending.text) for value in earlier):
        return _SEVERAL
    return _Ending(ending.text, is_stated=True)


def _is_another(earlier: str, answer: str) -> bool:
    """Whether what was given as the answer earlier is certainly not the answer: another number, or words
    neither of which hold the other.
    """
    before, now = (parse_quantity(text) or stated_quantity(text) for text in (earlier, answer))
    if before is not None and now is not None:
        return is_equal(before, now, 1e-6) is False
    if now is not None:
        return False
    plain = [_comparable(text) for text in (earlier, answer)]
    if (len(plain[0]) == 1) != (len(plain[1]) == 1) or plain[0].startswith("not "):
        return False  # an option's letter and its words, or what it is not
    return not (has_word(plain[0], plain[1]) or has_word(plain[1], plain[0]))


def _said(match: re.Match[str]) -> str:
    """What a statement states; of one inside another the inner one."""
    said = _bare(match[1] or match[2])
    inner = STATED.match(said)
    if inner and inner[1]:
        said = _bare(inner[1])
    farewell = _WITH_FAREWELL.fullmatch(said)
    return farewell[1] if farewell and not RETRACTS.search(farewell[0]) else said


def _bare(text: str) -> str:
    """An answer without the marks, quotes and full stop around the whole of it."""
    text = text.strip()
    for _ in range(3):
        text = text.rstrip(".").strip().strip("*").strip()
        wrapped = _EMPHASIS.fullmatch(text)
        if wrapped and wrapped[1] not in wrapped[2]:
            text = wrapped[2].strip()
        text = LATEX_WRAPPER.sub(r"\1", text) if LATEX_WRAPPER.fullmatch(text) else text
    label = re.fullmatch(r"\(?([A-Za-z])\)", text)
    return label[1] if label else text
