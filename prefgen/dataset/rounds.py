"""The conversations that a cell holds, in whatever form people keep them: told by what stands there. What
other things look like as well (a question and its answer, pairs of texts, a turn alone) is one only where a
name says so.
"""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import dropwhile
from typing import Any

from prefgen.dataset.answer_groups import words_of_name
from prefgen.dataset.cells import decoded, is_list, is_message, is_missing
from prefgen.dataset.column_names import ASKING
from prefgen.dataset.conversation import known_role

Turns = Sequence[Mapping[str, Any]]
_Sides = tuple[Turns, Turns]
_ROLES = ("user", "assistant")
_SPEAKERS = ("role", "from", "speaker", "sender", "author", "type", "name")
_SAID = ("content", "value", "text", "message", "utterance")
"""Keys of a turn."""
_OF_TURN = frozenset((*_SAID, "turn", "msg", "input", "prompt", "query", "response", "reply", "output"))
"""Words behind a role in the key of what it says (`user_message`)."""
_QUESTIONS = frozenset(("input", "question", "prompt", "instruction", "query"))
_ANSWERS = frozenset(("output", "answer", "response", "completion"))
"""Keys of rounds, of examples, and of tests of code."""
_KEYS = frozenset((*_SPEAKERS, *_SAID, *_QUESTIONS, *_ANSWERS))
_CONVERSATIONS = frozenset((
    "conversation", "conversations", "conv", "convs", "dialog", "dialogs", "dialogue", "dialogues", "chat",
    "chats", "history", "previous", "prior", "past", "earlier", "round", "rounds", "turn", "turns", "thread",
    "session", "sessions", "message", "messages", "utterance", "utterances", "exchanges",
))  # fmt: skip
_BEHIND = frozenset((
    "log", "logs", "context", "list", "json", "text", "data", "raw", "so", "far", "qa", "pairs",
))  # fmt: skip
"""Words at the end of a name that change nothing of what it is."""
_NAME = re.compile(r"[!-~]{1,40}(?<![.?!])")
"""A text that may be the name of somebody: one word, which ends no sentence."""


def conversations_in(name: str, value: Any) -> Sequence[Turns]:
    """Each conversation of a cell: messages, rounds of one user and one assistant or several, lists of these,
    and a mapping that holds one.
    """
    return _conversations(decoded(value), is_named=_is_of_conversation(name))


def _conversations(data: Any, *, is_named: bool, depth: int = 3) -> Sequence[Turns]:
    if not depth or not data:
        return []
    if isinstance(data, Mapping):
        return _of_mapping(data, is_named=is_named, depth=depth - 1)
    if not is_list(data):
        return []
    items = [item for item in data if isinstance(item, Mapping)]
    if items:
        return _of_items(items, is_named=is_named) or [
            turns for item in items for turns in _held(item, depth=depth - 1)
        ]
    if not all(is_list(item) and item for item in data):
        return []
    if all(len(item) == 2 and _is_text(item[0]) and isinstance(item[1], str | None) for item in data):
        sides = [_turn(role, said) for item in data for role, said in zip(_ROLES, item, strict=True)]
        return [[turn for turn in sides if turn["content"]]] if is_named else []
    inner = [_of_items(item, is_named=is_named) for item in data if _are_mappings(item)]
    return [turns for found in inner for turns in found]


@lru_cache(maxsize=8192)
def _is_of_conversation(name: str) -> bool:
    """Whether a name says that a conversation stands there, and nothing about one."""
    words = [word for word in words_of_name(name) if len(word) > 1 and not word.isdigit()]
    return next(dropwhile(_BEHIND.__contains__, reversed(words)), "") in _CONVERSATIONS


def _are_mappings(items: Sequence[Any]) -> bool:
    return all(isinstance(item, Mapping) for item in items)


def _held(data: Mapping[Any, Any], *, depth: int) -> Sequence[Turns]:
    """The conversations that a mapping holds in a list under the name of one."""
    for key, value in data.items():
        is_named = _is_of_conversation(str(key))
        items = decoded(value) if is_named or key in ASKING else None
        if is_list(items) and (found := _conversations(items, is_named=is_named, depth=depth)):
            return found
    return []


