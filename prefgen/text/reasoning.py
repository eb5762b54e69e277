"""What of a reply is reasoning and what is the answer, where a server has not told them apart."""

import re
from collections.abc import Iterable

from prefgen.text.model_marks import (
    ANSWER_MARKS,
    ASSISTANT_NAMES,
    REASONING_MARKS,
    REASONING_TAGS,
    TURN_TOKENS,
)


def any_of(marks: Iterable[str]) -> str:
    """A pattern of any of these texts, the longest first."""
    return "|".join(re.escape(mark) for mark in sorted(marks, key=len, reverse=True))


_TAG = f"(?:{any_of(REASONING_TAGS)})"
_WORDS_AFTER = tuple(after for _, after in REASONING_MARKS if after.endswith(":"))
OPENER = re.compile(rf"<{_TAG}>|{any_of(before for before, _ in REASONING_MARKS)}", re.IGNORECASE)
CLOSER = re.compile(
    rf"</{_TAG}>|{any_of(after for _, after in REASONING_MARKS if after not in _WORDS_AFTER)}", re.IGNORECASE
)
_CLOSING_WORDS = re.compile(rf"^(?:{any_of(_WORDS_AFTER)})", re.MULTILINE)
"""They end reasoning only where words have begun it."""
_LEADING_TOKENS = re.compile(
    rf"\s*(?:(?!<\|channel\|>)(?:{any_of(TURN_TOKENS)})(?:{any_of(ASSISTANT_NAMES)})?\s*)*"
)
_CODE = re.compile(r"```.*?```|`[^`\n]*`", re.DOTALL)
_CHANNEL = re.compile(
    r"<\|channel\|>(?P<channel>\w+)[^<]*(?:<\|constrain\|>[^<]*)?<\|message\|>"
    r"(?P<text>.*?)(?=<\|(?:end|return|call|start|channel)\|>|\Z)",
    re.DOTALL,
)
_CHANNEL_WORDS = re.compile(
    r"\A\s*analysis(?=[A-Z\"'])(?P<reasoning>.*)assistant(?:commentary.*assistant)?final", re.DOTALL
)
"""Harmony as it looks where a server took its tokens away and left the words between them."""
_CONNECTIVE = re.compile(r"\s*(?:and|or|to|vs\.?|…|\.\.\.|[,/&-])\s*")


def split_reasoning(text: str) -> tuple[str | None, str]:
    """(reasoning, answer) of a reply. Reasoning that is never closed leaves no answer; a text without any is
    the answer as it stands.

    A mark that closes reasoning counts also where the mark that opens it was part of the prompt, if it stands
    between two sentences; a mark in code, or within a sentence, is spoken about.
    """
    if not _may_hold_marks(text):
        return None, text
    plain = without_code(text)
    start = _after_leading_tokens(plain, 0)
    if plain.startswith("<|channel|>", start):
        return _read_channels(text[start:])
    if bare := _CHANNEL_WORDS.match(plain):
        return bare["reasoning"].strip(), text[bare.end() :].lstrip()
    thoughts, position = list[str](), 0
    while True:
        start = _after_leading_tokens(plain, position)
        if opener := OPENER.match(plain, start):
            closer = _matching_closer(plain, opener)
            if closer is not None and is_spoken_about(plain, opener, closer):
                break
            if closer is None:
                return _joined([*thoughts, text[opener.end() :]]), ""
            thoughts.append(text[opener.end() : closer.start()])
        else:
            closer = _orphan_closer(plain, position)
            if closer is None:
                break
            thoughts.append(text[position : closer.start()])
        position = closer.end()
    return (_joined(thoughts), _without_answer_marks(text[position:].lstrip())) if thoughts else (None, text)


def _may_hold_marks(text: str) -> bool:
    """A look that is cheap: most replies hold none."""
    return (
        "</" in text
        or "|>" in text
        or text[:64].lstrip().startswith(("<", "[", "◁", "analysis", "Here"))
        or "[/THINK]" in text
        or "/think▷" in text
        or "<unused" in text
    )


