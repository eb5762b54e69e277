"""What stands in the place of a text that was taken out of a release: how it is written, known again, and
replaced by the text when somebody has it.
"""

import hashlib
import re
from collections.abc import Mapping

_WORDS = "a harmful text was taken out; its BLAKE2b digest is"
_NOTICE = re.compile(rf"\[{_WORDS} ([0-9a-f]{{32}})\]")


def text_digest(text: str) -> str:
    """The digest by which a text that was taken out is known: BLAKE2b of its UTF-8, 16 bytes as hex."""
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def taken_out_notice(digest: str) -> str:
    """What stands in the place of the text with this digest."""
    return f"[{_WORDS} {digest}]"


def taken_out_digests(text: str) -> list[str]:
    """The digests of the texts that were taken out of this one; none where it is whole."""
    return _NOTICE.findall(text) if _WORDS in text else []


def put_back(text: str, texts: Mapping[str, str]) -> str:
    """The text with those of `texts` ({digest: text}) where their notices stand; the other notices stay."""
    return _NOTICE.sub(lambda match: texts.get(match[1], match[0]), text)
