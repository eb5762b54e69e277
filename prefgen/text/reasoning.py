"""What of a reply is reasoning and what is the answer, where a server has not told them apart."""

import re
from collections.abc import Collection, Iterable, Sequence

from prefgen.text import harmony
from prefgen.text.asked_tags import is_asked_for
from prefgen.text.fences import open_fence
from prefgen.text.harmony import joined
from prefgen.text.model_marks import (
    ANSWER_MARKS,
    ASSISTANT_NAMES,
    END_TOKENS,
    REASONING_MARKS,
    REASONING_TAGS,
    REASONING_WORDS,
    TURN_TOKENS,
)
from prefgen.text.spoken_marks import (
    MOST_MARKS,
    PAIRS,
    SPEAKS_OF_IT,
    closing_of,
    is_between_sentences,
    is_quoted,
    line_around,
    names_a_mark,
    without_closed_code,
    without_code,
    without_leading_lines,
)


def any_of(marks: Iterable[str]) -> str:
    """A pattern of any of these texts, the longest first."""
    return "|".join(re.escape(mark) for mark in sorted(marks, key=len, reverse=True))


_TAG = f"(?:{any_of(REASONING_TAGS)})"
_IN_WORDS = tuple((before, after) for before, after in REASONING_MARKS if before[0].isalpha())
_MARKS = tuple(pair for pair in REASONING_MARKS if pair not in _IN_WORDS)
OPENER = re.compile(rf"(?i:<{_TAG}(?: [^<>\n]{{0,30}})?>)|{any_of(before for before, _ in _MARKS)}")
CLOSER = re.compile(
    rf"(?i:</{_TAG}>)|{any_of(after for _, after in _MARKS)}"
    rf"|^(?:{any_of(after for _, after in _IN_WORDS if after[0] == '[')})(?=\s*$)",
    re.MULTILINE,
)
_LEADING_TOKENS = re.compile(
    rf"\s*(?:(?!<\|channel\|>)(?:{any_of(TURN_TOKENS)})(?:{any_of(ASSISTANT_NAMES)})?\s*)*"
)
_ONLY_TOKENS = re.compile(rf"(?:<[|｜][\w▁]{{2,40}}[|｜]>|{any_of(END_TOKENS)}|\s)*")
_FENCE = re.compile(r"^ {0,3}(?:`{3,}|~{3,})(.*)$", re.MULTILINE)
_GLUED_ROLE = re.compile(r"assistant[^\S\n]*\n")


def split_reasoning(
    text: str, tags: Collection[str] = (), *, is_thought: bool = False
) -> tuple[str | None, str]:
    """(reasoning, answer) of a reply. Reasoning that is never closed leaves no answer, and neither does one
    of which it cannot be told where the answer begins; a text without any is the answer as it stands.
    `tags` are the names of those that belong to the answer; `is_thought` where the server itself gave
    reasoning beside it.

    A mark that closes reasoning counts also where the mark that opens it was part of the prompt, if no
    sentence speaks of it; a mark in code, or within a sentence, is spoken about. Where it is in doubt, the
    text stays whole, and `prefgen.text.leaks` finds the mark.
    """
    if not _may_hold_marks(text) and not (is_thought and "<" in text):
        return None, text
    start = text[_after_leading_tokens(text, 0) :] if "<|" in text else text
    split = harmony.split_channels(start) or harmony.split_words(text) or _split_words(text)
    if split is not None:
        return split
    plain = without_code(text)
    openers, closers = marks_of(plain, tags)
    if len(openers) + len(closers) > MOST_MARKS:
        return text.strip(), ""
    thoughts, position = list[str](), 0
    while True:
        opener = OPENER.match(plain, _after_leading_tokens(plain, position))
        if opener and not SPEAKS_OF_IT.match(plain, opener.end()) and not is_asked_for(opener, tags):
            closer = _matching_closer(plain, text, opener, (openers, closers))
            if closer is None:
                return joined([*thoughts, text[opener.end() :]]), ""
            if _is_element(opener, text[opener.end() : closer.start()]):
                break
            if _may_be_prose(text, opener, closer):
                return text.strip(), ""
            thoughts.append(text[opener.end() : closer.start()])
        elif thoughts or opener or (closer := _orphan_closer(text, plain, openers, closers)) is None:
            break
        else:
            thoughts.append(text[: closer.start()])
        position = closer.end()
    if not thoughts:
        return None, _without_answer_marks(text, tags, is_thought=is_thought)
    position = role.end() if (role := _GLUED_ROLE.match(text, position)) else position
    answer = without_leading_lines(text[position:])
    return joined(thoughts), _without_answer_marks(answer, tags, is_thought=True)


