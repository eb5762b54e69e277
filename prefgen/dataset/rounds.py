"""The conversations that a cell holds, in whatever form people keep them: told by what stands there, and not
by the name of its column.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from prefgen.dataset.cells import decoded, is_list, is_message, is_missing
from prefgen.dataset.column_names import ASKING
from prefgen.dataset.conversation import ROLES, known_role

Turns = Sequence[Mapping[str, Any]]
_SPEAKERS = ("role", "from", "speaker", "sender")
_SAID = ("content", "value", "text", "message", "utterance")
_HELD_UNDER = (*ASKING, "conversation")
_QUESTIONS = frozenset(("input", "question", "prompt", "instruction", "query"))
_ANSWERS = frozenset(("output", "answer", "response", "completion"))
"""Keys of rounds, of examples, and of tests of code."""


def conversations_in(value: Any, *, beside_answers: bool) -> Sequence[Turns]:
    """Each conversation of a cell: messages, rounds of one user and one assistant or several, lists of these,
    and a mapping that holds one. Pairs of texts, and keys that examples have as well (`input`, `output`), are
    rounds only `beside_answers`, where whoever is in doubt can leave the row out.
    """
    data: Any = decoded(value)
    if isinstance(data, Mapping):
        held = _list_of(data)
        beside_answers, data = beside_answers and held is not None, [data] if held is None else held
    if not is_list(data) or not data:
        return []
    if turns := _turns_of(data, beside_answers=beside_answers):
        return turns
    if not all(is_list(item) and item for item in data):
        return []
    if beside_answers and all(len(item) == 2 and all(map(_is_text, item)) for item in data):
        return [[turn for question, answer in data for turn in _round(question, answer)]]
    inner = [_turns_of(item, beside_answers=beside_answers) for item in data]
    return [turns for found in inner for turns in found] if all(inner) else []


def _list_of(data: Mapping[str, Any]) -> Sequence[Any] | None:
    """The list that a mapping holds as a conversation: under the name of one, or its roles and texts, which
    are two lists where a schema has made columns of the turns. None for another mapping.
    """
    roles: Any = next((data[key] for key in _SPEAKERS if key in data), None)
    texts: Any = next((data[key] for key in _SAID if key in data), None)
    if is_list(roles) and is_list(texts) and len(roles) == len(texts):
        return [{"role": role, "content": text} for role, text in zip(roles, texts, strict=True)]
    held = next((decoded(data[key]) for key in _HELD_UNDER if key in data), None)
    return held if is_list(held) else None


def _turns_of(items: Sequence[Any], *, beside_answers: bool) -> list[Turns]:
    """The conversations that a list of messages is, or a list of rounds."""
    if not all(isinstance(item, Mapping) for item in items):
        return []
    messages = [_message(item) for item in items]
    if all(messages):
        speak = any(known_role(turn["role"]) in ROLES for turn in messages if turn)
        return [[turn for turn in messages if turn]] if speak else []
    rounds = [_sides_of_round(item, beside_answers=beside_answers) for item in items]
    if not all(rounds):
        return []
    told = [sides for sides in rounds if sides]
    if len({str(question) for question, _ in told}) == 1:  # answers to one question, each by itself
        return [_round(question, answer) for question, answers in told for answer in answers]
    ways = max(len(answers) for _, answers in told)
    return [
        [turn for question, answers in told for turn in _round(question, answers[min(way, len(answers) - 1)])]
        for way in range(ways)
    ]


def _message(item: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """A turn under the keys of one; None for another mapping."""
    if is_message(item):
        return {**item, "role": item.get("role") or item.get("from")}
    role = next((item[key] for key in _SPEAKERS if _is_text(item.get(key))), None)
    said = next((item[key] for key in _SAID if _is_text(item.get(key))), None)
    return None if role is None or said is None else {"role": role, "content": said}


def _sides_of_round(item: Mapping[str, Any], *, beside_answers: bool) -> tuple[Any, list[Any]] | None:
    """What a user says in a round, and what each assistant answers; None for another mapping."""
    said = {key: value for key, value in item.items() if _is_text(value) or is_message(value)}
    asks = [key for key in said if known_role(key) == "user"]
    answers = [key for key in said if key != "model" and known_role(key) == "assistant"]
    answers += [key for key in said if key not in (*asks, *answers) and is_message(said[key])]
    if not (asks and answers) and beside_answers:
        asks = [key for key in said if key in _QUESTIONS]
        answers = [key for key in said if key in _ANSWERS]
    return (said[asks[0]], [said[key] for key in answers]) if len(asks) == 1 and answers else None


def _round(question: Any, answer: Any) -> Turns:
    return [_turn("user", question), _turn("assistant", answer)]


def _turn(role: str, said: Any) -> Mapping[str, Any]:
    return said if isinstance(said, Mapping) else {"role": role, "content": said}


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and not is_missing(value)
