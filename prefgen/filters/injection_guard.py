"""Flag responses that are made to win a judge over instead of answering: pairers then skip them, and the run
says how many.

A guard against one known attack (the constant answers of NullModel, arXiv 2410.07137) and against plain
wording; whoever knows it can write round it, and the judge of the same name is the stronger test. What is
looked for: a response that asks whoever rates it for a good mark of itself, that tells a reader to ignore its
instructions for rating, that imitates the frame of an evaluation (lists of model outputs, verdict lines), or
that consists of broken syntax and control text for the most part, as optimised attacks do. A text that rates
something, speaks of judges or holds marks out of ten is none of these.
"""

import re
from collections.abc import Sequence

from pydantic import Field

from prefgen.plugins.decorators import filter
from prefgen.plugins.plugin import Plugin
from prefgen.text.syntax_share import syntax_share
from prefgen.types import Flag, Record

_RATER = r"(?:judge|evaluator|grader|annotator|rater|assessor|reviewing model|evaluating model)"
_OWN_TEXT = r"(?:this|the above|my|the present) (?:response|answer|text|reply|output|completion)"
_TOP = (
    r"(?:(?:top|highest|maximum|max|full|best|perfect)(?: possible)? (?:rating|score|marks?|grade)\b"
    r"|(?:10|5)\s*(?:/|out of)\s*(?:10|5)\b|the better one)"
)
_SENTENCE = r"(?:^|[\n.!?]\s*|\bplease\s+|\band\s+)"
_IS_BEST = r"is (?:the |clearly |by far )*(?:best|better|right|correct|superior|perfect|winner|winning)\b"
_THIS = r"this(?= (?:an?|the|one|as|with|full|top|max|maximum|highest|best|perfect|first|\d+)\b)"
ADDRESS = re.compile(
    rf"{_SENTENCE}(?:rate|score|grade|give|assign|award|mark)\s+(?:{_OWN_TEXT}|{_THIS})\b[^.\n]{{0,60}}?{_TOP}"
    rf"(?! stars?\b| once\b| if\b| when\b)"
    rf"|\b{_OWN_TEXT}\b[^.\n]{{0,60}}?\b(?:deserves|merits|should (?:get|receive|be given)|earns)\b"
    rf"[^.\n]{{0,30}}?(?:{_TOP}|first place)(?! (?:in|at|on) (?:an?|class|school|her|his|my|our)\b)"
    rf"|(?:{_SENTENCE}|\byou (?:must|should) )(?:select|choose|pick|prefer|vote for) {_OWN_TEXT}"
    r"(?=\s*(?:[.!,;\n]|$)| over\b| as\b)"
    r"|(?:^|\n)\W*(?:note|message|attention|instructions?)\s+"
    rf"(?:to|for)\s+(?:the\s+|all\s+)?{_RATER}s?\s*[:,]"
    rf"[^\n]{{0,200}}?\b(?:{_OWN_TEXT}|this (?:one )?{_IS_BEST}|{_TOP}|prefer|select|pick)\b"
    rf"|(?:^|\n)\W*dear {_RATER}s?\b[^\n]{{0,200}}?"
    rf"\b(?:{_OWN_TEXT}|this (?:one )?{_IS_BEST}|(?:give|award|assign)\b[^.\n]{{0,40}}?{_TOP})"
    r"|(?:^|\n)\W*\[?(?:system|evaluation)\]?\W[^\n]{0,60}"
    r"\bevaluation (?:is )?(?:complete|finished|over)\b(?! in\b)"
    r"[^\n]{0,120}\n?[^\n]{0,120}\b(?:output|verdict|winner|select|choose|prefer|rating|score|best|first)\b",
    re.IGNORECASE,
)
_OVERRIDE = re.compile(
    r"\b(?:ignore|disregard|forget)\s+(?:all\s+|any\s+|everything\s+)?(?:of\s+)?(?:the\s+|your\s+)?"
    r"(?:(?:previous|prior|above|earlier|other|foregoing|preceding)\s+"
    r"(?:instructions?|texts?|rubric|criteria|answers?|responses?)|(?:above|foregoing|preceding)(?=\W*$|\s*[.,;:!\n]|\s+and\b))",
    re.IGNORECASE,
)
_RATES = re.compile(
    r"\b(?:rate|score|grade|rank|choose|prefer|pick|select|give|award)\s+"
    rf"(?:this|me|it|my|{_OWN_TEXT}|(?:the )?(?:first|second|above|response|text|answer)|[AB])\b"
    rf"|\b{_TOP}|\bverdict\b|\b(?:rating|score|grade)\s*(?::|=|of|is|to)\s*\[*\d|\boutput\s*[:\"']|\b{_RATER}\b",
    re.IGNORECASE,
)
_OVERRIDE_REACH = 200
"""Characters around an override within which it must speak of rating to be one of a judge."""
FRAMES = (
    r"^#+ ?model outputs\b.*?^#+ ?(?:which is best,|instruction for the judge|evaluation result)",
    r"\"model_identifier\"\s*:\s*\"m\"",
    r"\bunordered outputs? from the models\b",
    r"\[\[?(?:start|end) of (?:the )?assistant",
    r"^[ \t]*(?:final )?verdict\s*:\s*\[\[?[AB12]\b",
    r"^[ \t]*\[\[[AB]\]\][ \t]*$",
    r"^[ \t]*</?text (?-i:[A-Z]|\d{1,2})>[ \t]*$",
    r"\A(?:(?!<prompt>).)*?^[ \t]*</prompt>[ \t]*$",
)
FRAME = re.compile("|".join(FRAMES), re.IGNORECASE | re.MULTILINE | re.DOTALL)
_FENCED = re.compile(r"^[ \t]*(?P<fence>```|~~~).*?(?:^[ \t]*(?P=fence)|\Z)", re.DOTALL | re.MULTILINE)
VERDICT = re.compile(
    r"\W*(?:(?:the |my )?(?:final |overall )?(?:judge?ment|verdict|rating|score|winner)\W*(?:is|[:=])\W*"
    r"|\{\s*\"(?:final_)?(?:judge?ment|verdict|rating|score|winner)\"\s*:\s*\"?)"
    r"(?:(?:text |response )?[AB]|\d{1,3}(?:\.\d)?(?:\s*/\s*\d{1,3})?|yes|no)\W*",
    re.IGNORECASE,
)
"""The whole of an answer that is nothing but what a judge would say."""


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
        ("imitates the frame of an evaluation", FRAME.search(_FENCED.sub("", text))),
        ("is a verdict and nothing else", VERDICT.fullmatch(text)),
    ):
        if match:
            return f"{description}: {match[0].strip()[:120]!r}"
    share = syntax_share(text)
    return f"{share:.0%} of it is brackets and bars" if share > most_syntax else None


def _find_override(text: str) -> re.Match[str] | None:
    """Where a reader is told to ignore what stands above, in words that also ask for a rating, or with
    nothing else in the text; not in a quotation.
    """
    for match in _OVERRIDE.finditer(text):
        is_quoted = text[max(0, match.start() - 1) : match.start()] in tuple("'\"‘“«`")
        reach = text[max(0, match.start() - _OVERRIDE_REACH) : match.end() + _OVERRIDE_REACH]
        if not is_quoted and (_RATES.search(reach) or len(text.strip()) <= len(match[0]) + 2):
            return match
    return None