def marks_of(plain: str, tags: Collection[str] = ()) -> tuple[list[re.Match[str]], list[re.Match[str]]]:
    """The marks that open and that close reasoning, but those of `tags`; a pair with but a name between is
    spoken about.
    """
    openers = [mark for mark in OPENER.finditer(plain) if not is_asked_for(mark, tags)]
    closers = [mark for mark in CLOSER.finditer(plain) if not is_asked_for(mark, tags)]
    if not openers or not closers or len(openers) + len(closers) > MOST_MARKS:
        return openers, closers
    named = set[re.Match[str]]()
    for opener in openers:
        closer = CLOSER.search(plain, opener.end(), opener.end() + 50)
        if closer is not None and _is_named_pair(plain, opener, closer):
            named |= {opener, closer}
    spans = {mark.span() for mark in named}
    return [o for o in openers if o.span() not in spans], [c for c in closers if c.span() not in spans]


def _is_named_pair(plain: str, opener: re.Match[str], closer: re.Match[str]) -> bool:
    """Whether a sentence speaks of both: "the text in <think>…</think> tags", r"<think>.*?</think>"."""
    before = line_around(plain, *opener.span())[0]
    is_in_line = bool(before.strip()) and "\n" not in plain[opener.end() : closer.start()]
    is_led_to = names_a_mark(before) or before[-1:] in PAIRS
    return (
        is_in_line
        and is_led_to
        and (plain[closer.end() :][:1] in tuple("\"'`*)") or bool(SPEAKS_OF_IT.match(plain, closer.end())))
    )


def names_end_alone(asked: str) -> bool:
    """Whether a request names a mark that closes reasoning, and none that opens it: an answer may hold that
    mark, and looks then as if reasoning ended there.
    """
    return (
        ("</" in asked or "[/" in asked or "|>" in asked or "▷" in asked)
        and CLOSER.search(asked) is not None
        and OPENER.search(asked) is None
    )


def is_named_opener(plain: str, opener: re.Match[str]) -> bool:
    """Whether a mark that opens reasoning is quoted, or a sentence speaks of it."""
    if SPEAKS_OF_IT.match(plain, opener.end()) or is_quoted(plain, *opener.span()):
        return True
    before, after = line_around(plain, *opener.span())
    return names_a_mark(before) and (not after.strip() or not after[0].isalnum())


def _is_element(opener: re.Match[str], inside: str) -> bool:
    """Whether a tag with a name of everyday words opens an XML element that was asked for: it holds
    elements.
    """
    return opener[0].strip("<>").casefold() != "think" and re.match(r"\s*<\w", inside) is not None


_EVERYDAY_TAG = re.compile(r"<(?:thinking|thoughts?|reasoning)\b", re.IGNORECASE)
_TAG_OF_STORIES = re.compile(r"<thoughts?\b", re.IGNORECASE)
_OPENS_QUOTE = " \t\"'“‘(*_"


def _may_be_prose(text: str, opener: re.Match[str], closer: re.Match[str]) -> bool:
    """Whether a tag with a name of everyday words may be part of what a text tells ("<thought>Rain.</thought>
    He walked on."): the sentence goes on behind it, or, since stories tell thoughts, the line of one.
    """
    if not _EVERYDAY_TAG.match(opener[0]):
        return False
    rest = line_around(text, *closer.span())[1]
    if "\n" in text[opener.end() : closer.start()] or not rest.strip():
        return False
    goes_on = rest.lstrip(_OPENS_QUOTE)[:1].islower() or rest.lstrip().startswith((",", ";", ".", "–", "—"))
    return goes_on or (rest[0].isspace() and _TAG_OF_STORIES.match(opener[0]) is not None)


def _may_hold_marks(text: str) -> bool:
    """A look that is cheap: most replies hold none. It misses nothing that the long look finds."""
    return (
        ("<" in text and ("</" in text or "|>" in text or "<unused" in text))
        or ("[" in text and ("[/THINK]" in text or "[BEGIN FINAL" in text))
        or "▷" in text
        or _BEGINS_MARKED.match(text) is not None
    )


_BEGINS_MARKED = re.compile(
    r"\s*(?:[<\[\]◁]|analysis|assistant(?:analysis|final)|\**Here(?: |['’]s )|Thinking\.\.\.)"
)


def _after_leading_tokens(plain: str, position: int) -> int:
    match = _LEADING_TOKENS.match(plain, position)
    return match.end() if match else position


def _split_words(text: str) -> tuple[str, str] | None:
    """Reasoning that is announced and ended in words, as Granite does; words that begin it and never end it
    are a text like any other. Words that end it within a line may be part of the thought.
    """
    start = text.lstrip()
    for before, after in _IN_WORDS:
        if start.startswith(before) and (end := re.search(rf"^{re.escape(after)}", start, re.MULTILINE)):
            return start[len(before) : end.start()].strip(), without_leading_lines(start[end.end() :])
    for before, after in REASONING_WORDS:
        begin = re.match(rf"\**{before}\**", start)
        if begin is None:
            continue
        if end := re.search(rf"^[ \t]*\**{after}\**", start, re.MULTILINE):
            return start[begin.end() : end.start()].strip(), without_leading_lines(start[end.end() :])
        if re.search(after, start):
            return start, ""
    return None


