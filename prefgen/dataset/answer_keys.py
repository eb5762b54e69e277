"""What makes two answers of a row the same: their turns, and not their last text alone.

Sides of several turns may end with the same words ("You're welcome!"), and a call of a tool has no text.
"""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

from prefgen.dataset.cells import as_messages_or_text, is_list, is_missing
from prefgen.dataset.conversation import ROLES, read_turns
from prefgen.dataset.flat_conversation import hh_turns, is_hh
from prefgen.dataset.same_turns import keys_of
from prefgen.errors import RecipeError
from prefgen.transport.openai_protocol import encode_message

AnswerKey = int
"""The same for answers of a row that are the same; that of a side is its place."""
_PLACE = "an answer"
_PLAIN = {"role", "content"}
Turns = Sequence[Mapping[str, Any]]


class AnswerKeys:
    """Keys of whatever may be an answer of a row: of what says the same as one of its sides, the key of that
    side. A side without its beginning, and the conversation that ends with it, are that side, where they
    are not as well the other one.
    """

    def __init__(self, sides: Sequence[Any]) -> None:
        self._given = sides
        self._of_texts: dict[str, AnswerKey | None] = {}  # a text is asked about for each of its neighbours
        self._others: dict[tuple[bytes, ...], AnswerKey] = {}

    @cached_property
    def sides(self) -> Sequence[AnswerKey | None]:
        """Their keys; None for one that cannot be read."""
        return [place if turns else None for place, turns in enumerate(self._turns)]

    def of(self, answer: Any) -> AnswerKey | None:
        """The key of an answer; None for what cannot be read as one, which is the same as nothing."""
        for place, side in enumerate(self._given):
            if answer is side:
                return self.sides[place]
        if not isinstance(answer, str):
            return self._read(answer)
        if answer not in self._of_texts:
            self._of_texts[answer] = self._read(answer)
        return self._of_texts[answer]

    def _read(self, answer: Any) -> AnswerKey | None:
        try:
            return self._key_of(answer_turns(answer))
        except ValueError:  # a lone surrogate, of which whoever proves the row tells
            return None

    def _key_of(self, turns: Turns) -> AnswerKey | None:
        if not turns:
            return None
        if turns in self._turns:
            return self._turns.index(turns)
        key = keys_of(turns)
        if any(_may_end_alike(turns, side) for side in self._turns):  # or keys of the sides cost too long
            if key in self._keys:
                return self._keys.index(key)
            shared = [_common_end(key, side) for side in self._keys]
            most = max(shared, default=0)
            if most and shared.count(most) == 1:
                return shared.index(most)
        return self._others.setdefault(key, len(self._turns) + len(self._others))

    def same(self, one: Any, other: Any) -> bool:
        """Whether two answers are the same."""
        key = self.of(one)
        return key is not None and key == self.of(other)

    @cached_property
    def _turns(self) -> Sequence[Turns]:
        return [answer_turns(side) for side in self._given]

    @cached_property
    def _keys(self) -> Sequence[tuple[bytes, ...]]:
        return [keys_of(turns) for turns in self._turns]


def _may_end_alike(one: Turns, other: Turns) -> bool:
    """Whether their last turns may be the same: plain texts that begin with different words are not."""
    words = [_first_word(turns[-1].get("content")) for turns in (one, other) if turns]
    return len(words) == 2 and (None in words or words[0] == words[1])


def _first_word(content: Any) -> str | None:
    if not isinstance(content, str) or not content.isascii():
        return None
    return next(iter(content.split(maxsplit=1)), "").casefold()


def _common_end(key: tuple[bytes, ...], side: tuple[bytes, ...]) -> int:
    """How many turns they share, where one of them ends with the other; else 0."""
    count = min(len(key), len(side))
    return count if count and key[-count:] == side[-count:] else 0


def answer_turns(answer: Any) -> Turns:
    """The turns of an answer: a text is one of the assistant, as is a mapping without a role. None of what
    cannot be read.
    """
    if is_missing(answer) or isinstance(answer, bool | int | float):
        return []
    if isinstance(answer, str) and answer[:1].isalpha() and not answer.startswith(("array(", "Human:")):
        return [{"role": "assistant", "content": answer}]  # as nearly all are
    try:
        turns = as_messages_or_text(answer, _PLACE, _PLACE)
        if is_list(turns) and len(turns) == 1 and isinstance(turns[0], str):  # as RewardBench 2 has it
            turns = turns[0]
        if isinstance(turns, str):
            return hh_turns(turns) if is_hh(turns) else [{"role": "assistant", "content": turns}]
        if isinstance(turns, Mapping):
            turns = [turns if turns.get("role") or turns.get("from") else _turn_of(turns)] if turns else []
        if not is_list(turns) or not all(isinstance(turn, Mapping) for turn in turns):
            return []
        if all(map(_is_plain, turns)):  # as nearly all are
            return list(turns)
        messages = read_turns(turns, _PLACE, name=_PLACE, role="assistant")
    except RecipeError:
        return []
    return [encode_message(message) for message in messages]


def _is_plain(turn: Mapping[str, Any]) -> bool:
    """Whether a turn reads as it stands."""
    return set(turn) == _PLAIN and isinstance(turn["content"], str) and turn["role"] in ROLES


def _turn_of(item: Mapping[str, Any]) -> Mapping[str, Any]:
    """A mapping without a role, as a turn; that of a text alone has it under `text`."""
    has_content = not is_missing(item.get("content")) or not is_missing(item.get("value"))
    said = item if has_content or is_missing(item.get("text")) else {"content": item["text"]}
    return {"role": "assistant", **said}
