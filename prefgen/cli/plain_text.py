"""What models wrote as plain text, without control characters."""

import re

_CONTROL_CHARACTERS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def plain(text: str, limit: int = 1200) -> str:
    """Text for a terminal: no control characters (an answer must not move the cursor), cut with a note of
    what is missing.
    """
    clean = _CONTROL_CHARACTERS.sub("�", text.replace("\r\n", "\n"))
    return clean if len(clean) <= limit else f"{clean[:limit]} … ({len(clean) - limit:,} more characters)"


def one_line(text: str, limit: int = 160) -> str:
    """The same on one line."""
    return " ".join(plain(text, limit).split())
