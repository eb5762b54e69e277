"""A row of pairs, in any of TRL's forms, as messages: read strictly, since what is read loosely here is
trained on.
"""

import itertools
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import orjson

from prefgen.dataset.cells import (
    as_messages_or_text,
    checked_cells,
    describe,
    is_absent,
    is_missing,
)
from prefgen.dataset.column_names import ASKING, INPUT_COLUMNS, Row
from prefgen.dataset.conversation import ROLES, UnknownRole, read_turns, turn_problem
from prefgen.dataset.missing_sides import remedy_of
from prefgen.dataset.same_turns import turns_key
from prefgen.errors import RecipeError
from prefgen.text.normalize import is_blank, same_text
from prefgen.transport.openai_protocol import content_text, encode_message

Turns = list[dict[str, Any]]
"""Messages as rows hold them: role and content (text, or parts where there are images), and tool calls."""
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
    _check_cells(row, where)
    names = ("prompt", "chosen", "rejected")
    prompt, chosen, rejected = (_side(row.get(name), name, where) for name in names)
    if chosen is None or rejected is None:
        raise NotAPair(
            f"expected chosen and rejected, found the columns {', '.join(map(str, row))}; {remedy_of(row)}",
            where,
        )
    if isinstance(chosen, str) != isinstance(rejected, str):
        raise NotAPair("chosen and rejected are not of the same form", where)
    chosen_turns = _parse_turns("assistant", chosen, "chosen", where)
    rejected_turns = _parse_turns("assistant", rejected, "rejected", where)
    if chosen_turns[0]["role"] == "assistant" or rejected_turns[0]["role"] == "assistant":  # answers alone
        if prompt is None:
            raise NotAPair(
                "the sides are answers and there is no prompt: name it, --columns prompt=NAME", where
            )
        prompt_turns = _parse_turns("user", prompt, "prompt", where)
    else:
        prompt_turns, chosen_turns, rejected_turns = _split_beginning(chosen_turns, rejected_turns, where)
        _check_asked(row, prompt_turns, (chosen_turns, rejected_turns), where)
    return _with_system(row, prompt_turns, where), chosen_turns, rejected_turns


def _check_cells(row: Row, where: str) -> None:
    """Raises NotAPair for a cell that could not be written again."""
    try:
        orjson.dumps(dict(row), default=str, option=orjson.OPT_NON_STR_KEYS)
    except (TypeError, RecursionError):  # a lone surrogate, deep nesting, or a whole number beyond 64 bits
        try:
            checked_cells(row, where)
        except RecipeError as error:
            raise NotAPair(str(error).removeprefix(f"{where}: "), where) from None


