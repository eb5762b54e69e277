"""Which words of a reply are its last ones: what was cut off, quoted, drafted or taken back is no verdict."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from prefgen.kit.parse_failure import ParseFailure
from prefgen.types import Reply

WHOLE = ("stop", None)
"""How a reply ends that is whole; None where a backend does not say."""
LONGEST_STATEMENT = 300
"""Characters of a line above which it is prose and no statement."""
_ONE_FENCE = re.compile(r"\A\s*```[^\n`]*\n(.*?)\n?```\s*\Z", re.DOTALL)
_MARKUP = re.compile(r"[*_`]+")
_SPACES = re.compile(r"\s+")
_TAKES_BACK = re.compile(
    r"\b(?:wait\b|actually|sorry|oops|scratch that|my mistake|mistaken|retract|edit|correction|corrected"
    r"|on (?:reflection|second thoughts?)|(?:closer|second|further) (?:look|inspection|review)|looking again"
    r"|just kidding|i meant|let me (?:re|correct|change)\w*|hmm|no,|swap(?:ped)?|mixed (?:up|the)|reversed"
    r"|opposite"
    r"|(?:rating|score|answer|verdict) (?:should|ought|must|needs|would)\b"
    r"|(?:chang|revis|reconsider|adjust|updat)(?:e|ed|es|ing)\b|instead of)",
    re.IGNORECASE,
)


def require_whole(reply: Reply) -> None:
    """Raises ParseFailure for a reply that was cut off: its last words are not there."""
    if reply.finish_reason not in WHOLE:
        found = f"one that ended by {reply.finish_reason!r}: {reply.text[-60:]!r}"
        raise ParseFailure("cut", f"expected a whole reply, found {found}")


def without_brackets(text: str, marks: str, brackets: Sequence[tuple[str, str]]) -> str:
    """A text without the marks and the brackets around it, at most four of these."""
    text = text.strip(marks)
    for _ in range(4):
        inside = text.rstrip(".")
        for opening, closing in brackets:
            if inside.startswith(opening) and inside.endswith(closing) and len(inside) > len(opening):
                text = inside[len(opening) : -len(closing)].strip(marks)
                break
        else:
            break
    return text


def takes_back(text: str) -> bool:
    """Whether a text speaks of changing what was said."""
    return _TAKES_BACK.search(text) is not None


@dataclass(frozen=True)
class Statement:
    """A line that may be a verdict, without markup, and where it stands in its reply."""

    text: str
    number: int
    """Of the line, among `reply_lines`."""
    is_alone: bool
    """Whether it is the whole reply."""
    is_last: bool
    is_introduced: bool
    """Whether the line before it leads up to it ("The text ends with:"), so that it may be a quotation."""


def reply_lines(text: str) -> list[str]:
    """The lines of a reply; of one that is one code fence those inside."""
    whole_fence = _ONE_FENCE.match(text)
    if whole_fence and "```" not in whole_fence[1]:
        text = whole_fence[1]
    return text.strip().splitlines()


def statements_of(lines: Sequence[str]) -> list[Statement]:
    """The lines of a reply that are not empty. Those in code fences are drafts, and quoted ones ("> ...") are
    somebody else's: both are left out.
    """
    filled = [number for number, line in enumerate(lines) if line.strip()]
    statements: list[Statement] = []
    in_fence, before, before_number = False, "", -1
    for number in filled:
        line = lines[number].strip()
        is_mark = line.startswith(("```", "~~~"))
        in_fence ^= is_mark
        if not is_mark and not in_fence and not line.startswith(">"):
            shown = _SPACES.sub(" ", _MARKUP.sub("", line)).strip() if len(line) <= LONGEST_STATEMENT else ""
            introduced = _leads_up(before, has_blank=number > before_number + 1)
            statements.append(Statement(shown, number, len(filled) == 1, number == filled[-1], introduced))
        before, before_number = line, number
    return statements


def _leads_up(before: str, *, has_blank: bool) -> bool:
    """Whether a line ends in the middle of a sentence that the next one ends."""
    bare = _MARKUP.sub("", before).rstrip()
    if bare.endswith((":", "：", "=", ",")):
        return True
    return bool(bare) and not (has_blank or _COMPLETE_LINE.match(bare))


_COMPLETE_LINE = re.compile(r"[-•#|]|\d+[.)]|[^.:]{1,40}[:=] ?\S|.*[.!?)。\"”\]}]$", re.DOTALL)
"""An item of a list, a heading, a value under its name, or a sentence that ends."""
