"""What there is to say of something, line by line: commands print the lines in colour and folded to the
terminal, Python shows the same ones as they are.
"""

import textwrap
from collections.abc import Iterable
from dataclasses import dataclass
from html import escape

from prefgen.text.plain_text import clean

Styled = str | tuple[str, str]
"""A text, or (a text, its style on a terminal)."""
RULE_WIDTH = 110
"""Rules and folded texts are no wider: longer lines are hard to read."""


@dataclass(frozen=True)
class Line:
    """One text. Its lines begin with `indent`; where they are folded, all but the first begin with `hanging`
    too.
    """

    parts: tuple[Styled, ...]
    indent: str = ""
    hanging: str = ""

    def __str__(self) -> str:
        text = "".join(part if isinstance(part, str) else part[0] for part in self.parts)
        return textwrap.indent(clean(text), self.indent)


def line(*parts: Styled, indent: str = "", hanging: str = "") -> Line:
    return Line(parts, indent, hanging)


def as_text(lines: Iterable[Line]) -> str:
    """The lines as they stand in a pipe: no colour, and nothing that could move a cursor."""
    return "\n".join(map(str, lines))


def as_html(lines: Iterable[Line]) -> str:
    """The same for a notebook. Whatever stands in them is text: none of it is markup."""
    return f"<pre style='white-space:pre-wrap'>{escape(as_text(lines))}</pre>"


class Said:
    """What Python shows in the words of the command line: whoever has it says its `said_lines`."""

    def said_lines(self) -> Iterable[Line]:
        """All of it, the verdict first."""
        raise NotImplementedError

    def __repr__(self) -> str:
        return as_text(self.said_lines())

    def _repr_html_(self) -> str:
        return as_html(self.said_lines())
