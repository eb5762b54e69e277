"""A label that stands first, with reasons behind it that go on about the texts. They must be reasons for that
label certainly: each clause is looked at for the text that it is about, and for praise and fault.
"""

import re
from collections.abc import Sequence

from prefgen.kit.label_reasons import LIMITS, blames
from prefgen.text.reasoning import any_of

_CLAUSES = re.compile(r"(?<=[.!?;:])\s+|\n+|,? (?=(?:while|whereas|but|although|though|unlike)\b)")
_PRAISE = re.compile(
    r"\b(?:better|best|superior|correct|correctly|accurate|accurately|complete|completely|clear|clearly|detailed"
    r"|direct|directly|concise|helpful|useful|relevant|precise|precisely|follows|addresses|answers|right"
    r"|thorough|comprehensive|specific|engaging|informative|meets|adheres|fulfil\w*|honest|honestly|safer?)\b",
    re.IGNORECASE,
)
_FAULT = re.compile(
    r"\b(?:vague|verbose|incomplete|irrelevant|off topic|rambling|repetitive|generic|hardly|barely"
    r"|rarely|none|nothing|supposed|could|should|would|claims?|tries|attempts?|pretends?|needs?|rather"
    r"|far from)\b",
    re.IGNORECASE,
)
"""What speaks against a text, or leaves it open, beside `LIMITS`."""
_OF_ANOTHER = re.compile(
    r"\b(?<!on )the other\b|\b(?:former|latter|rival|alternative|competitor|counterpart|opponent|neither"
    r"|tie|tied|equal\w*|joking|kidding|cancel|ignore|disregard|draft|quot\w+|guess|unsure|if)\b"
    r"|\b(?:first|second|other) (?:one|text|response|reply|answer|assistant)\b|[?？]",
    re.IGNORECASE,
)
"""What may be about a text that is not named, or no reason at all."""


_LINKS = re.compile(r"\b(?:but|however|though|although|yet|while)\b|\btoo\W*\Z", re.IGNORECASE)
"""Words that limit what was said before them, and are no fault of what is said behind them."""


def are_reasons_for(label: str, reasons: str, labels: Sequence[str], *, must_name: bool = True) -> bool:
    """Whether reasons praise the text of `label`, or find fault with another, and nothing of them speaks the
    other way. They must name a text where `must_name`.
    """
    named = re.compile(rf"(?<!\w)(?:{any_of(labels)})(?!\w)")
    if (must_name and named.search(reasons) is None) or _OF_ANOTHER.search(reasons):
        return False
    about, speaks_for = label, False
    for clause in _CLAUSES.split(reasons):
        found = named.search(clause)
        about = found[0] if found else about
        clause = clause if about == label else _LINKS.sub("", clause)
        is_limited = bool(LIMITS.search(clause) or _FAULT.search(clause) or blames(clause))
        is_praised = not is_limited and _PRAISE.search(clause) is not None
        is_against = is_limited if about == label else is_praised
        if is_against:
            return False
        speaks_for = speaks_for or (is_praised if about == label else is_limited)
    return speaks_for
