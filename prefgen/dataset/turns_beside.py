"""Lists of turns, or of tools, under names that no reader knows: what is told by their value belongs to the
conversation, and is held by what is asked, or would be lost.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

from prefgen.dataset.answer_groups import SIDES, text_of_answer
from prefgen.dataset.answer_keys import AnswerKeys, Turns, answer_turns
from prefgen.dataset.cells import checked_cells, decoded, is_absent, is_list, is_missing
from prefgen.dataset.column_names import (
    ASKED_TOO,
    ASKING,
    ASKING_ALONE,
    INPUT_COLUMNS,
    KNOWN,
    Row,
    plain_name,
)
from prefgen.dataset.held_texts import holds, holds_turns
from prefgen.dataset.offered_tools import tools_in
from prefgen.dataset.rounds import conversations_in
from prefgen.dataset.same_turns import keys_of
from prefgen.errors import RecipeError
from prefgen.transport.openai_protocol import content_text

_OTHERWISE_KNOWN = ("labelling_prompt", "subset", "id", "prompt_id", "uuid")
"""What Argilla asked a judge about a row, RewardBench's category, and ids, whatever they look like."""


def check_turns_beside(row: Row, columns: Mapping[str, str], sides: Sequence[Any], where: str) -> None:
    """Raises RecipeError for turns that neither the prompt nor a side has, and for tools that are not those
    of the row.
    """
    try:
        _check(row, columns, sides, where)
    except ValueError:  # half of a surrogate pair
        checked_cells(row, where)
        raise


def _check(row: Row, columns: Mapping[str, str], sides: Sequence[Any], where: str) -> None:
    for name in _unknown(tuple(row)):
        value = row[name]
        if name in columns.values() or (isinstance(value, str) and value.lstrip()[:1] not in ("[", "{")):
            continue
        if tools := tools_in(str(name), value):
            offered: Any = decoded(row.get(columns.get("tools", "tools")))
            if tools != ([decoded(tool) for tool in offered] if is_list(offered) else offered):
                raise RecipeError(
                    f"{name} holds tools, and would be lost: map it (tools={name}), or the prompt alone",
                    where,
                )
            continue
        found = conversations_in(str(name), value)
        if not all(_is_held(turns, row, columns, sides) for turns in found):
            raise RecipeError(
                f"{name} holds turns that what is asked does not have, and would be lost: put them before "
                "those of the prompt if they are asked; if not, take the column away, or map what is asked "
                "(prompt=NAME)",
                where,
            )


@lru_cache(maxsize=256)
def _unknown(names: tuple[Any, ...]) -> tuple[Any, ...]:
    """The names that no reader knows."""
    known = (*KNOWN, *SIDES, *_OTHERWISE_KNOWN)
    return tuple(name for name in names if name not in known and plain_name(str(name)) not in ASKED_TOO)


def _is_held(items: Turns, row: Row, columns: Mapping[str, str], sides: Sequence[Any]) -> bool:
    """Whether turns are those that are asked, in their order, with one answer behind them or none; those of
    an answer, or both of a prompt and of a side.
    """
    asked = list(_asked(row, columns, sides))
    if not asked:
        return True  # whoever reads the row says that it asks nothing
    whole = answer_turns(items)
    is_answered = bool(whole) and whole[-1]["role"] == "assistant"
    turns = whole[:-1] if is_answered else whole
    if not turns:
        return is_answered
    keys = keys_of(turns)
    if any(_are_within(keys, keys_of(those)) for those in asked):
        return True
    if whole[0]["role"] == "assistant" and is_answered:  # an answer of several turns, to the same questions
        said = keys_of([turn for turn in turns if turn["role"] != "assistant"])
        answers = [side for side in map(answer_turns, sides) if side and side[0]["role"] == "assistant"]
        if any(_are_within(said, keys_of(side)) for side in answers):
            return True
    answered = [those for those in asked if len(those) > 1 and those[-1].get("role") == "assistant"]
    if any(keys[: len(those)] == keys_of(those) for those in answered):
        return True  # what was said after a side
    if _asks_a_judge(content_text(turns[-1]["content"]).strip(), asked, sides):
        return True
    written = [row[name] for name in _names(row, columns) if isinstance(row[name], str)]
    is_of_side = is_answered and AnswerKeys(sides).of(whole[-1:]) in (0, 1)
    texts = [content_text(turn["content"]).strip() for turn in (turns if is_of_side else whole)]
    return any(holds_turns(text, (), texts) for text in written)


def _asks_a_judge(text: str, asked: Sequence[Turns], sides: Sequence[Any]) -> bool:
    """Whether a turn holds what was asked last and both answers, and more."""
    answers = [text_of_answer(side) for side in sides]
    asked_turns = [turn for those in asked for turn in those if turn.get("role") == "user"]
    questions = [content_text(turn["content"]).strip() for turn in asked_turns]
    holds_answers = all(isinstance(answer, str) and answer and holds(text, answer) for answer in answers)
    return holds_answers and text not in questions and any(holds(text, question) for question in questions)


def _are_within(keys: Sequence[bytes], others: Sequence[bytes]) -> bool:
    rest = iter(others)
    return all(key in rest for key in keys)


def _names(row: Row, columns: Mapping[str, str]) -> Sequence[str]:
    names = (*ASKING, *ASKING_ALONE, *INPUT_COLUMNS, columns.get("input", "input"))
    return [name for name in dict.fromkeys(names) if not is_missing(row.get(name))]


def _asked(row: Row, columns: Mapping[str, str], sides: Sequence[Any]) -> Iterator[Turns]:
    """The conversations that a row may hold: what it asks, alone and with each side behind it, and sides that
    are whole.
    """
    system = [row.get(name) for name in (columns.get("system", "system"), "system_prompt")]
    texts = [text for text in system if isinstance(text, str) and text.strip()]
    before = [{"role": "system", "content": text} for text in texts[:1]]
    before = [*before, *_history(row.get(columns.get("history", "history")))]
    answers = [answer_turns(side) for side in sides]
    for turns in answers:
        if turns and turns[0]["role"] != "assistant":
            yield [*before, *turns]
    names = _names(row, columns)
    texts = [row[name] for name in names if isinstance(row[name], str)]
    prompts = [_user_turns(row[name]) for name in names]
    if len(texts) > 1:
        prompts.append([{"role": "user", "content": "\n\n".join(texts)}])
    for prompt in prompts:
        for answer in ([], *answers):
            yield [*before, *prompt, *answer]


def _user_turns(asked: Any) -> Turns:
    turns = answer_turns(asked)
    is_text = isinstance(asked, str) and len(turns) == 1 and turns[0]["role"] == "assistant"
    return [{"role": "user", "content": turns[0]["content"]}] if is_text else turns


def _history(value: Any) -> Turns:
    """The turns of Alpaca's rounds."""
    rounds: Any = decoded(value)
    if is_absent(value) or not is_list(rounds):
        return []
    roles = ("user", "assistant")
    return [
        {"role": role, "content": str(text)}
        for pair in rounds
        if is_list(pair) and len(pair) == 2
        for role, text in zip(roles, pair, strict=True)
    ]
