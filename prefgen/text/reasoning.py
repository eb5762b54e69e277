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
_IN_WORDS = tuple((before, after) for before, after in REASONING_MARKS if before[0].isalpha())
_MARKS = tuple(pair for pair in REASONING_MARKS if pair not in _IN_WORDS)
OPENER = re.compile(rf"<{_TAG}(?: [^<>\n]{{0,30}})?>|{any_of(before for before, _ in _MARKS)}", re.IGNORECASE)
CLOSER = re.compile(rf"</{_TAG}>|{any_of(after for _, after in _MARKS)}", re.IGNORECASE)
_LEADING_TOKENS = re.compile(
    rf"\s*(?:(?!<\|channel\|>)(?:{any_of(TURN_TOKENS)})(?:{any_of(ASSISTANT_NAMES)})?\s*)*"
)
_CODE = re.compile(r"(?P<fence>`{3,}|~{3,}).*?(?P=fence)|`[^`\n]*`", re.DOTALL)
_CHANNEL = re.compile(
    r"<\|channel\|>(?P<channel>\w+)[^<]{0,80}(?:<\|constrain\|>[^<]{0,40})?<\|message\|>(?P<text>.*?)"
    r"(?:(?:<\|(?:end|return|call)\|>)\s*(?=<\|start\|>|\Z)|\Z)",
    re.DOTALL,
)
_OPENED_CHANNEL = re.compile(r"\s*(?:analysis|commentary|final)\b[^<\n]{0,60}<\|message\|>")
"""A message whose channel was opened by the prompt."""
_NEXT_MESSAGE = "<|start|>assistant<|channel|>"
_CHANNEL_WORDS = re.compile(
    r"\A\s*(?:assistant)?analysis\s?(?=\S)(?P<reasoning>.*)assistant\s?final\s*", re.DOTALL
)
"""Harmony as it looks where a server took its tokens away and left the words between them."""
SPEAKS_OF_IT = re.compile(
    r"[,:)]| (?:and|or|to|is|are|was|means?|marks?|begins?|starts?|ends?|opens?|closes?|stands?|wraps?|helps?"
    r"|tokens?|tags?|has|have|names?)\b"
)
"""How a sentence goes on whose subject is a mark."""


def split_reasoning(text: str) -> tuple[str | None, str]:
    """(reasoning, answer) of a reply. Reasoning that is never closed leaves no answer, and neither does one
    of which it cannot be told where the answer begins; a text without any is the answer as it stands.

    A mark that closes reasoning counts also where the mark that opens it was part of the prompt, if no
    sentence speaks of it; a mark in code, or within a sentence, is spoken about.
    """
    if not _may_hold_marks(text):
        return None, text
    if "<|message|>" in text and (channels := _channels_of(text)) is not None:
        return channels
    if bare := _CHANNEL_WORDS.match(text):
        is_certain = bare[0].count("assistantfinal") == 1
        return bare["reasoning"].strip(), text[bare.end() :] if is_certain else ""
    if (in_words := _split_words(text)) is not None:
        return in_words
    plain = without_code(text)
    thoughts, position = list[str](), 0
    while True:
        start = _after_leading_tokens(plain, position)
        opener = OPENER.match(plain, start)
        if opener and not SPEAKS_OF_IT.match(plain, opener.end()):
            closer = _matching_closer(plain, text, opener)
            if closer is None:
                return _joined([*thoughts, text[opener.end() :]]), ""
            if _is_element(opener, text[opener.end() : closer.start()]):
                break
            thoughts.append(text[opener.end() : closer.start()])
        elif thoughts or opener or (closer := _orphan_closer(plain)) is None:
            break
        else:
            thoughts.append(text[: closer.start()])
        position = closer.end()
    answer = text[position:].lstrip() if thoughts else text
    return (_joined(thoughts) if thoughts else None), _without_answer_marks(answer, is_thought=bool(thoughts))


def _is_element(opener: re.Match[str], inside: str) -> bool:
    """Whether a tag with a name of everyday words opens an XML element that was asked for: it holds
    elements.
    """
    return opener[0].strip("<>").casefold() != "think" and re.match(r"\s*<\w", inside) is not None


def _may_hold_marks(text: str) -> bool:
    """A look that is cheap: most replies hold none."""
    return (
        "</" in text
        or "|>" in text
        or "[/THINK]" in text
        or "/think▷" in text
        or "<unused" in text
        or _BEGINS_MARKED.match(text) is not None
    )


_BEGINS_MARKED = re.compile(r"\s*(?:[<\[◁]|analysis|assistantanalysis|Here|Thinking\.\.\.)")


def without_code(text: str) -> str:
    """A text of the same length with code, in which marks are spoken about, blanked out."""
    if "`" not in text and "~~~" not in text:
        return text
    return _CODE.sub(lambda code: "\x00" * len(code[0]), text)


