"""Which words of a reply are its last ones: what was cut off, drafted or taken back is no verdict."""

import re
from collections.abc import Callable

from prefgen.kit.parse_failure import ParseFailure
from prefgen.types import Reply

WHOLE = ("stop", None)
"""How a reply ends that is whole; None where a backend does not say."""
_FENCE = re.compile(r"```[^\n]*\n(.*?)```", re.DOTALL)
_TAKES_BACK = re.compile(
    r"\b(?:wait|actually|scratch that|my mistake|correction|corrected|on (?:reflection|second thoughts?)"
    r"|let me (?:re|correct|change)\w*|(?:rating|score|answer|verdict) (?:should|ought|must|needs|would)\b"
    r"|i (?:would|will|must|should|have to|need to|want to) (?:change|revise|raise|lower|correct)"
    r"|(?:chang|revis|reconsider)(?:e|ed|ing)\b|instead of)\b",
    re.IGNORECASE,
)


def require_whole(reply: Reply) -> None:
    """Raises ParseFailure for a reply that was cut off: its last words are not there."""
    if reply.finish_reason not in WHOLE:
        raise ParseFailure(
            "cut",
            f"expected a whole reply, found one that ended by {reply.finish_reason!r}: {reply.text[-60:]!r}",
        )


def takes_back(text: str) -> bool:
    """Whether a text speaks of changing what was said."""
    return _TAKES_BACK.search(text) is not None


def without_drafts(text: str, is_verdict: Callable[[str], bool]) -> str:
    """A reply without its code fences, in which drafts and examples stand. Where no line outside is a
    verdict and there is one fence, what stands in that.
    """
    fenced: list[str] = _FENCE.findall(text)
    outside = _FENCE.sub("\n", text)
    if len(fenced) == 1 and not any(is_verdict(line) for line in outside.splitlines()):
        return fenced[0]
    return outside
