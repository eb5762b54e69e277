"""The sentences of a text, by sentencex (docs/decisions/003-libraries.md): abbreviations, decimals and
numbers of lists end none.
"""

import re
from collections.abc import Iterable

_LIST_MARK = re.compile(r"^\s*(?:\(?\d+[.)]|[-*•+])\s+")


def sentences_of(text: str, language: str = "en") -> list[str]:
    """The sentences of a text in their order; lines of a list are sentences of their own."""
    # 20 ms, and no types
    from sentencex import segment  # pyright: ignore[reportAttributeAccessIssue, reportUnknownVariableType]

    lines = (_LIST_MARK.sub("", line) for line in text.splitlines())
    sentences = (sentence.strip() for line in lines for sentence in _whole(segment(language, line)))
    return [sentence for sentence in sentences if any(c.isalnum() for c in sentence)]


_IN_A_WORD = re.compile(r"[.!?]\Z")
_IN_BRACKETS = re.compile(r"(\([^()]*[.!?]\))\s+(.+)", re.DOTALL)


def _whole(segments: Iterable[str]) -> list[str]:
    """Segments as sentences: a full stop without a blank behind it ends none (ASP.NET), and one in brackets
    is a sentence of its own.
    """
    sentences: list[str] = []
    for segment in segments:
        if sentences and _IN_A_WORD.search(sentences[-1]) and segment[:1].isalnum():
            sentences[-1] += segment
        else:
            sentences.append(segment)
    pairs = [_IN_BRACKETS.fullmatch(sentence) for sentence in sentences]
    return [
        part
        for sentence, pair in zip(sentences, pairs, strict=True)
        for part in ((pair[1], pair[2]) if pair else (sentence,))
    ]