def _after_leading_tokens(plain: str, position: int) -> int:
    match = _LEADING_TOKENS.match(plain, position)
    return match.end() if match else position


def _joined(thoughts: Iterable[str]) -> str:
    return "\n\n".join(filled for thought in thoughts if (filled := thought.strip()))


def _channels_of(text: str) -> tuple[str | None, str] | None:
    """Harmony: the one message of the channel `final` is the answer, also where the prompt has opened the
    first channel. None where a text is no such message; several answers are none.
    """
    start = text[_after_leading_tokens(text, 0) :]
    if _OPENED_CHANNEL.match(start):
        start = f"<|channel|>{start.lstrip()}"
    elif not re.match(r"<\|channel\|>\w", start) and _NEXT_MESSAGE in start:
        start = f"<|channel|>analysis<|message|>{start}"
    if not re.match(r"<\|channel\|>\w", start):
        return None
    messages = list(_CHANNEL.finditer(start))
    finals = [message["text"] for message in messages if message["channel"] == "final"]
    thoughts = [message["text"] for message in messages if message["channel"] != "final"]
    return _joined(thoughts), finals[0].strip() if len(finals) == 1 else ""


def _split_words(text: str) -> tuple[str, str] | None:
    """Reasoning that is announced and ended in words, as Granite does; words that begin it and never end it
    are a text like any other.
    """
    start = text.lstrip()
    for before, after in _IN_WORDS:
        if start.startswith(before) and (end := re.search(rf"^{re.escape(after)}", start, re.MULTILINE)):
            return start[len(before) : end.start()].strip(), start[end.end() :].lstrip()
    return None


def _matching_closer(plain: str, text: str, opener: re.Match[str]) -> re.Match[str] | None:
    """The mark that closes what a mark has opened; None where it stays open, or is but named.

    One within a sentence, before another that closes, is spoken about.
    """
    start, closers = opener.end(), list(CLOSER.finditer(plain, opener.end()))
    if not closers:  # a fence that the reasoning leaves open hides it
        closers = [c for c in CLOSER.finditer(text, start) if _begins_line(text, c.start())][:1]
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


def _begins_line(plain: str, position: int) -> bool:
    """Whether nothing but a mark stands before it in its line."""
    before = plain[:position].rpartition("\n")[2].rstrip()
    return not before or before.endswith(">")


def _orphan_closer(plain: str) -> re.Match[str] | None:
    """The last mark that closes reasoning which the prompt has opened; none where a text opens any itself."""
    if OPENER.search(plain):
        return None
    closers = [c for c in CLOSER.finditer(plain) if is_between_sentences(plain, *c.span())]
    return closers[-1] if closers else None


def is_between_sentences(plain: str, start: int, end: int) -> bool:
    """Whether one text ends before a mark and another begins after it, so that no sentence speaks of it: it
    is glued to a word, alone in its line, at the end of one, or between a full stop and a new beginning.
    """
    before, after = plain[max(0, start - 100) : start], plain[end : end + 100]
    line_before, line_after = before.rpartition("\n")[2].strip(), after.partition("\n")[0].strip()
    spoken = after.startswith(('"', "'", "`", "*", ")", ",", ".", ";", "|"))
    if before.rstrip().endswith((":", "：", ",")) or spoken:
        return False
    if before[-1:].isalnum():
        return True
    if not line_before or not line_after:
        is_named = _NAMES_IT.search(line_before) is not None
        goes_on = not line_before and bool(before.strip()) and after.lstrip()[:1].islower()
        return before[-1:] not in tuple("\"'*(“‘") and not is_named and not goes_on
    begins = line_after[0].isdigit() or not line_after[0].islower()
    return line_before[-1] in "\x00.!?…。！？)]}" and (begins or before[-1:] != " ")


_NAMES_IT = re.compile(
    r"\b(?:to|with|at|by|the|an?|and|or|until|after|before|of|in|tags?|tokens?|marks?) ?\Z", re.IGNORECASE
)
"""How a line ends that names a mark."""


def _without_answer_marks(answer: str, *, is_thought: bool) -> str:
    """The answer without the marks around the whole of it; tags like <answer> are such after reasoning
    alone.
    """
    inside = answer.strip()
    for before, after in ANSWER_MARKS:
        is_mark = is_thought or "|" in before
        lower = inside.casefold()
        is_around = lower.startswith(before.casefold()) and lower.endswith(after.casefold())
        if is_mark and is_around and lower.count(before.casefold()) == 1:
            content = inside[len(before) : -len(after)].strip()
            return answer if re.match(r"<\w", content) else content
    return answer


def is_spoken_about(plain: str, opener: re.Match[str], closer: re.Match[str]) -> bool:
    """Whether two marks are but named: "<think> and </think> are the tags"."""
    return len(plain[opener.end() : closer.start()].strip()) <= 3 and not is_between_sentences(
        plain[closer.start() :], 0, len(closer[0])
    )
