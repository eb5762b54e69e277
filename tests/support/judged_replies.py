"""What is read of a judge's whole reply; None where it is unread."""

from collections.abc import Sequence

from prefgen.kit.parse_failure import ParseFailure
from prefgen.kit.ratings import read_rating
from prefgen.kit.reply_labels import label_in_text
from prefgen.types import Reply

SCALE = (1.0, 5.0)


def rating_of(text: str) -> float | None:
    """The rating on `SCALE`."""
    try:
        return read_rating(Reply(text=text, finish_reason="stop"), SCALE)[0]
    except ParseFailure:
        return None


def label_of(text: str, labels: Sequence[str] = ("A", "B")) -> str | None:
    """The label."""
    try:
        return label_in_text(text, labels)
    except ParseFailure:
        return None
