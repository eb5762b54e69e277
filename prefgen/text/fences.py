"""Blocks of code between fences, as Markdown reads them (markdown-it-py): any fence, in lists, unclosed."""

import re
from collections.abc import Collection
from functools import cache
from typing import Any


def fenced_blocks(text: str, languages: Collection[str]) -> tuple[list[str], bool]:
    """(the contents of the blocks that are marked with one of `languages` (lower case), or, where no block
    says what it holds, of all; whether they are marked).
    """
    if "```" not in text and "~~~" not in text:
        return [], False
    names = set(languages)
    fences = [(token.info.strip(), token.content) for token in _parser().parse(text) if token.type == "fence"]
    marked = [code for info, code in fences if {_name_in(info), _name_in(info).rstrip(".0123456789")} & names]
    if marked or any(info for info, _ in fences):
        return marked, bool(marked)
    return [code for _, code in fences], False


def _name_in(info: str) -> str:
    return info.partition(" ")[0].partition("{")[0].lower()


_FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})([^\n]*)$", re.MULTILINE)


def open_fence(text: str) -> str | None:
    """The fence that a text leaves open, or None."""
    opened: str | None = None
    for fence in _FENCE.finditer(text):
        if opened is None:
            opened = fence[1]
        elif fence[1].startswith(opened) and not fence[2].strip():
            opened = None
    return opened


@cache
def _parser() -> Any:
    from markdown_it import MarkdownIt

    return MarkdownIt("commonmark")