def _of_mapping(data: Mapping[Any, Any], *, is_named: bool, depth: int) -> Sequence[Turns]:
    """What a mapping holds as conversations, or is itself: a round, or turns of which a schema has made
    columns. One turn alone is a conversation only under the name of one.
    """
    if held := _held(data, depth=depth):
        return held
    told = {key: decoded(data[key]) for key in data if isinstance(key, str) and _is_of_turn(key)}
    columns = {key: value for key, value in told.items() if is_list(value)}
    if columns:
        rows = zip(*columns.values(), strict=True) if len({*map(len, columns.values())}) == 1 else ()
        return _of_items([dict(zip(columns, row, strict=True)) for row in rows], is_named=is_named)
    return _of_items([data], is_named=is_named) if is_named or _message(data) is None else []


def _is_of_turn(key: str) -> bool:
    return key in _KEYS or _role_of_key(key) is not None


def _of_items(items: Sequence[Mapping[str, Any]], *, is_named: bool) -> Sequence[Turns]:
    """The conversations that mappings are, each a turn or a round; what is neither is passed over."""
    rounds = [sides for sides in (_sides_of(item, is_named=is_named) for item in items) if sides]
    if not _are_rounds(rounds, is_named=is_named, are_messages=all(map(is_message, items))):
        return []
    questions = {str(said[-1].get("content")) for said, _ in rounds if said}
    is_by_key = any(_sides_of(item, is_named=False) for item in items)
    if len(rounds) > len(questions) == 1 and not is_by_key:  # answers to one question, each by itself
        return [[*said, answer] for said, answers in rounds for answer in answers]
    ways = max(1, *(len(answers) for _, answers in rounds))
    return [[turn for said, answers in rounds for turn in (*said, *_at(way, answers))] for way in range(ways)]


def _at(way: int, answers: Turns) -> Turns:
    """The answer at a place, or the last one."""
    return answers[way : way + 1] or answers[-1:]


def _are_rounds(rounds: Sequence[_Sides], *, is_named: bool, are_messages: bool) -> bool:
    """Whether what turns and rounds say is a conversation: by its roles and, where no name says so, by texts
    that are more than names.
    """
    turns = [turn for said, answers in rounds for turn in (*said, *answers)]
    roles = {known_role(str(turn["role"])) for turn in turns}
    if is_named or are_messages:
        return not roles.isdisjoint((*_ROLES, "system") if are_messages else _ROLES)
    return roles.issuperset(_ROLES) and not all(_NAME.fullmatch(str(turn.get("content"))) for turn in turns)


def _sides_of(item: Mapping[str, Any], *, is_named: bool) -> _Sides | None:
    """(what is asked, what each assistant answers) in a turn or a round; None for another mapping."""
    if (message := _message(item)) is not None:
        return ([], [message]) if known_role(message["role"]) == "assistant" else ([message], [])
    said = {
        key: value
        for key, value in item.items()
        if isinstance(key, str) and (_is_text(value) or is_message(value))
    }
    roles = {key: _role_of_key(key) for key in said}
    users = [key for key in said if roles[key] == "user"]
    answers = [key for key in said if roles[key] == "assistant"]
    answers += [key for key in said if roles[key] is None and is_message(said[key])]
    if not (users or answers) and is_named:
        users = [key for key in said if key in _QUESTIONS]
        answers = [key for key in said if key in _ANSWERS]
    if len(users) > 1 or not (users or answers):
        return None
    system = [key for key in said if roles[key] == "system"]
    asked = [_turn("system", said[key]) for key in system] + [_turn("user", said[key]) for key in users]
    return asked, [_turn("assistant", said[key]) for key in answers]


def _message(item: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """A turn under the keys of one; None for another mapping."""
    if is_message(item):
        return {**item, "role": item.get("role") or item.get("from")}
    role = next((item[key] for key in _SPEAKERS if _is_text(item.get(key))), None)
    said = next((item[key] for key in _SAID if _is_text(item.get(key))), None)
    return None if role is None or said is None else {"role": role, "content": said}


@lru_cache(maxsize=8192)
def _role_of_key(key: str) -> str | None:
    """Who says what stands under the key of a round (`user`, `gpt`, `assistant_message`)."""
    first, *others = words_of_name(key) or ("",)
    role = known_role(first) if _OF_TURN.issuperset(others) and key != "model" else None
    return role if role in (*_ROLES, "system") else None


def _turn(role: str, said: Any) -> Mapping[str, Any]:
    return said if isinstance(said, Mapping) else {"role": role, "content": said}


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and not is_missing(value)
