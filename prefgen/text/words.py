"""Words of a text: how many there are, and whether one is among them, in any script."""

import re
import unicodedata

_UNSPACED = r"\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"
"""Scripts that write without spaces: Thai, Japanese, Chinese; a character counts as a word."""
_UNSEEN = "\u200b\u2060\ufeff"
"""What takes no room."""
_IS_UNSPACED = re.compile(f"[{_UNSPACED}]")
_SPACED = rf"(?:(?![{_UNSPACED}])\w)"
_WORD = re.compile(rf"[{_UNSPACED}]|{_SPACED}+(?:[-'’]{_SPACED}+|(?<=\d)[.,]\d+)*")
PLAIN_QUOTES = str.maketrans("‘’ʼ“”", "'''\"\"")
"""For `str.translate`: all forms of quotes and apostrophes are one."""


def count_words(text: str) -> int:
    """How many words a text has. What is drawn on a letter (a vowel sign, an accent of its own) and what is
    not seen divide no word.
    """
    return len(_WORD.findall(text if text.isascii() else _without_marks(text)))


def has_word(text: str, words: str) -> bool:
    """Whether `words` stand in a text as words of their own, in any case and with any form of quotes: "AI" is
    not in "said", "C" is not in "C++" and "cafe" is not in "café".
    """
    text, words = _comparable(text).replace("**", ""), _comparable(words)
    start = text.find(words)
    while start >= 0:
        before, after = text[:start], text[start + len(words) :]
        goes_on = _joins(words[-1:], after) or _is_signed(words[-1:], after)
        if not goes_on and not _joins(words[:1], before[::-1]):
            return True
        start = text.find(words, start + 1)
    return False


def starts_with_word(text: str, words: str) -> bool:
    """Whether a text begins with `words`, and no word goes on behind them; marks of emphasis do not count."""
    text, words = _comparable(text).strip(f" *_#>{_UNSEEN}"), _comparable(words).strip()
    rest = text[len(words) :]
    return text.startswith(words) and not (_joins(words[-1:], rest) or _is_signed(words[-1:], rest))


def ends_with_word(text: str, words: str) -> bool:
    """Whether a text ends with `words`, and no word begins before them; marks of emphasis do not count."""
    text, words = _comparable(text), _comparable(words).strip()
    return any(
        ending.endswith(words) and not _joins(words[:1], ending[: -len(words)][::-1])
        for ending in (text.strip(f" {_UNSEEN}"), text.strip(f" *_{_UNSEEN}"))
    )


def _comparable(text: str) -> str:
    """The text with composed characters, plain quotes, single spaces and no difference of case."""
    composed = unicodedata.normalize("NFC", text).translate(PLAIN_QUOTES)
    return " ".join(unicodedata.normalize("NFC", composed.casefold()).split())


def _joins(end: str, neighbours: str) -> bool:
    """Whether a word goes on beyond its end, in the characters next to it: the nearest comes first."""
    if neighbours and unicodedata.category(neighbours[0]).startswith("M"):
        return True
    return _is_of_word(end) and _is_of_word(neighbours.lstrip("_")[:1])  # _so_ is emphasis, so_so one name


def _is_signed(end: str, after: str) -> bool:
    """Whether signs follow that are part of a name: C++ and C# are not C."""
    unsigned = after.lstrip("+#")
    return _is_of_word(end) and unsigned != after and not unsigned[:1].isalnum()


def _is_of_word(character: str) -> bool:
    return character.isalnum() and not _IS_UNSPACED.match(character)


def _without_marks(text: str) -> str:
    return "".join(c for c in text if unicodedata.category(c) not in ("Mn", "Mc", "Me", "Cf"))
