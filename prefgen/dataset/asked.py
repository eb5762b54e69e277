"""Which columns of a row hold what it asks: the one place that says so, whether the row is a prompt alone or
stands beside answers.

A column that asks is used, or the row is refused: two of them must say the same, and none is left out by the
name of its neighbour. What a mapping names is meant.
"""

import itertools
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from prefgen.dataset.answer_groups import SIDES, words_of_name
from prefgen.dataset.answer_keys import AnswerKeys
from prefgen.dataset.cells import as_optional_text, as_text, decoded, is_absent, is_list, is_missing
from prefgen.dataset.column_names import (
    ASKED_ABOUT,
    ASKED_BESIDE,
    ASKED_TOO,
    ASKING,
    ASKING_ALONE,
    INPUT_COLUMNS,
    KNOWN,
    SHOWN,
    Row,
    plain_name,
)
from prefgen.dataset.conversation import ROLES, known_role
from prefgen.dataset.held_texts import holds, holds_turns, texts_within
from prefgen.dataset.shown import is_shown
from prefgen.dataset.turns_beside import check_turns_beside
from prefgen.errors import RecipeError
from prefgen.types import Message


class Asked(NamedTuple):
    """The columns that ask: each of `columns` holds the prompt, `about` belongs to it, `history` went
    before.
    """

    columns: tuple[str, ...]
    about: tuple[str, ...] = ()
    history: str | None = None


def asked_columns(
    row: Row, columns: Mapping[str, str], where: str, *, of_form: str | None = None
) -> Asked | None:
    """The columns of a row that ask, None where it has none that holds something. `columns` are the names
    that somebody has mapped, `of_form` is the column in which the form of the row keeps its prompt. Raises
    RecipeError for what would be left out.
    """
    refuse_unread(row, columns, where)
    mapped = columns.get("messages") or columns.get("prompt")
    if mapped:
        names = (mapped,)
    else:
        names = _filled(ASKING, row)
        if of_form is not None and of_form not in names:
            names = (*_filled((of_form,), row), *names)
        names = names or _filled(ASKING_ALONE, row)
    if not names:
        return None
    history = columns.get("history", "history")
    return Asked(
        names,
        _about(row, names, columns, where),
        history if history not in names and not is_empty(row.get(history)) else None,
    )


def _filled(names: Iterable[str], row: Row) -> tuple[str, ...]:
    return tuple([name for name in names if name in row and not is_missing(row[name])])


def is_empty(value: Any) -> bool:
    """Whether a column that may be empty holds nothing, or an empty list."""
    return is_absent(value) or (is_list(value) and not value)


def refuse_unread(row: Row, columns: Mapping[str, str], where: str) -> None:
    """Raises RecipeError for what belongs to a conversation and stands where no reader takes it from."""
    for name, value in row.items():
        if (name in SHOWN and not is_empty(value)) or is_shown(value):
            raise RecipeError(
                f"{name} stands in a column of its own, and would be lost: put it among the parts of the "
                "prompt's content, or take the column away",
                where,
            )
    if "functions" in row and "tools" not in columns and not is_empty(row["functions"]):
        raise RecipeError(
            "functions is an earlier name of tools, and would be lost: map it (tools=functions)", where
        )
    if columns.get("messages") or columns.get("prompt"):
        return
    asking = {name: row[name] for name in ASKING if name in row and not is_missing(row[name])}
    sides = [row.get(columns.get(side, side)) for side in SIDES]
    beside = {*(ASKED_BESIDE if asking else ()), *(("text",) if "instruction" in asking else ())}
    for name in row:
        plain = plain_name(name) if isinstance(name, str) else ""
        is_lost = plain in ASKED_TOO or plain in beside or _is_of_system(plain)
        if not is_lost or name in columns.values() or (plain == "text" and _is_side(row[name], sides)):
            continue
        asked = [*asking.values(), _asked_by_sides(sides)]
        if plain == "available_tools":
            is_held = is_empty(row[name]) or decoded(row[name]) == decoded(row.get("tools"))
        else:
            is_held = _is_within(row[name], asked, plain)
        if not is_held:
            raise RecipeError(
                f"{name} stands beside {' and '.join(asking) or 'what is asked'}, and would be lost: "
                f"{_remedy(plain, name)}, or the prompt alone (prompt={next(iter(asking), 'NAME')})",
                where,
            )
    check_turns_beside(row, columns, sides, where)


_HISTORIES = (
    "chat_history", "conversation_history", "dialogue_history", "previous_turns", "prior_turns",
)  # fmt: skip
_TO_MAP = {
    **dict.fromkeys(_HISTORIES, "put its turns before those of the prompt"),
    "available_tools": "map it (tools=available_tools)",
    "chat_template_kwargs": "put what it says into the system turn, and its tools into tools",
    **dict.fromkeys(("choices", "options", "documents", "passages"), "write them into the prompt"),
}


