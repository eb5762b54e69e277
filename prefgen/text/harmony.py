"""Reasoning and answer of a reply in harmony, the format of gpt-oss: messages in channels, with the tokens
between them, and what is left of it where a server took the tokens away.
"""

import re
from collections.abc import Iterable

from prefgen.text.spoken_marks import MOST_MARKS, without_leading_lines

_CHANNEL = re.compile(
    r"<\|channel\|>(?P<channel>\w+)[^<]{0,80}(?:<\|constrain\|>[^<]{0,40})?<\|message\|>(?P<text>.*?)"
    r"(?:(?:<\|(?:end|return|call)\|>)\s*(?=<\|start\|>|\Z)|\Z)",
    re.DOTALL,
)
_OPENED_CHANNEL = re.compile(r"\s*(?:analysis|commentary|final)\b[^<\n]{0,60}<\|message\|>")
"""A message whose channel was opened by the prompt."""
_NEXT_MESSAGE = "<|start|>assistant<|channel|>"
_BARE_CHANNEL = re.compile(r"<\|channel\|>(?:analysis|commentary|final)\b")
_CHANNEL_WORDS = re.compile(
    r"\A\s*(?:assistant)?analysis\s?(?=\S)(?P<reasoning>.*)assistant(?:final|\s*\nfinal\s*\n)\s*", re.DOTALL
)
_FINAL_WORD = re.compile(r"\A\s*assistantfinal\s*(?=\S)")
_ANALYSIS_WORD = re.compile(r"\A\s*(?:assistantanalysis(?=\S)|analysis(?=[A-Z][\w'’]* \w))")
"""Harmony as it looks where a server took its tokens away and left the words between them."""


def split_words(text: str) -> tuple[str, str] | None:
    """(reasoning, answer) of harmony without its tokens, or None. Reasoning without an end has no
    answer.
    """
    if bare := _CHANNEL_WORDS.match(text):
        is_certain = bare[0].count("assistantfinal") <= 1
        return bare["reasoning"].strip(), text[bare.end() :] if is_certain else ""
    if final := _FINAL_WORD.match(text):
        return "", text[final.end() :]
    if analysis := _ANALYSIS_WORD.match(text):
        return text[analysis.end() :].strip(), ""
    return None


def split_channels(start: str) -> tuple[str | None, str] | None:
    """Harmony: the one message of the channel `final` is the answer, also where the prompt has opened the
    first channel. None where a text is no such message; several answers are none, and neither is one of
    which only a part of the tokens is left. `start` is a text without leading tokens.
    """
    if "<|message|>" not in start:
        is_bare = _BARE_CHANNEL.match(start) is not None
        return (start.strip(), "") if is_bare else None
    if _OPENED_CHANNEL.match(start):
        start = f"<|channel|>{start.lstrip()}"
    elif not re.match(r"<\|channel\|>\w", start) and _NEXT_MESSAGE in start:
        start = f"<|channel|>analysis<|message|>{start}"
    if not re.match(r"<\|channel\|>\w", start):
        return None
    if start.count("<|message|>") > MOST_MARKS:
        return start, ""
    messages = list(_CHANNEL.finditer(start))
    finals = [message["text"] for message in messages if message["channel"] == "final"]
    thoughts = [message["text"] for message in messages if message["channel"] != "final"]
    return joined(thoughts), without_leading_lines(f"\n{finals[0]}").rstrip() if len(finals) == 1 else ""


def joined(thoughts: Iterable[str]) -> str:
    """Thoughts one below the other."""
    return "\n\n".join(filled for thought in thoughts if (filled := thought.strip()))
