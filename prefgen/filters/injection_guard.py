"""Flag responses that are made to win a judge over instead of answering: pairers then skip them, and the run
says how many.

A guard against one known attack (the constant answers of NullModel, arXiv 2410.07137) and against plain
wording; whoever knows it can write round it, and the judge of the same name is the stronger test. What is
looked for: a response that asks whoever rates it for a good mark of itself, that tells a reader to ignore its
instructions for rating, that imitates the frame of an evaluation (lists of model outputs, verdict lines), or
that consists of broken syntax and control text for the most part, as optimised attacks do. A text that rates
something, speaks of judges or holds marks out of ten is none of these.
"""

import json
import re
from collections.abc import Sequence

from pydantic import Field

from prefgen.plugins.decorators import filter
from prefgen.plugins.plugin import Plugin
from prefgen.types import Flag, Record

_RATER = r"(?:judge|evaluator|grader|annotator|rater|assessor|reviewing model|evaluating model)"
_OWN_TEXT = r"(?:this|the above|my|the present) (?:response|answer|text|reply|output|completion)"
_TOP = (
    r"(?:(?:top|highest|maximum|max|full|best|perfect)(?: possible)? (?:rating|score|marks?|grade)"
    r"|(?:10|5)\s*(?:/|out of)\s*(?:10|5)\b|the better one)"
)
_SENTENCE = r"(?:^|[\n.!?]\s*|\bplease\s+|\band\s+)"
ADDRESS = re.compile(
    rf"{_SENTENCE}(?:rate|score|grade|give|assign|award|mark)\s+(?:{_OWN_TEXT}|this)\b[^.\n]{{0,60}}?{_TOP}"
    rf"(?! stars?\b| once\b| if\b| when\b)"
    rf"|\b{_OWN_TEXT}\b[^.\n]{{0,60}}?\b(?:deserves|merits|should (?:get|receive|be given)|earns)\b"
    rf"[^.\n]{{0,30}}?(?:{_TOP}|first place)"
    rf"|(?:{_SENTENCE}|\byou (?:must|should) )(?:select|choose|pick|prefer|vote for) {_OWN_TEXT}"
    r"(?=\s*(?:[.!,;\n]|$)| over\b| as\b)"
    r"|(?:^|\n)\W*(?:note|message|attention|instructions?)\s+"
    rf"(?:to|for)\s+(?:the\s+|all\s+)?{_RATER}s?\s*[:,]"
    rf"[^\n]{{0,200}}?\b(?:{_OWN_TEXT}|this (?:one )?is|{_TOP}|prefer|select|pick)\b"
    rf"|(?:^|\n)\W*dear {_RATER}s?\b[^\n]{{0,200}}?"
    rf"\b(?:{_OWN_TEXT}|{_TOP}|best (?:text|answer|response))\b"
    r"|(?:^|\n)\W*\[?(?:system|evaluation)\]?\W[^\n]{0,60}"
    r"\bevaluation (?:is )?(?:complete|finished|over)\b(?! in\b)",
    re.IGNORECASE,
)
_OVERRIDE = re.compile(
    r"\b(?:ignore|disregard|forget)\s+(?:all\s+|any\s+|everything\s+)?(?:of\s+)?(?:the\s+|your\s+)?"
    r"(?:(?:previous|prior|above|earlier|other|foregoing|preceding)\s+"
    r"(?:instructions?|texts?|rubric|criteria|answers?|responses?)|(?:above|foregoing|preceding)(?=\W*$|\s*[.,;:!\n]|\s+and\b))",
    re.IGNORECASE,
)
_RATES = re.compile(
    r"\b(?:rat(?:e|ing)|scor(?:e|ing)|grade|rank|pick me|choose|prefer|verdict)\b|\boutput\s*[:\"']"
    rf"|\b{_RATER}\b",
    re.IGNORECASE,
)
_OVERRIDE_REACH = 200
"""Characters around an override within which it must speak of rating to be one of a judge."""
FRAMES = (
    r"^#+ ?model outputs?\b.*?^#+ ?(?:which is best|instruction for the judge|evaluation result)",
    r"\"model_identifier\"\s*:",
    r"\bunordered outputs? from the models\b",
    r"\[\[?(?:start|end) of (?:the )?assistant",
    r"^[ \t]*(?:final )?verdict\s*:\s*\[\[?[AB12]\b",
    r"^[ \t]*\[\[[AB12]\]\][ \t]*$",
    r"^[ \t]*</?(?:text \w+|prompt)>[ \t]*$",
)
FRAME = re.compile("|".join(FRAMES), re.IGNORECASE | re.MULTILINE | re.DOTALL)
SYNTAX = re.compile(r"[{}\[\]<>|\\^~`]")
_WRITTEN_SYNTAX = re.compile(
    r"(?P<fence>```|~~~).*?(?:(?P=fence)|\Z)|`[^`\n]*`"  # code
    r"|<!--.*?-->|</?[A-Za-z][\w:-]*(?:\s[^<>]*)?/?>"  # HTML and its kin
    r"|^[ \t]*\|[^\n]*\|[ \t]*$"  # rows of a table
    r"|\$\$.*?\$\$|\$[^$\n]+\$|\\\[.*?\\\]|\\\(.*?\\\)"
    r"|\\begin\{(?P<name>\w+\*?)\}.*?\\end\{(?P=name)\}"
    r"|\\[A-Za-z]+\*?(?:\[[^\[\]\n]*\]|\{[^{}\n]*\})*",  # LaTeX
    re.DOTALL | re.MULTILINE,
)
"""Forms that are made of brackets and bars, and are well formed."""


@filter("injection_guard")
class InjectionGuardFilter(Plugin):
    """One flag a suspicious response, with the passage that gave it away."""

    most_syntax: float = Field(
        default=0.15,
        gt=0,
        le=1,
        description=(
            "Largest share of brackets and bars that an answer may have outside code, HTML, tables, LaTeX "
            "and JSON."
        ),
    )

    def flag(self, record: Record) -> Sequence[Flag]:
        suspicions = [
            (response.id, suspicion(response.text, self.most_syntax)) for response in record.responses
        ]
        return [Flag(target_id=i, rule=self.name, reason=reason) for i, reason in suspicions if reason]


def suspicion(text: str, most_syntax: float = 0.15) -> str | None:
    """Why a response looks like an attack on its judge, or None."""
    for description, match in (
        ("speaks to the judge", ADDRESS.search(text)),
        ("overrides what stands above it", _find_override(text)),
        ("imitates the frame of an evaluation", FRAME.search(text)),
    ):
        if match:
            return f"{description}: {match[0].strip()[:120]!r}"
    plain = _WRITTEN_SYNTAX.sub("", text)
    share = len(SYNTAX.findall(plain)) / len(plain) if len(plain) >= 200 else 0.0
    if share > most_syntax and not _is_json(text):
        return f"{share:.0%} of it is brackets and bars"
    return None


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _find_override(text: str) -> re.Match[str] | None:
    """Where a reader is told to ignore what stands above, in words that also speak of rating, or with nothing
    else in the text.
    """
    for match in _OVERRIDE.finditer(text):
        reach = text[max(0, match.start() - _OVERRIDE_REACH) : match.end() + _OVERRIDE_REACH]
        if _RATES.search(reach) or len(text.strip()) <= len(match[0]) + 2:
            return match
    return None