_SYSTEM = frozenset(("system", "sys"))
_OF_SYSTEM = frozenset((
    *_SYSTEM, "developer", "custom", "prompt", "prompts", "message", "messages", "msg", "instruction",
    "instructions", "text",
))  # fmt: skip


@lru_cache(maxsize=8192)
def _is_of_system(plain: str) -> bool:
    """Whether a name is that of a system text, and not one that is read (`system`, `system_prompt`)."""
    words = set(words_of_name(plain))
    is_of_developer = "developer" in words and len(words) > 1  # one alone may be somebody
    return (bool(words & _SYSTEM) or is_of_developer) and words <= _OF_SYSTEM and plain not in KNOWN


def _remedy(plain: str, name: str) -> str:
    return _TO_MAP.get(plain) or ("call it system" if _is_of_system(plain) else f"map it (input={name})")


def _is_side(value: Any, sides: Sequence[Any]) -> bool:
    """Whether a text is that of one of the answers, as of the better one to be trained on alone."""
    return isinstance(value, str) and AnswerKeys(sides).of(value) in (0, 1)


def _asked_by_sides(sides: Sequence[Any]) -> Sequence[Any]:
    """The turns with which both sides begin, where they are whole conversations."""
    turns = [decoded(side) for side in sides]
    if not all(is_list(side) for side in turns):
        return []
    chosen, rejected = turns
    pairs = zip(chosen[:-1], rejected[:-1], strict=False)
    return [one for one, _ in itertools.takewhile(lambda pair: pair[0] == pair[1], pairs)]


def _is_within(value: Any, asking: Sequence[Any], name: str) -> bool:
    """Whether a column holds nothing but what one of those that ask says; of a history, turn by turn. A
    `text`, as Alpaca writes it, may be all of a row in one text.
    """
    if isinstance(data := decoded(value), Mapping) and name == "chat_template_kwargs":
        value = {key: setting for key, setting in data.items() if not isinstance(setting, int | float)}
    if isinstance(value, int | float):
        return True  # a setting, and nothing that is asked
    texts = texts_within(value)
    if not texts:
        return True
    for asked in asking:
        said = texts_within(asked)
        if name in _HISTORIES:
            is_held = holds_turns(asked, said, texts)
        else:
            is_held = all(any(holds(turn, text) for turn in said) for text in texts)
            if name == "text" and said and isinstance(value, str):
                is_held |= all(holds(value, text) for text in said)
        if is_held:
            return True
    return False


def _about(row: Row, names: Sequence[str], columns: Mapping[str, str], where: str) -> tuple[str, ...]:
    """The columns that the prompt is about."""
    if "input" in columns:
        return tuple(name for name in (columns["input"],) if not is_absent(row.get(name)))
    beside = [
        name for name in INPUT_COLUMNS if name in row and name not in names and not is_absent(row[name])
    ]
    if not beside:
        return ()
    if any(is_asked_about(name) for name in names):
        return tuple(beside)
    if "messages" in columns or "prompt" in columns:
        return ()
    for name in beside:
        if not any(isinstance(row[n], str) and str(row[name]).strip() in row[n] for n in names):
            raise RecipeError(
                f"{name} stands beside {names[0]}, and it is not known whether it is asked about: map it "
                f"(input={name}), or the prompt alone (prompt={names[0]})",
                where,
            )
    return ()


def is_asked_about(name: str) -> bool:
    """Whether a column is one that may be about something in a column of its own."""
    return plain_name(name) in ASKED_ABOUT


def with_inputs(row: Row, name: str, about: Sequence[str], where: str) -> Any:
    """The prompt column `name`; an instruction with the input that it is about, as Alpaca and Dolly keep
    them apart.
    """
    if not about:
        return row[name]
    texts = [as_text(row[name], name, where), *(as_optional_text(row[n], n, where) for n in about)]
    return "\n\n".join(text for text in texts if text is not None)


def check_role(row: Row, where: str) -> None:
    """Raises RecipeError for a text that its row says is of somebody else than a user."""
    given = row["role"]
    role = known_role(given)
    if isinstance(role, str) and role in ROLES and role != "user":
        raise RecipeError(f"the text is the {role}'s and no prompt (role: {given!r})", where)


def same_prompt(
    read: Mapping[str, tuple[Message, ...]], where: str, *, beside_answers: bool
) -> tuple[Message, ...]:
    """The one conversation that the columns hold; a text may be a user's turn of it, and beside answers
    its last turn. Raises RecipeError where they do not say the same.
    """
    if len(read) == 1:
        return next(iter(read.values()))
    fullest = max(read.values(), key=len)
    asks = [turn.text.strip() for turn in fullest if turn.role == "user"]
    for turns in read.values():
        is_turn = len(turns) == 1 and turns[0].text.strip() in (asks[-1:] if beside_answers else asks)
        if turns != fullest and not is_turn:
            raise RecipeError(
                f"{' and '.join(read)} ask, and do not say the same: map the one that is meant "
                f"(prompt={next(iter(read))})",
                where,
            )
    return fullest
