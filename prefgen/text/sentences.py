"""The sentences of a text, by sentencex (docs/decisions/003-libraries.md): abbreviations, decimals and
numbers of lists end none.
"""

import re

_LIST_MARK = re.compile(r"^\s*(?:\(?\d+[.)]|[-*•+])\s+")


def sentences_of(text: str, language: str = "en") -> list[str]:
    """The sentences of a text in their order; lines of a list are sentences of their own."""
    # 20 ms, and no types
    from sentencex import segment  # pyright: ignore[reportAttributeAccessIssue, reportUnknownVariableType]

    lines = (_LIST_MARK.sub("", line) for line in text.splitlines())
    sentences = (sentence.strip() for line in lines for sentence in segment(language, line))
    return [sentence for sentence in sentences if any(c.isalnum() for c in sentence)]
