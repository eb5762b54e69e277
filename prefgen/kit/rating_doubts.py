"""What a reply says beside its rating that makes the rating doubtful: it takes it back, gives another one, or
speaks of another scale.
"""

import re

from prefgen.kit.final_words import WITHDRAWALS

Scale = tuple[float, float]
"""The lowest and the highest rating."""
_REVISES = re.compile(
    rf"\b(?:{WITHDRAWALS}|wait|let me re\w*|misread|misjudged|lower this|raise this|wrong order|swapped"
    r"|(?:rating|score) (?:should|ought|must|needs|would)\b"
    r"|(?:chang|revis|reconsider|adjust)(?:e|ed|es|ing) (?:my|the|this|it|to)\b)"
    r"|(?:\A|[.!?:]\s+|\n\s*)(?:(?:sorry|actually|correction|corrected|edit|hmm)\b|no[,.])",
    re.IGNORECASE,
)
"""Words that take a rating back; a rationale may well say of a text that it "actually" fails."""
_OTHER_NUMBER = re.compile(
    r"(?<![\w.,])(\d{1,2}(?:\.\d+)?)(?= ?/ ?\d| (?:out )?of \d|\W*(?:\n|\Z)| ?[.,;!](?:\s|\Z)"
    r"| (?:is|was|would|could|might|may|seems?|feels?|stars?|points?|at most|at best|rather|and text)\b)",
    re.IGNORECASE,
)
"""A number that may be another rating, and no count of something, which would stand behind it."""
_SCALE = re.compile(
    r"(?:scale|range|rated?|rating|score)s?\b[^.\n\d]{0,25}(?P<low>\d+)\b[^.\n\d]{0,20}?(?:to|-|–|through)\b"
    r"[^.\n\d]{0,12}(?P<high>\d+)",
    re.IGNORECASE,
)
_BEST = re.compile(
    r"(?P<best>\d+) ?(?:=|is|:|\() ?(?:the )?(?:best|highest|excellent|perfect)\b", re.IGNORECASE
)


def is_revised(after: str, value: float | None, scale: Scale) -> bool:
    """Whether what follows a rating takes it back, or may give another one."""
    others = {float(match[1]) for match in _OTHER_NUMBER.finditer(after)}
    return _REVISES.search(after) is not None or any(
        scale[0] <= number <= scale[1] and number != value for number in others
    )


def has_other_scale(text: str, scale: Scale) -> bool:
    """Whether a reply says that its scale is another one, or that the low end is the best."""
    scales = {(float(match["low"]), float(match["high"])) for match in _SCALE.finditer(text)}
    bests = {float(match["best"]) for match in _BEST.finditer(text)}
    return bool(scales - {scale} or bests - {scale[1]})
