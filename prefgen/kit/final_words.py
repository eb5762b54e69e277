"""Which words of a reply are its last ones: what was cut off, quoted, drafted or taken back is no verdict."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from prefgen.kit.parse_failure import ParseFailure
from prefgen.kit.verdict_context import NAMES, heading_in, is_led_up_to
from prefgen.types import Reply

WHOLE = ("stop", None)
"""How a reply ends that is whole; None where a backend does not say."""
LONGEST_SENTENCE = 300
"""Characters of a sentence above which it is prose and states no verdict; its line may still doubt one."""
_ONE_FENCE = re.compile(r"\A\s*(?P<fence>`{3,}|~{3,})[^\n`]*\n(?P<inside>.*?)\n?(?P=fence)\s*\Z", re.DOTALL)
_FENCE_MARK = re.compile(r"(?P<mark>`{3,}|~{3,})(?P<info>.*)")
_RULES_AT_END = re.compile(r"(?<=\n)[ \t]*[-*_=]{3,}[ \t]*\Z")
_ASK_ME = r"(?:let me know|feel free to (?:ask|reach out))"
_IF_NEEDED = (
    r"if you(?: have| need| want| would like|['’]d like)(?: a(?= [a-z]{2})| (?!(?:but|although|though|however"
    r"|yet|not?|yes|text|response|me|lower\w*|raise\w*|chang\w*|revis\w*|that|which|why|because|missing|wrong|wins?|better|worse|best|(?:violat|fail"
    r"|lack)\w*)\b)[a-z'’-]{2,20}){1,10}"
)
"""An offer of more, which names no label, no number and no fault."""
_FAREWELL = (
    r"(?:(?:i )?hope (?:that|this) helps|thank you|thanks|done"
    rf"|(?:please |just )?{_ASK_ME} {_IF_NEEDED}|{_IF_NEEDED}, (?:please |just )?{_ASK_ME})[.!]*"
)
"""What a reply may say at its end that is no part of it."""
_WHOLE_FAREWELL = re.compile(_FAREWELL, re.IGNORECASE)
_FAREWELLS_AT_END = re.compile(rf"(?<=\n)(?:{_FAREWELL}\s*){{1,2}}\Z", re.IGNORECASE)
_RULE = re.compile(r"[-*_=]{3,}")
_MARKUP = re.compile(r"[*_`]+")
_SPACES = re.compile(r"\s+")
_ADORNMENT = "⭐🌟✨🏆🥇🎉😊🙂📝\ufe0f "
"""Emoji that only adorn a verdict: a cross or a thumb down would turn it round."""
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


_WITHDRAWS = re.compile(
    rf"\b(?:{WITHDRAWALS}|wait\b|let me re\w*|misread|misjudged|(?:lower|raise) (?:this|it|that|the|my)\b"
    r"|wrong order|swapped"
    r"|labels (?:\w+ )?(?:are|were) (?:reversed|exchanged)|a guess"
    r"|i (?:cannot|can't|can’t) (?:judge|decide|say|tell)|just kidding|joking"
    r"|(?:i|we) (?:then )?(?:deduct|subtract)\w*"
    r"|(?:rating|score|overall|verdict) (?:should|ought|must|needs|would)\b"
    r"|(?:chang|revis|reconsider|adjust)(?:e|ed|es|ing) (?:my|the|this|it|to)\b)"
    r"|(?:\A|[.!?:]\s+|\n[ \t]*)(?:(?:sorry|actually|correction|corrected|edit|hmm)\b|no[,.])",
    re.IGNORECASE,
)
"""Words that take a verdict back; a reason may well say of a text that it "actually" fails."""


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


def withdraws(reasons: str) -> bool:
    """Whether the reasons of a verdict take it back."""
    return _WITHDRAWS.search(reasons) is not None


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
    """The heading of one part under which it stands, and so may be a verdict on that alone; or empty."""
    opens_part: bool
    """Whether that heading stands right before it, and so it is one on that alone."""


def reply_lines(text: str) -> list[str]:
    """The lines of a reply, without a farewell; of one that is one code fence those inside."""
    whole_fence = _ONE_FENCE.match(text)
    if whole_fence and "```" not in whole_fence["inside"] and "~~~" not in whole_fence["inside"]:
        text = whole_fence["inside"]
    text = _TAGGED_LINES.sub(r"<\1>\2</\1>", text).strip()
    return _FAREWELLS_AT_END.sub("", _RULES_AT_END.sub("", text)).strip().splitlines()


def is_farewell(words: str) -> bool:
    """Whether words are what a reply may say at its end that is no part of it, and nothing else."""
    return _WHOLE_FAREWELL.fullmatch(words) is not None


def statements_of(lines: Sequence[str]) -> list[Statement]:
    """The lines of a reply that are not empty. Those in code fences are drafts, and quoted ones ("> ...") are
    somebody else's: both are left out.
    """
    filled = [n for n, line in enumerate(lines) if line.strip() and not _RULE.fullmatch(line.strip())]
    statements: list[Statement] = []
    fence, aspect, before = "", "", ""
    before_number = heading_number = -1
    for number, next_number in zip(filled, [*filled[1:], len(lines) - 1], strict=False):
        line = lines[number].strip()
        was_fenced, fence = bool(fence), _fence_after(fence, line)
        if not was_fenced and not fence and not line.startswith(">"):
            shown = _shown(line)
            introduced = is_led_up_to(before, has_blank=number > before_number + 1)
            is_value = len(shown) <= LONGEST_VALUE and not re.search("[:：]", shown)
            if is_value and statements and _NAME_LINE.fullmatch(name := _shown(before)):
                shown, introduced = f"{name.rstrip(':： ')}: {shown}", statements[-1].is_introduced
            statements.append(
                Statement(
                    shown, number,
                    is_alone=len(filled) == 1, is_first=number == filled[0], is_last=number == filled[-1],
                    is_introduced=introduced, aspect=aspect,
                    opens_part=bool(aspect) and before_number == heading_number,
                )
            )  # fmt: skip
            is_underlined = number + 1 < len(lines) and _RULE.fullmatch(lines[number + 1].strip()) is not None
            below = lines[number + 1 if is_underlined else next_number]
            if (heading := heading_in(line, below)) is not None:
                aspect, heading_number = heading, number
        before, before_number = line, number
    return statements


def open_fence(lines: Sequence[str]) -> int | None:
    """The number of the line that opened a code fence which stays open at the end, or None."""
    fence, opened = "", 0
    for number, line in enumerate(lines):
        was_fenced, fence = bool(fence), _fence_after(fence, line.strip())
        opened = opened if was_fenced else number
    return opened if fence else None


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
    return (f"{tagged[1]}: {tagged[2]}" if tagged else bare).rstrip(_ADORNMENT)


LONGEST_VALUE = 60
"""Characters of a line that is the value of the name in the line before."""
_TAGGED = re.compile(rf"<({NAMES})> ?(.*?) ?</\1>", re.IGNORECASE)
_TAGGED_LINES = re.compile(rf"^<({NAMES})>\n([^\n<>]{{1,60}})\n</\1>", re.IGNORECASE | re.MULTILINE)
_NAME_LINE = re.compile(rf"(?:#+ )?(?:(?:the|my) )?(?:(?:final|overall) )?(?:{NAMES}) ?[:：]?", re.IGNORECASE)
