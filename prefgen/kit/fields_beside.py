"""What may stand in an object beside its verdict without making it doubtful: reasons, numbers that are
plainly those of an aspect, how sure the judge is, and which text it is about. Any other number, truth value
or object may be another verdict, or say of which scale this one is.
"""

import re
from typing import Any

from prefgen.kit.parse_failure import ParseFailure
from prefgen.kit.verdict_context import names_aspect

_REASON = re.compile(
    r"\w*(?:rational|reason|expla|analys|thought|think|feedback|comment|justif|critique|compar|evaluat"
    r"|summar|strength|weakness|assess|observation|note|improve|suggestion)\w*"
)
_OF_VERDICT = re.compile(r"(?:\A|_)(?:final|revised|rating|score|grade|verdict|label)(?:_|\Z)")
_SURENESS = frozenset(("confidence", "certainty", "probability", "margin"))
NAMING_FIELDS = frozenset((
    "label", "id", "text_id", "text", "name", "number", "index", "title", "criterion", "item",
))  # fmt: skip
"""Fields of an entry that may say which text, or which item, it is about."""


def is_reason(name: str, value: Any) -> bool:
    """Whether a field holds reasons: text, or a list of texts, under a name of reasons."""
    is_text = isinstance(value, str) or (isinstance(value, list) and all(isinstance(v, str) for v in value))
    return is_text and _REASON.fullmatch(name) is not None and _OF_VERDICT.search(name) is None


def is_sure(name: str, value: Any) -> bool:
    """Whether a field says that the judge is sure: in words, or by a number that does not mean the
    opposite.
    """
    if name not in _SURENESS or isinstance(value, bool):
        return False
    return isinstance(value, str) or (isinstance(value, int | float) and value >= 0.5)


def reasons_beside(fields: dict[str, Any]) -> str:
    """The reasons of fields (by `field_name`) that stand beside a verdict. Raises ParseFailure for anything
    that may be another one.
    """
    reasons: list[str] = []
    for name, value in fields.items():
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if is_reason(name, value):
            reasons += value if isinstance(value, list) else [str(value)]
        elif not (
            value is None
            or name in NAMING_FIELDS
            or name == "types"  # of faults, as a rubric asks for them
            or is_sure(name, value)
            or (names_aspect(name) and not name.startswith("error") and (is_number or isinstance(value, str)))
        ):
            raise ParseFailure("ambiguous", f"expected a verdict and its reasons, found {fields!r:.120}")
    return "\n".join(reasons)