def _side(value: Any, name: str, where: str) -> Any:
    """A prompt or a side; None where the cell is empty, messages where it holds them as JSON text."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    try:
        return as_messages_or_text(value, name, where)
    except RecipeError as error:
        raise NotAPair(str(error).removeprefix(f"{where}: "), where) from None


def _split_beginning(chosen: Turns, rejected: Turns, where: str) -> tuple[Turns, Turns, Turns]:
    """(prompt, chosen, rejected) of two whole conversations: they begin alike up to a turn that the assistant
    answers in two ways.
    """
    shared = 0
    while shared < min(len(chosen), len(rejected)) - 1 and chosen[shared] == rejected[shared]:
        shared += 1
    while shared and chosen[shared - 1]["role"] not in ("user", "tool"):
        shared -= 1
    if not shared:
        raise NotAPair("chosen and rejected do not answer the same prompt", where, rule="turns")
    return chosen[:shared], chosen[shared:], rejected[shared:]


def _check_asked(row: Row, prompt: Turns, sides: tuple[Turns, Turns], where: str) -> None:
    """Raises NotAPair where a column that asks stands beside conversations that answer something else. A text
    is one of their user's turns; a conversation is their beginning, or one of them whole.
    """
    said = [text_of([turn]).strip() for turn in prompt if turn["role"] == "user"]
    has_inputs = any(name in row and not is_absent(row[name]) for name in INPUT_COLUMNS)
    for name in (*ASKING, *INPUT_COLUMNS):
        if name not in row or is_missing(row[name]):
            continue
        if isinstance(row[name], str) and row[name].strip() in said:
            continue  # also a text that looks like messages
        asked = _parse_turns("user", _side(row[name], name, where), name, where)
        text = text_of(asked).strip()
        wholes = [[*prompt, *side] for side in sides]
        if isinstance(row[name], str) and len(asked) == 1:
            agrees = any(text in turn for turn in said) if has_inputs else text in said
        else:
            agrees = asked in wholes or all(whole[: len(asked)] == asked for whole in wholes)
        if not agrees:
            raise NotAPair(f"the sides do not answer the {name} {text[:60]!r}", where, rule="turns")


def _with_system(row: Row, prompt: Turns, where: str) -> Turns:
    """The prompt with the system text that stands in a column of its own."""
    texts = {name: row[name] for name in ("system", "system_prompt") if not is_absent(row.get(name))}
    for name, text in texts.items():
        if not isinstance(text, str):
            raise NotAPair(f"{name} must be text, found {describe(text)}", where)
    if prompt[:1] and prompt[0]["role"] == "system":
        texts["the prompt's system turn"] = prompt[0]["content"]
        prompt = prompt[1:]
    if len(set(map(str, texts.values()))) > 1:
        raise NotAPair(f"{' and '.join(texts)} are not the same", where, rule="turns")
    return [{"role": "system", "content": next(iter(texts.values()))}, *prompt] if texts else prompt


def validated_pair(row: Row, where: str) -> tuple[Turns, Turns, Turns]:
    """What `pair_messages` gives of a row that may be handed on: nothing in `pair_problems` speaks against
    it. Raises NotAPair.
    """
    prompt, chosen, rejected = pair_messages(row, where)
    for rule, problem in itertools.chain(
        turn_problems(prompt, chosen, rejected), pair_problems(row, chosen, rejected)
    ):
        raise NotAPair(problem, where, rule)
    return prompt, chosen, rejected


def turn_problems(prompt: Turns, chosen: Turns, rejected: Turns) -> Iterator[tuple[str, str]]:
    """("turns", what was found): orders of roles in which no trainer may be handed a pair."""
    empty = [turn["role"] for turn in prompt if is_blank(text_of([turn])) and turn["role"] != "tool"]
    if empty:
        yield "empty", f"the prompt has an empty {empty[0]} turn"
    roles = [str(turn["role"]) for turn in prompt]
    if not roles or roles[-1] not in ("user", "tool"):
        yield "turns", f"the prompt does not end with a user turn (roles: {', '.join(roles) or 'none'})"
    elif set(roles) - set(ROLES):
        yield "turns", f"roles are not valid: {', '.join(roles)}"
    elif (problem := turn_problem(roles)) is not None:
        yield "turns", problem
    elif roles[0] not in ("system", "user"):
        yield "turns", f"the prompt begins with a turn of the {roles[0]}"
    for name, side in (("chosen", chosen), ("rejected", rejected)):
        side_roles = [str(turn["role"]) for turn in side]
        if not side or side_roles[0] != "assistant":
            yield "turns", f"{name} is not the assistant's turn"
        elif side_roles[-1] != "assistant" or set(side_roles) - set(ROLES) or "system" in side_roles:
            yield "turns", f"{name} does not end with the assistant's turn (roles: {', '.join(side_roles)})"
        elif (problem := turn_problem(side_roles)) is not None:
            yield "turns", f"{name}: {problem}"
    asked = [[turn for turn in side if turn["role"] == "user"] for side in (chosen, rejected)]
    if asked[0] != asked[1]:
        yield "turns", "the turns of the user within chosen and rejected are not the same"


def pair_problems(row: Row, chosen: Turns, rejected: Turns) -> Iterator[tuple[str, str]]:
    """(rule of `prefgen.dataset.pair_rules`, what was found): why nobody may be handed this pair, whatever it
    is for.
    """
    chosen_text, rejected_text = text_of(chosen), text_of(rejected)
    sides = {"chosen": chosen_text, "rejected": rejected_text}
    empty = [name for name, text in sides.items() if is_blank(text)]
    if empty:
        yield "empty", f"{empty[0]} is empty"
    elif same_text(chosen_text, rejected_text) or (
        not is_text_alone(chosen, rejected) and turns_key(chosen) == turns_key(rejected)
    ):
        yield "same", f"chosen and rejected are the same: {chosen_text[:60]!r}"
    for name in NUMBERS:
        if not is_number(row.get(name)):
            yield "scores", f"{name} is {row[name]!r}, which is no finite number"
            return
    if not isinstance(row.get("tie"), bool | None):
        yield "scores", f"tie is {row['tie']!r}, which is neither true nor false"
    probability, weight = row.get("chosen_probability"), row.get("weight")
    if probability is not None and not 0 <= probability <= 1:
        yield "scores", f"chosen_probability is {probability}, and probabilities lie within 0 to 1"
    elif probability is not None and probability < 0.5:
        yield "scores", f"chosen_probability is {probability}: by its own label the rejected side is better"
    margin = row.get("margin")
    if margin is not None and margin < 0:
        yield "scores", f"margin is {margin}: by its own label the rejected side is better"
    if weight is not None and weight < 0:
        yield "scores", f"weight is {weight}, and weights are not below 0"


def text_of(turns: Sequence[Mapping[str, Any]]) -> str:
    """What one side says, or a prompt: the texts of its turns, and the calls of tools that they are."""
    return "\n".join(_text_of_turn(turn) for turn in turns)


def _text_of_turn(turn: Mapping[str, Any]) -> str:
    content, calls = content_text(turn["content"]), turn.get("tool_calls")
    return f"{content}{json.dumps(calls, sort_keys=True)}" if calls else content


def is_text_alone(*sides: Sequence[Mapping[str, Any]]) -> bool:
    """Whether turns hold nothing but role and text (no calls of tools, no images, no names), for forms that
    have no place for more.
    """
    turns = itertools.chain.from_iterable(sides)
    return not any(
        turn.keys() - {"role", "content"} or not isinstance(turn["content"], str) for turn in turns
    )


def is_number(value: Any) -> bool:
    """Whether a column that may be empty is empty, or a finite number."""
    if value is None:
        return True
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number beyond all floats
        return False


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
    """Messages; a text is one of `role`, and may be empty, which `pair_problems` says. Raises NotAPair."""
    if isinstance(value, str) and not value.strip():
        return [{"role": role, "content": value}]
    try:
        messages = read_turns(value, where, name=name, role=role)
        if any(message.reasoning for message in messages):
            raise NotAPair(
                f"{name} has reasoning beside its content, for which pairs have no place: put it into the "
                "content, or take it away",
                where,
            )
        return [encode_message(message) for message in messages]
    except NotAPair:
        raise
    except RecipeError as error:
        found = str(error).removeprefix(f"{where}: ")
        raise NotAPair(found, where, "turns" if isinstance(error, UnknownRole) else "form") from None