def without_code(text: str) -> str:
    """A text of the same length with code, in which marks are spoken about, blanked out."""
    return _CODE.sub(lambda code: "\x00" * len(code[0]), text) if "`" in text else text


def _after_leading_tokens(plain: str, position: int) -> int:
    match = _LEADING_TOKENS.match(plain, position)
    return match.end() if match else position


def _joined(thoughts: Iterable[str]) -> str | None:
    return "\n\n".join(filled for thought in thoughts if (filled := thought.strip()))


def _read_channels(text: str) -> tuple[str | None, str]:
    """Harmony: the last message of the channel `final` is the answer."""
    messages = list(_CHANNEL.finditer(text))
    finals = [message["text"] for message in messages if message["channel"] == "final"]
    thoughts = [message["text"] for message in messages if message["channel"] != "final"]
    return _joined(thoughts), finals[-1].strip() if finals else ""


def _matching_closer(plain: str, opener: re.Match[str]) -> re.Match[str] | None:
    """The mark that closes what a mark has opened; None where it stays open.

    One within a sentence, before another that closes, is spoken about.
    """
    start, closers = opener.end(), list(CLOSER.finditer(plain, opener.end()))
    if opener[0].endswith(":"):
        closers += _CLOSING_WORDS.finditer(plain, start)
    openers = [inner for inner in OPENER.finditer(plain, start) if _begins_line(plain, inner.start())]
    marks = sorted([*closers, *openers], key=lambda mark: mark.start())
    depth = 1
    for mark, following in zip(marks, [*marks, None][1:], strict=True):
        if mark in openers:
            depth += 1
        elif depth > 1 or following not in closers or is_between_sentences(plain, *mark.span()):
            depth -= 1
            if not depth:
                return mark
    return None


def is_spoken_about(plain: str, opener: re.Match[str], closer: re.Match[str]) -> bool:
    """Whether two marks are but named: "<think> and </think> are the tags"."""
    is_connected = _CONNECTIVE.fullmatch(plain, opener.end(), closer.start()) is not None
    return is_connected and not is_between_sentences(
        f"{closer[0]}{plain[closer.end() :][:100]}", 0, len(closer[0])
    )


def _begins_line(plain: str, position: int) -> bool:
    """Whether nothing but a mark stands before it in its line."""
    before = plain[:position].rpartition("\n")[2].rstrip()
    return not before or before.endswith(">")


def _orphan_closer(plain: str, position: int) -> re.Match[str] | None:
    """The last mark that closes reasoning which the prompt has opened: before any block further down."""
    openers = (opener.start() for opener in OPENER.finditer(plain, position))
    block = next((start for start in openers if _begins_line(plain, start)), len(plain))
    closers = [c for c in CLOSER.finditer(plain, position, block) if is_between_sentences(plain, *c.span())]
    return closers[-1] if closers else None


def is_between_sentences(plain: str, start: int, end: int) -> bool:
    """Whether one text ends before a mark and another begins after it, so that no sentence speaks of it."""
    before, after = plain[max(0, start - 100) : start].rstrip(" \t"), plain[end : end + 100].lstrip(" \t")
    ends = not before or before[-1] in "\n\x00.!?…。！？:：\"'”’)]}*"
    begins = not after or after[0] in "\n\x00{[(<\"'“*#-" or after[0].isdigit() or not after[0].islower()
    return ends and begins and after[:1] not in (",", ".", ";", ")", "?", "!")


def _without_answer_marks(answer: str) -> str:
    """The answer without the marks around the whole of it."""
    inside = answer.rstrip()
    for before, after in ANSWER_MARKS:
        if inside.startswith(before) and inside.endswith(after) and inside.count(before) == 1:
            return inside[len(before) : -len(after)].strip()
    return answer
