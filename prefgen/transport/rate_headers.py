"""What the headers of a server say about when to ask again."""

import re
from email.utils import parsedate_to_datetime
from time import time
from typing import Any

RESET_DURATION = re.compile(r"(?:(\d+)h)?(?:(\d+)m(?!s))?(?:(\d+(?:\.\d+)?)s)?(?:(\d+(?:\.\d+)?)ms)?")


def parse_seconds(header: str | None, unit: float = 1.0) -> float | None:
    """Seconds of a Retry-After header: a number, or an HTTP date."""
    if not header:
        return None
    try:
        return max(0.0, float(header) * unit)
    except ValueError:
        try:
            return max(0.0, parsedate_to_datetime(header).timestamp() - time())
        except (ValueError, OverflowError):
            return None


def reset_seconds(headers: Any) -> float | None:
    """Seconds until the window of a used-up rate-limit header resets."""
    for kind in ("requests", "tokens"):
        if headers.get(f"x-ratelimit-remaining-{kind}") == "0":
            match = RESET_DURATION.fullmatch(headers.get(f"x-ratelimit-reset-{kind}") or "")
            if match and any(match.groups()):
                hours, minutes, seconds, milliseconds = (float(g or 0) for g in match.groups())
                return hours * 3600 + minutes * 60 + seconds + milliseconds / 1000
    return None
