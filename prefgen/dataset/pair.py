"""A row of pairs, in any of TRL's forms, as messages: read strictly, since what is read loosely here is
trained on.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from prefgen.errors import RecipeError
from prefgen.text.normalize import same_text

Row = Mapping[str, Any]
Turns = list[dict[str, str]]
NUMBERS = ("score_chosen", "score_rejected", "margin", "chosen_probability", "weight")
"""Columns of a pair that hold numbers, where they hold anything."""


class NotAPair(RecipeError):
    """A row that is no pair; `found` is what is wrong with it, without the place, and `rule` the rule that it
    breaks.
    """

    def __init__(self, found: str, where: str, rule: str = "form") -> None:
        self.found, self.rule = found, rule
        super().__init__(found, where)


def pair_messages(row: Row, where: str) -> tuple[Turns, Turns, Turns]:
    """(prompt, chosen, rejected) as messages of role and content. Raises NotAPair."""
    prompt, chosen, rejected = row.get("prompt"), row.get("chosen"), row.get("rejected")
    if chosen is None or rejected is None:
        raise NotAPair(f"expected chosen and rejected, found the columns {', '.join(map(str, row))}", where)
    if isinstance(chosen, str) != isinstance(rejected, str):
        raise NotAPair("chosen and rejected are not of the same form", where)
    if isinstance(chosen, str):
        if prompt is None:
            raise NotAPair("chosen is text and there is no prompt", where)
        prompt_turns = _parse_turns("user", prompt, "prompt", where)
        return (
            prompt_turns,
            _parse_turns("assistant", chosen, "chosen", where),
            _parse_turns("assistant", rejected, "rejected", where),
        )
    chosen_turns, rejected_turns = (
        _parse_turns("", chosen, "chosen", where),
        _parse_turns("", rejected, "rejected", where),
    )
    if prompt is None or isinstance(prompt, str):  # the common beginning
        if chosen_turns[:-1] != rejected_turns[:-1] or not chosen_turns[:-1]:
            raise NotAPair("chosen and rejected do not answer the same prompt", where, rule="turns")
        return chosen_turns[:-1], chosen_turns[-1:], rejected_turns[-1:]
    return _parse_turns("user", prompt, "prompt", where), chosen_turns, rejected_turns


def validated_pair(row: Row, where: str) -> tuple[Turns, Turns, Turns]:
    """What `pair_messages` gives of a row that may be handed on: nothing in `pair_problems` speaks against
    it. Raises NotAPair.
    """
    prompt, chosen, rejected = pair_messages(row, where)
    for _, problem in pair_problems(row, chosen, rejected):
        raise NotAPair(problem, where)
    return prompt, chosen, rejected


def pair_problems(row: Row, chosen: Turns, rejected: Turns) -> Iterator[tuple[str, str]]:
    """(rule of `prefgen.dataset.pair_rules`, what was found): why nobody may be handed this pair, whatever it
    is for.
    """
    chosen_text, rejected_text = text_of(chosen), text_of(rejected)
    empty = [
        name for name, text in (("chosen", chosen_text), ("rejected", rejected_text)) if not text.strip()
    ]
    if empty:
        yield "empty", f"{empty[0]} is empty"
    elif same_text(chosen_text, rejected_text):
        yield "same", f"chosen and rejected are the same: {chosen_text[:60]!r}"
    for name in NUMBERS:
        if not is_number(row.get(name)):
            yield "scores", f"{name} is {row[name]!r}, which is no finite number"
            return
    probability, weight = row.get("chosen_probability"), row.get("weight")
    if probability is not None and not 0 <= probability <= 1:
        yield "scores", f"chosen_probability is {probability}, and probabilities lie within 0 to 1"
    if weight is not None and weight < 0:
        yield "scores", f"weight is {weight}, and weights are not below 0"


def text_of(turns: Turns) -> str:
    """What one side says, or a prompt: the texts of its turns."""
    return "\n".join(turn["content"] for turn in turns)


def is_number(value: Any) -> bool:
    """Whether a column that may be empty is empty, or a finite number."""
    return value is None or (
        isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    )


def single_turn_pair(row: Row, where: str, format_name: str) -> tuple[Turns, dict[str, str], dict[str, str]]:
    """(prompt, chosen, rejected), each side one turn, for forms that know no more. Raises NotAPair where a
    side has several.
    """
    prompt, chosen, rejected = validated_pair(row, where)
    shared_count = 0
    while (
        shared_count < min(len(chosen), len(rejected)) - 1 and chosen[shared_count] == rejected[shared_count]
    ):
        shared_count += 1
    prompt, chosen, rejected = (
        [*prompt, *chosen[:shared_count]],
        chosen[shared_count:],
        rejected[shared_count:],
    )
    if len(chosen) > 1 or len(rejected) > 1:
        raise NotAPair(
            f"{format_name} takes one turn a side, and a side of this pair has "
            f"{max(len(chosen), len(rejected))}",
            where,
        )
    return prompt, chosen[0], rejected[0]


def _parse_turns(role: str, value: Any, name: str, where: str) -> Turns:
    """Messages; a text is one of `role`."""
    turns: Any = [{"role": role, "content": value}] if isinstance(value, str) else value
    if not isinstance(turns, Sequence) or not all(isinstance(turn, Mapping) for turn in turns):
        raise NotAPair(f"{name} is neither text nor a list of messages: {str(value)[:60]!r}", where)
    messages: Turns = []
    for turn in turns:
        turn_role, content = turn.get("role"), turn.get("content")
        if not isinstance(turn_role, str) or not isinstance(content, str):
            raise NotAPair(
                f"a message of {name} has no role or no text as its content: {str(dict(turn))[:80]!r}", where
            )
        try:
            content.encode()
        except UnicodeEncodeError:
            raise NotAPair(f"{name} is not valid Unicode: it holds half of a surrogate pair", where) from None
        messages.append({"role": turn_role, "content": content})
    return messages
