"""What models wrote as plain text, without control characters."""

import re

_CONTROL_CHARACTERS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
"""Also what turns the direction of writing round: it makes a text look like another."""


def clean(text: str) -> str:
    """Text for a terminal: no control characters, since an answer must not move the cursor."""
    return _CONTROL_CHARACTERS.sub("�", text.replace("\r\n", "\n"))


def plain(text: str, limit: int = 1200) -> str:
    """The same, cut with a note of what is missing."""
    cleaned = clean(text)
    more = len(cleaned) - limit
    return cleaned if more <= 0 else f"{cleaned[:limit]} … ({more:,} more characters)"


def one_line(text: str, limit: int = 160) -> str:
    """The same on one line."""
    return " ".join(plain(text, limit).split())
