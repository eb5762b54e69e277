"""How an answer can end: the words of servers, each of which means whole, cut, refused or failed."""

import re
from collections.abc import Mapping
from typing import Literal

Ending = Literal["whole", "cut", "refused", "failed"]
WORDS: Mapping[Ending, tuple[str, ...]] = {
    "whole": (
        "stop", "eos", "eos_token", "end_turn", "stop_sequence", "stop_token", "complete", "completed",
        "finished", "finish", "end", "end_of_text", "end_of_turn", "stop_str", "stop_string", "stop_word",
        "tool_calls", "tool_call", "tool_use", "function_call",
    ),
    "cut": (
        "length", "max_tokens", "max_output_tokens", "max_length", "model_length", "token_limit",
        "max_new_tokens", "limit", "context_length", "model_context_window_exceeded",
    ),
    "refused": (
        "content_filter", "safety", "refusal", "recitation", "prohibited_content", "blocklist", "spii",
        "sensitive", "guardrail_intervened", "content_filtered", "image_safety",
        "image_prohibited_content", "prohibited", "error_toxic",
    ),
    "failed": (
        "error", "abort", "aborted", "cancel", "cancelled", "canceled", "failed", "timeout", "load",
        "insufficient_system_resource", "malformed_function_call", "unexpected_tool_call", "other",
        "incomplete",
    ),
}  # fmt: skip
"""{ending: the words that mean it}, in small letters. Any other word is `failed`: nobody knows that it is
whole.
"""
USUAL_WORD: Mapping[Ending, str] = {"whole": "stop", "cut": "length", "refused": "content_filter"}
"""How the rest of the project spells an ending."""
_ENDINGS: Mapping[str, Ending] = {word: ending for ending, words in WORDS.items() for word in words}
NO_WORDS = ("", "null", "none")
"""What some servers write for null."""
_CALLS = ("tool_calls", "tool_call", "tool_use", "function_call")


_SPELLED_BEFORE = re.compile(r"finish_?reason[._]")


def _word_of(finish_reason: str) -> str:
    """A finish reason in small letters, without the name of its type and what is said behind it
    ("FinishReason.STOP", "content_filter: PROHIBITED_CONTENT", "content-filter").
    """
    word = _SPELLED_BEFORE.sub("", finish_reason.strip().casefold()).partition(":")[0].strip()
    return word.replace("-", "_")


def is_known(finish_reason: str) -> bool:
    """Whether the table has the word."""
    return _word_of(finish_reason) in _ENDINGS


def says_nothing(finish_reason: str | None) -> bool:
    """Whether it is null, or a word for it."""
    return finish_reason is None or finish_reason.strip().casefold() in NO_WORDS


def ending_of(finish_reason: str | None) -> Ending:
    """What a finish reason means. None, which some servers give always, says nothing and counts as whole."""
    if finish_reason is None or says_nothing(finish_reason):
        return "whole"
    return _ENDINGS.get(_word_of(finish_reason), "failed")


def usual_word(finish_reason: str | None) -> str | None:
    """A finish reason as OpenAI spells it; one that means `failed` stays as it came."""
    if finish_reason is None or finish_reason in ("stop", "length"):  # as nearly all are
        return finish_reason
    if says_nothing(finish_reason):
        return None
    word = _word_of(finish_reason)
    return "tool_calls" if word in _CALLS else USUAL_WORD.get(ending_of(word), finish_reason)
