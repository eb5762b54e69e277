"""What a conversation shows: cells that hold an image, a video or a sound, and the marks that stand in a text
where one of them was.
"""

import re
from collections.abc import Mapping
from typing import Any

from prefgen.dataset.cells import is_list

_HOLDING = ("bytes", "array")
_BESIDE = frozenset((*_HOLDING, "path", "sampling_rate"))
"""Keys under which `datasets` keeps an image or a sound; Parquet is read without those that are empty."""
_KIND = "(?:image|video|audio)(?:_?[0-9]{1,2})?"
_MARK = re.compile(
    rf"\A\s*<{_KIND}>(?=\S)|\A\s*<image(?:_?[0-9]{{1,2}})?>|^[ \t]*(?:<{_KIND}>[ \t]*)+$", re.MULTILINE
)
_CLOSED = re.compile("</(?:image|video|audio)>")


def is_shown(value: Any) -> bool:
    """Whether a cell holds what is shown or heard, or a list of such things."""
    item: Any = next(iter(value), None) if is_list(value) else value
    if not isinstance(item, Mapping) or not _BESIDE.issuperset(item):
        return False
    held = [item[key] for key in _HOLDING if key in item]
    return any(isinstance(data, str | bytes) or is_list(data) for data in held)


def mark_of_shown(text: str) -> str | None:
    """The mark that stands for an image, a video or a sound at the beginning of a text, or alone in its line;
    None where there is none, and in a text of HTML or XML, which closes what it opens.
    """
    if "<" not in text or (found := _MARK.search(text)) is None or _CLOSED.search(text):
        return None
    return found[0].strip()
