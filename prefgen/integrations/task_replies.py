"""Whether a reply to a task of distilabel has the form that the task asks for, and says nothing else.

The parsers of its tasks take the first digits that they find, and join numbers to answers by the place at
which they stand. So a reply counts only where its lines are those of the form: a whole number for each
answer, under no heading or under the numbers 1 to n in their order, and no word that takes one back.
"""

import re
from collections.abc import Sequence
from typing import Any

from prefgen.kit.parse_failure import ParseFailure
from prefgen.kit.rating_doubts import (
    Scale,
    gives_other_number,
    gives_other_rating,
    has_other_scale,
    is_denied,
    is_revised,
)
from prefgen.kit.reply_labels import label_in_text
from prefgen.kit.reply_ratings import rating_in_text

_HEADING = re.compile(
    r"\W*(?:(?:output|for|the|text|response|answer|instruction|model|candidate|reply)\s+){0,5}\W*(\d{1,3})\W*",
    re.IGNORECASE,
)
"""What stands above what is said of one text: its number, and no word that could change it."""
_ENTRY = re.compile(
    r"(?P<heading>.*?)^(?:Type: [^\n]*\nRationale: (?P<first>.*?)^)?\**Rating: (?P<rating>\d+)\**\n"
    r"Rationale: (?P<rationale>.*)",
    re.DOTALL | re.MULTILINE,
)
_SAYS_RATING = re.compile(r"^\W*(?:\w+ ){0,2}(?:rating|score)s?\b|^\W*#", re.IGNORECASE | re.MULTILINE)
"""A line that may be another rating, or another heading."""
_SCORE_LINE = re.compile(r"\[(\d+)\] score: (\d+)\.?", re.IGNORECASE)
_SAYS_SCORE = re.compile(r"\b(?:score|rating|grade)s?\b[^.\n\d]{0,30}(\d+(?:\.\d+)?)", re.IGNORECASE)
_RATHER = re.compile(r"\b(?:rather than|instead of)\b[^.,;\d]{0,25}\d+", re.IGNORECASE)
_CONCLUDES = re.compile(r"\b(?:overall|final|total|so|thus|therefore|hence)\b", re.IGNORECASE)


def has_form(task: str, text: str, values: Sequence[Any], scale: Scale) -> bool:
    """Whether a reply to that task certainly gives these values, one an answer in their order."""
    if has_other_scale(text, scale):
        return False
    if task == "UltraFeedback":
        return _is_annotation(text, values, scale)
    if task == "QualityScorer":
        lines = [_SCORE_LINE.fullmatch(line.strip()) for line in text.splitlines() if line.strip()]
        found = [(int(line[1]), int(line[2])) for line in lines if line]
        return len(found) == len(lines) and found == list(enumerate(values, 1))
    if task == "PrometheusEval":
        return _is_feedback(text.partition("[RESULT]")[0], values[0], scale)
    try:
        return len(values) == 1 and rating_in_text(text, scale).value == values[0]
    except ParseFailure:
        return False


def _is_annotation(text: str, values: Sequence[Any], scale: Scale) -> bool:
    """UltraFeedback: a paragraph for each answer, with its rating and why."""
    entries = [_ENTRY.fullmatch(paragraph) for paragraph in text.split("\n\n")]
    found = [entry for entry in entries if entry]
    if len(found) != len(entries) or [int(entry["rating"]) for entry in found] != list(values):
        return False
    reasons = ((entry["rationale"], float(entry["rating"])) for entry in found)
    if any(is_revised(reason, rating, scale) or _SAYS_RATING.search(reason) for reason, rating in reasons):
        return False
    headings = [entry["heading"].strip().removeprefix("### Output\n").strip() for entry in found]
    numbers = [_HEADING.fullmatch(heading) for heading in headings]
    in_order = [number and int(number[1]) for number in numbers] == list(range(1, len(values) + 1))
    return in_order or not any(headings)


def _is_feedback(feedback: str, value: Any, scale: Scale) -> bool:
    """PrometheusEval: what is said before the result, where it speaks of one, must be that; its last sentence
    gives no other number.
    """
    if value in ("A", "B"):
        try:
            return label_in_text(f"{feedback.strip()}\nAnswer: {value}", ("A", "B")) == value
        except ParseFailure:
            return False
    sentences = re.split(r"(?<=[.!?])\s+|\n", _RATHER.sub("", feedback.strip()))
    conclusions = [s for s in sentences if s is sentences[-1] or _CONCLUDES.search(s)]
    scores = [score for s in conclusions for score in _SAYS_SCORE.finditer(s)]
    return not (
        any(float(score[1]) != value and not is_denied(score, 1, value) for score in scores)
        or any(gives_other_rating(s, value, scale) for s in conclusions)
        or gives_other_number(sentences[-1], value, scale)
    )
