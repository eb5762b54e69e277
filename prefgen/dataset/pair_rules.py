"""What a row of a preference dataset must hold, rule by rule: here whatever one row shows by itself."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any

from prefgen.dataset.bad_rows import BadRows
from prefgen.dataset.cells import decoded, is_list, is_missing
from prefgen.dataset.conversation import taken_out
from prefgen.dataset.pair import (
    NotAPair,
    Turns,
    is_number,
    pair_messages,
    pair_problems,
    text_of,
    turn_problems,
)
from prefgen.text.asked_tags import asked_tags
from prefgen.text.leaks import find_leak
from prefgen.text.reasoning import split_reasoning
from prefgen.text.taken_out import taken_out_digests
from prefgen.text.unread_calls import is_unread_call
from prefgen.transport.endings import ending_of
from prefgen.transport.openai_protocol import content_text

RULES = {
    "form": "the row has prompt, chosen and rejected as text or as lists of messages",
    "same": "chosen and rejected differ, also after normalising white space and case",
    "empty": "chosen and rejected hold text",
    "turns": (
        "the prompt ends with the last user turn; chosen and rejected are the assistant's next turn; roles "
        "are valid"
    ),
    "scores": "scores are finite, chosen scores at least as much as rejected, margin is their difference, "
    "probabilities are within 0 to 1 and of chosen not below one half, no weight is below 0",
    "tie": "equal scores make a pair only where the row says that it is a tie",
    "truncated": "both sides are whole, or both were cut off by the token limit",
    "redacted": "no side is without a text that was taken out of a release (`prefgen restore` puts it back)",
    "leak": "no judge's text, chat-template token or undeclared reasoning inside a response",
    "format": "not one side alone holds reasoning",
    "truncation": "the sides differ also after the truncation of the training (where a tokenizer is given)",
    "contradiction": "within a prompt and rule, no pair is contradicted by another, and there is no cycle",
    "twice": "each pair stands once",
    "splits": "no prompt stands in two splits, nor one that is nearly the same (similarity 0.8)",
    "unknown": "source, license and models are known, or say that they are unknown",
    "repeated_chosen": "no single answer makes up more than the allowed share of chosen",
}
"""{rule: what it claims of a dataset}. Those that take more than one row are proven in
`prefgen.dataset.row_relations` and `prefgen.dataset.check`.
"""
ALLOWABLE = ("truncated", "leak", "format")
"""Rules that a dataset may be said to break on purpose."""
REDACTED = "redacted"
"""The rule that a release without its harmful texts breaks. It may be allowed where a dataset is proven, and
never where its rows are handed on.
"""
ORIGIN_COLUMNS = ("source", "license", "chosen_model", "rejected_model")
MARGIN_TOLERANCE = 1e-6
JUDGE_TEXT = re.compile(r"^</?text \d+>$|^#{2,4} Output for Text \d+", re.MULTILINE)
"""Fences and headings of judges' prompts."""
JUDGE_REPLY = re.compile(r"\A\s*Rating: ?\d+\s*(?:\n|\Z)|\A\s*Rationale:(?:.|\n)*\nRating: ?\d+\s*\Z")
"""What a judge answers, from end to end; a text that was asked to rate something may look like it."""
_ASKS_FOR_RATING = re.compile(r"\brat(?:e|ing)|review|\bscor|\bgrad", re.IGNORECASE)
Found = Iterator[tuple[str, str]]
"""(rule that is broken, what was found)."""


def broken_rules(
    row: Mapping[str, Any], prompt: Turns, chosen: Turns, rejected: Turns, *, allow: Collection[str] = ()
) -> Found:
    """Every rule that a row breaks by itself, but those that are allowed; the turns are those that
    `pair_messages` read from it.
    """
    yield from turn_problems(prompt, chosen, rejected)
    yield from pair_problems(row, chosen, rejected)
    if REDACTED not in allow:
        yield from _redacted(prompt, chosen, rejected)
    if "leak" not in allow:
        yield from _leaks(row, prompt, chosen, rejected)
    if "format" not in allow and row.get("reasoning") == "kept":  # else it is a leak
        yield from _formats(text_of(prompt), chosen, rejected)
    if "truncated" not in allow:
        yield from _truncated(row)
    yield from _scores(row)
    for name in ORIGIN_COLUMNS:
        if name in row and is_missing(row[name]):
            yield "unknown", f"{name} is {row[name]!r}; write 'unknown' where it is not known"