def _matching_closer(
    plain: str,
    text: str,
    opener: re.Match[str],
    marks: tuple[Sequence[re.Match[str]], Sequence[re.Match[str]]],
) -> re.Match[str] | None:
    """The mark that closes what a mark has opened; None where it stays open, or is but named.

    One within a sentence, before another that closes, is spoken about.
    """
    start = opener.end()
    closers = [closer for closer in marks[1] if closer.start() >= start]
    if not closers:  # a fence that the reasoning leaves open hides it
        hidden = [c for c in CLOSER.finditer(text, start) if _begins_line(text, c.start())]
        closers = list(CLOSER.finditer(without_closed_code(text)[0], start)) or hidden[:1]
    openers = [o for o in marks[0] if o.start() >= start and _begins_line(plain, o.start())]
    found = sorted([*closers, *openers], key=lambda mark: mark.start())
    depth, closing = 1, set(closers)
    for mark, following in zip(found, [*found, None][1:], strict=True):
        if mark not in closing:
            depth += 1
        elif depth > 1 or following not in closing or is_between_sentences(plain, *mark.span()):
            depth -= 1
            if not depth:
                return mark
    return None


def _begins_line(plain: str, position: int) -> bool:
    """Whether nothing but a mark stands before it in its line."""
    before = line_around(plain, position, position)[0].rstrip()
    return not before or before.endswith(">")


def _orphan_closer(
    text: str, plain: str, openers: Sequence[re.Match[str]], closers: Sequence[re.Match[str]]
) -> re.Match[str] | None:
    """The last mark that closes reasoning which the prompt has opened; none where a text opens any itself, or
    a later one may be the end of it.
    """
    if (hidden := hidden_closer(text, plain)) is not None:
        fence = _FENCE.search(text, hidden.end())
        return hidden if fence and fence[1].strip() else None  # a bare one may end a block of code
    for closer in reversed(closers):
        closing = closing_of(plain, *closer.span())
        if closing == "named":
            continue
        is_opened = any(o.end() <= closer.start() and not is_named_opener(plain, o) for o in openers)
        return closer if closing == "ends" and not is_opened else None
    return None


def hidden_closer(text: str, plain: str) -> re.Match[str] | None:
    """A mark that closes reasoning, alone in its line, which looks like code since the thought before it
    leaves a fence open: what follows it has its own fences.
    """
    if plain is text or "\x00" not in plain:
        return None
    for closer in list(CLOSER.finditer(text))[:MOST_MARKS]:
        is_hidden = plain[closer.start()] == "\x00" and not any(
            map(str.strip, line_around(text, *closer.span()))
        )
        if not is_hidden or OPENER.search(text, 0, closer.start()):
            continue
        before, after = text[: closer.start()], text[closer.end() :]
        if open_fence(before) and not open_fence(after):
            return closer
    return None


def _without_answer_marks(answer: str, tags: Collection[str], *, is_thought: bool) -> str:
    """The answer without the marks around the whole of it; tags like <answer> are such after reasoning
    alone, where one that is not closed leaves no answer, and where nobody asked for them (`tags`).
    """
    inside = answer.strip()
    for before, after in ANSWER_MARKS:
        is_mark = (is_thought and before.strip("<>") not in tags) or "|" in before
        if not is_mark:
            continue
        if inside[: len(before)].casefold() != before.casefold():
            if is_thought and before in _ANSWERS_ALONE and _ends_in_answer(inside.casefold(), before, after):
                return ""
            continue
        ends = list(re.finditer(re.escape(after), inside, re.IGNORECASE))
        if not ends:
            return "" if is_thought else answer
        is_around = _ONLY_TOKENS.fullmatch(inside, ends[-1].end()) is not None
        if is_around and inside.casefold().count(before.casefold()) == 1:
            content = inside[len(before) : ends[-1].start()].strip()
            return answer if re.match(r"<\w", content) else content
        if before in _ANSWERS_ALONE and is_thought:  # of two texts, which is the answer?
            return ""
    return answer


_ANSWERS_ALONE = ("<answer>", "<final_answer>")
"""Tags that no document has."""


def _ends_in_answer(folded: str, before: str, after: str) -> bool:
    """Whether a text runs on into an answer between tags, with which it ends."""
    told = folded[: max(0, folded.rfind(before))]
    is_led_to = told.rstrip().endswith((":", "：")) or told.endswith(" ")
    return bool(told.strip()) and folded.endswith(after) and not is_led_to
