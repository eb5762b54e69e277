"""Names of those who speak, and of harmony's channels, as they stand where a server has taken the tokens
around them away: "The Nile.user", "assistant" alone in a line below a sentence.

Nothing is cut here: who wrote what follows is not certain.
"""

import re
from itertools import islice

from prefgen.text.spoken_marks import AROUND

_ENDS = r"[.!?…。！？\"”')\]]"
_LONE_NAME = re.compile(r"^(?:user|assistant|model|system|prompter)[^\S\n]*$", re.MULTILINE)
_BARE_WORD = re.compile(r"[^\S\n]*[a-z][\w-]*[^\S\n]*")
"""A line of a list, as names that follow each other are."""
_MOST_NAMES = 20
_ENDS_SENTENCE = tuple(".!?…。！？\"”')]")
_GLUED_NAME = re.compile(
    r"(?<=[a-z][!?…])(?:user|assistant|model|system)(?=\n|\Z)|(?<=[a-z]\.)(?:user|assistant)(?=\n+[A-Z])"
    r"|(?<=[a-z][.!?])assistant(?=\s*\Z)"
)
_GLUED_TURNS = (
    re.compile(r"\n\n(?:user|human|system)(?=[A-Z<])"),
    re.compile(r"\n\n?(?:user|human|system|assistant)(?=[A-Z<])"),
)
_GLUED_TAG = re.compile(rf"(?<={_ENDS})\n\n(?:user|system)(?=<\w)")
_IN_BARS = re.compile(r"(?<=[.!?…。！？，,；;])\|(?:user|assistant|system)\|(?=[^|\s])")
_CHANNEL = re.compile(
    r"(?<=[\w.!?…\"”)\]\n])assistant(?:analysis|commentary|final)(?=[A-Z]|\s*\n|[^\S\n]*to=)"
    r"|\A\s*(?:commentary|final)[A-Z][a-z'’]*(?=[.!?,]| \w)"
)
"""Where another channel of harmony begins behind a text, or one does that holds no thought."""


def bare_name(plain: str, asked: str) -> re.Match[str] | None:
    """A name behind which somebody else speaks, or another channel begins; none in a list of names. One alone
    in its line is none where the request holds it as a word.
    """
    for pattern in (_CHANNEL, _GLUED_NAME, _IN_BARS, _GLUED_TAG):
        if (found := pattern.search(plain)) is not None:
            return found
    first = _GLUED_TURNS[0].search(plain)
    if first is not None and _GLUED_TURNS[1].search(plain, first.end()):
        return first
    for name in islice(_LONE_NAME.finditer(plain), _MOST_NAMES):
        if _stands_alone(plain, name) and not re.search(rf"\b{name[0].strip()}s?\b", asked, re.IGNORECASE):
            return name
    return None


def _stands_alone(plain: str, name: re.Match[str]) -> bool:
    """Whether a name in a line of its own stands below a sentence, and is no line of a list."""
    before = plain[max(0, name.start() - AROUND) : name.start()].rstrip()
    after = plain[name.end() : name.end() + AROUND].lstrip()
    neighbours = (before.rpartition("\n")[2], after.partition("\n")[0])
    return before.endswith(_ENDS_SENTENCE) and not any(map(_BARE_WORD.fullmatch, neighbours))
