"""THE definition of the same text: what the pairers, the check, every reader of pairs and the splits go
by.
"""

import re
import unicodedata

_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e"
    "\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3"
    "\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
"""What Unicode says is shown as nothing (Default_Ignorable_Code_Point)."""
_BLANK = "\u2800"
"""A Braille cell without a dot: a letter by its class, and white space to whoever looks."""


_BEGINS_SEEN = re.compile(r"\s*[!-~]")


def normalize(text: str) -> str:
    """Text with compatible characters made one (NFKC: a ligature is its letters, x\u00b2 is x2), lower case
    and single spaces, without what nobody sees.
    """
    if not text.isascii():
        text = _INVISIBLE.sub("", unicodedata.normalize("NFKC", text).replace(_BLANK, " "))
    return " ".join(text.casefold().split())


def is_blank(text: str) -> bool:
    """Whether there is nothing to see in a text."""
    if _BEGINS_SEEN.match(text):  # as nearly all do
        return False
    return not any(c.isprintable() and c not in (" ", _BLANK) and not _INVISIBLE.match(c) for c in text)


def same_text(first: str, second: str) -> bool:
    """Whether two texts are the same in normal form: such a pair says nothing, and is made, kept and trained
    on nowhere.
    """
    return first == second or normalize(first) == normalize(second)