def proven_rows(
    rows: Iterable[tuple[str, Mapping[str, Any]]], bad_rows: BadRows, *, allow: Collection[str] = ()
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The rows that break no rule by themselves but those in `allow`; the others go to `bad_rows`."""

    def prove(row: Mapping[str, Any], where: str) -> Mapping[str, Any]:
        proven_turns(row, where, allow)
        return row

    return bad_rows.each(rows, prove)


def proven_turns(
    row: Mapping[str, Any], where: str, allow: Collection[str] = ()
) -> tuple[Turns, Turns, Turns]:
    """(prompt, chosen, rejected) of a row that breaks no rule by itself but those in `allow`. Raises
    NotAPair.
    """
    turns = pair_messages(row, where)
    for rule, found in broken_rules(row, *turns, allow=allow):
        raise NotAPair(found, where, rule)
    return turns


def _redacted(prompt: Turns, chosen: Turns, rejected: Turns) -> Found:
    """Sides in which a notice stands for a text: a model would learn to tell the notice."""
    for name, turns in (("the prompt", prompt), ("chosen", chosen), ("rejected", rejected)):
        if digests := taken_out_digests(text_of(turns)):
            yield REDACTED, f"{name} {taken_out(digests[0])}"


def _leaks(row: Mapping[str, Any], prompt: Turns, chosen: Turns, rejected: Turns) -> Found:
    asked, last = text_of(prompt), text_of([turn for turn in prompt if turn["role"] == "user"][-1:])
    standing = text_of([turn for turn in prompt if turn["role"] == "system"])
    keeps_reasoning, tools = row.get("reasoning") == "kept", _tools_of(row)
    for name, side in (("chosen", chosen), ("rejected", rejected)):
        text = text_of(side)
        said = [content_text(turn["content"]) for turn in side if turn["role"] == "assistant"]
        if tools and any(is_unread_call(content, tools, f"{standing}\n{last}") for content in said):
            yield "leak", f"{name} is a call of a tool as text, which nobody has read: {text.strip()[:60]!r}"
            continue
        if (leak := find_leak(text, last, standing, keeps_reasoning=keeps_reasoning)) is not None:
            yield "leak", f"{name} holds {leak.mark.strip()[:60]!r}"
            continue
        if not keeps_reasoning and _holds_unmarked_reasoning(text):
            yield "leak", f"{name} holds reasoning: {text.strip()[:40]!r}"
            continue
        judge_text = JUDGE_TEXT.search(text) or JUDGE_REPLY.search(text)
        if judge_text and not (judge_text.re is JUDGE_REPLY and _ASKS_FOR_RATING.search(asked)):
            yield "leak", f"{name} holds a judge's {judge_text[0].strip()[:60]!r}"


def _tools_of(row: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The tools that a row offers."""
    tools = decoded(row.get("tools"))
    return [tool for tool in tools if isinstance(tool, Mapping)] if is_list(tools) else []


def _holds_unmarked_reasoning(text: str) -> bool:
    """Whether a run would take a text apart that holds no mark of reasoning: words that a server left where
    it took the tokens between them away. Marks that were asked about are none.
    """
    return split_reasoning(text)[0] is not None and find_leak(text) is None


def _formats(asked: str, chosen: Turns, rejected: Turns) -> Found:
    """Reasoning on one side alone, which a model would learn instead of what the pair is about."""
    tags = asked_tags(asked)
    thinks = [
        name
        for name, side in (("chosen", chosen), ("rejected", rejected))
        if split_reasoning(text_of(side), tags)[0] is not None
    ]
    if len(thinks) == 1:
        yield "format", f"{thinks[0]} alone holds reasoning"


def _truncated(row: Mapping[str, Any]) -> Found:
    """Sides that did not end whole, by their columns (`prefgen.transport.endings`)."""
    words = {name: row.get(f"{name}_finish") for name in ("chosen", "rejected")}
    endings = {name: ending_of(word) for name, word in words.items() if isinstance(word, str) and word}
    cut = [name for name, ending in endings.items() if ending == "cut"]
    if len(cut) == 1:
        yield "truncated", f"{cut[0]} alone was cut by the token limit"
    for name, ending in endings.items():
        if ending in ("failed", "refused"):
            yield "truncated", f"{name} ended by {words[name]!r}, and is not known to be whole"


def _scores(row: Mapping[str, Any]) -> Found:
    """Scores that do not fit each other; that they are numbers is one of the pair's own problems."""
    chosen, rejected, margin = row.get("score_chosen"), row.get("score_rejected"), row.get("margin")
    if not (is_number(chosen) and is_number(rejected) and is_number(margin)):
        return
    if (chosen is None) != (rejected is None):
        yield "scores", "one side has a score and the other has none"
    if chosen is None or rejected is None:
        return
    tolerance = MARGIN_TOLERANCE * max(1.0, abs(chosen), abs(rejected)) + _rounding_of(margin)
    if chosen < rejected:
        yield "scores", f"chosen scores {chosen} and rejected {rejected}"
    elif margin is not None and abs(chosen - rejected - margin) > tolerance:
        yield "scores", f"margin is {margin}, the difference is {chosen - rejected}"
    elif chosen == rejected and not row.get("tie"):
        yield "tie", f"both score {chosen}"


def _rounding_of(margin: float | None) -> float:
    """Half a unit of the last place that a margin has behind its point; without a point it is not rounded."""
    if not isinstance(margin, float):
        return 0.0
    return 0.5 * 10.0 ** int(Decimal(repr(margin)).as_tuple().exponent)
