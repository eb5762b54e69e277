"""What a conversation shows: cells that hold an image, a video or a sound, and the marks that stand in a text
where one of them was.
"""

import re
from collections.abc import Mapping
from typing import Any

from prefgen.dataset.cells import is_list

_BESIDE = frozenset(("bytes", "array", "path", "sampling_rate"))
"""Keys under which `datasets` keeps an image or a sound; Parquet is read without those that are empty."""
_ENDING = re.compile(
    r"\.(?:png|jpe?g|gif|webp|bmp|tiff?|heic|avif|svg|mp4|mov|webm|mkv|avi|wav|mp3|flac|ogg|opus|m4a)\Z",
    re.IGNORECASE,
)
_BEGINNINGS = (
    b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"RIFF", b"BM", b"II*\0", b"MM\0*", b"fLaC", b"OggS", b"ID3",
    b"\xff\xfb", b"\xff\xf3", b"\x1aE\xdf\xa3",
)  # fmt: skip
_IN_BASE64 = ("iVBOR", "/9j/", "R0lGOD", "UklGR", "Zkxh", "T2dnU", "SUQz")
"""What files of images, videos and sounds begin with, and that as text."""
_KIND = "(?:image|video|audio)(?:_?[0-9]{1,2})?"
_MARK = re.compile(
    rf"\A\s*<{_KIND}>(?=\S)|\A\s*<image(?:_?[0-9]{{1,2}})?>|^[ \t]*(?:<{_KIND}>[ \t]*)+$"
    rf"|(?<=[.?!:]) ?<{_KIND}>\s*\Z|<(?:image|video|audio)_?[0-9]{{1,2}}>"
    r"|<\|(?:image|video|audio)(?:_pad)?\|>",
    re.MULTILINE,
)
_CLOSED = re.compile(f"</{_KIND}>")


def is_shown(value: Any) -> bool:
    """Whether a cell holds what is shown or heard, or a list of such things."""
    item: Any = next((item for item in value if item is not None), None) if is_list(value) else value
    if not isinstance(item, Mapping) or not _BESIDE.issuperset(item):
        return False
    if is_list(item.get("array")):
        return "sampling_rate" in item
    data = item.get("bytes")
    if isinstance(data, str | bytes) and _ENDING.search(str(item.get("path"))):
        return True
    if isinstance(data, bytes):
        return data.startswith(_BEGINNINGS) or data[4:8] == b"ftyp"
    return isinstance(data, str) and data.startswith(_IN_BASE64)


def mark_of_shown(text: str) -> str | None:
    """The mark that stands for an image, a video or a sound at the beginning of a text, alone in its line,
    behind its last sentence, or with a number; None where there is none, and in a text of HTML or XML, which
    closes what it opens.
    """
    if "<" not in text or (found := _MARK.search(text)) is None or _CLOSED.search(text):
        return None
    return found[0].strip()
