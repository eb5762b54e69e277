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
_ONE_FENCE = re.compile(r"\A\s*(?P<fence>`{3,}|~{3,})[^\n`]*\n(?P<inside>.*?)\n?(?P=fence)\s*\Z", re.DOTALL)
_FENCE_MARK = re.compile(r"(?P<mark>`{3,}|~{3,})(?P<info>.*)")
_RULE = re.compile(r"[-*_=]{3,}")
_MARKUP = re.compile(r"[*_`]+")
_SPACES = re.compile(r"\s+")
_EMOJI = "\u2600-\u27bf\u2b00-\u2bff\U0001f000-\U0001faff\ufe0f\u200d"
_LAST_EMOJI = re.compile(rf"\s*[{_EMOJI}]+\Z")
WITHDRAWALS = (
    r"oops|hold on|(?:scratch|strike) that|my (?:mistake|bad)|retract|i meant"
    r"|on (?:reflection|reconsideration|second thoughts?)"
)
"""What is said of a verdict that is withdrawn, whatever it is a verdict on."""
_TAKES_BACK = re.compile(
    rf"\b(?:{WITHDRAWALS}|wait\b|actually|sorry|mistaken|edit|correction|corrected|apolog\w+"
    r"|(?:closer|second|further) (?:look|inspection|review)|looking again|vice versa|mis(?:judg|read|took)\w*"
    r"|just kidding|let me (?:re|correct|change)\w*|hmm|no[,.]|swap(?:ped)?|mixed (?:up|the)"
    r"|reversed?|opposite|disagree"
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
    is_first: bool
    is_last: bool
    is_introduced: bool
    """Whether the line before it leads up to it ("The text ends with:"), so that it may be a quotation."""
    aspect: str
    """The heading of one aspect under which it stands, or empty."""
    is_partial: bool
    """Whether that is one of several, and so it is the verdict on that alone."""


def reply_lines(text: str) -> list[str]:
    """The lines of a reply; of one that is one code fence those inside."""
    whole_fence = _ONE_FENCE.match(text)
    if whole_fence and "```" not in whole_fence["inside"] and "~~~" not in whole_fence["inside"]:
        text = whole_fence["inside"]
    return text.strip().splitlines()


def statements_of(lines: Sequence[str]) -> list[Statement]:
    """The lines of a reply that are not empty. Those in code fences are drafts, and quoted ones ("> ...") are
    somebody else's: both are left out.
    """
    filled = [n for n, line in enumerate(lines) if line.strip() and not _RULE.fullmatch(line.strip())]
    statements: list[Statement] = []
    aspects: set[str] = set()
    fence, aspect, before, before_number = "", "", "", -1
    for number in filled:
        line = lines[number].strip()
        was_fenced, fence = bool(fence), _fence_after(fence, line)
        if not was_fenced and not fence and not line.startswith(">"):
            shown = _shown(line) if len(line) <= LONGEST_STATEMENT else ""
            if (heading := _HEADING.fullmatch(shown)) is not None:
                aspect = "" if _IS_OF_ALL.search(heading[1]) else heading[1].casefold()
                aspects |= {aspect} - {""}
            introduced = _leads_up(before, has_blank=number > before_number + 1)
            is_value = len(shown) <= LONGEST_VALUE and not re.search("[:：]", shown)
            if is_value and _NAME_LINE.fullmatch(name := _shown(before)):
                shown, introduced = f"{name.rstrip(':： ')}: {shown}", False
            statements.append(
                Statement(
                    shown, number,
                    is_alone=len(filled) == 1, is_first=number == filled[0], is_last=number == filled[-1],
                    is_introduced=introduced, aspect=aspect, is_partial=bool(aspect) and len(aspects) > 1,
                )
            )  # fmt: skip
        before, before_number = line, number
    return statements


def _fence_after(fence: str, line: str) -> str:
    """The mark of the fence that is open after a line: one is closed by its like, as long or longer."""
    mark = _FENCE_MARK.match(line)
    if mark is None:
        return fence
    if not fence:
        return mark["mark"]
    is_end = mark["mark"].startswith(fence) and not mark["info"].strip()
    return "" if is_end else fence


def _shown(line: str) -> str:
    """A line as it is shown: without markup, and a value between tags under its name."""
    bare = _SPACES.sub(" ", _MARKUP.sub("", line)).strip()
    tagged = _TAGGED.fullmatch(bare)
    return _LAST_EMOJI.sub("", f"{tagged[1]}: {tagged[2]}" if tagged else bare)


def _leads_up(before: str, *, has_blank: bool) -> bool:
    """Whether a line ends in the middle of a sentence that the next one ends."""
    bare = _MARKUP.sub("", before).rstrip()
    if bare.endswith((":", "：", "=", ",")):
        return _CONCLUDES.fullmatch(bare) is None
    if has_blank:
        return _OPEN_END.search(bare) is not None
    return bool(bare) and not _COMPLETE_LINE.match(bare)


LONGEST_VALUE = 60
"""Characters of a line that is the value of the name in the line before."""
_NAMES = r"rating|score|grade|verdict|answer|winner|choice|decision|judge?ment|preference"
_TAGGED = re.compile(rf"<({_NAMES})> ?(.*?) ?</\1>", re.IGNORECASE)
_NAME_LINE = re.compile(
    rf"(?:#+ )?(?:(?:the|my) )?(?:(?:final|overall) )?(?:{_NAMES}) ?[:：]?", re.IGNORECASE
)
_CONCLUDES = re.compile(
    rf"(?:#+ )?(?:in )?(?:conclusion|summary|(?:here is )?(?:my |the )?(?:final |overall )?"
    rf"(?:{_NAMES}|assessment|evaluation))[:：,]",
    re.IGNORECASE,
)
"""A line that leads up to the verdict itself."""
_OPEN_END = re.compile(
    r"\b(?:(?:write|say|read|state|claim|ask|begin|end|output|respond|repl(?:y|ie)|answer|include|contain)"
    r"(?:s|ed)?|said|wrote|with|to|me|is|are|was|would|follows|following)\Z",
    re.IGNORECASE,
)
"""How a line ends that goes on below a blank line."""
_COMPLETE_LINE = re.compile(rf"[-•#|]|\d+[.)]|[^.:]{{1,40}}[:=] ?\S|.*[.!?)。\"”\]}}{_EMOJI}]$", re.DOTALL)
"""An item of a list, a heading, a value under its name, or a sentence that ends."""
_HEADING = re.compile(r"(?:#+ ?|(?=(?:criterion|aspect|dimension)\b))(.+)", re.IGNORECASE)
_IS_OF_ALL = re.compile(
    rf"final|overall|conclu|summar|result|better|recommend|{_NAMES}|evaluat|assess|analy|reason|compar|thought"
    r"|explan|step|critique|review|feedback|strength|weakness|pros|cons|discuss|rationale"
    r"|\b(?:text|response|reply|assistant|option)\b",
    re.IGNORECASE,
)
"""Headings under which a verdict is no verdict on one aspect."""
