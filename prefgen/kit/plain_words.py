"""The words of a text as they are read aloud: what looks for doubts in a reply looks at these, so that markup
and line breaks hide none.
"""

import re

_MARKUP = re.compile(r"[*_`]+")
_BLANKS = re.compile(r"[^\S\n]+")
_LINE_BREAK = re.compile(r"(?<=[^\s.!?:;。！？]) ?\n ?(?=[a-z(])")
"""A line break in the middle of a sentence."""


def plain(text: str) -> str:
    """A text without markup, with one blank where there is white space, and its sentences in one line."""
    return _LINE_BREAK.sub(" ", _BLANKS.sub(" ", _MARKUP.sub("", text)))
