"""When turns are the same: in normal form, whatever the ids of their calls and the spacing of arguments."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from prefgen.storage.canonical_json import canonical_texts
from prefgen.text.normalize import normalize
from prefgen.transport.openai_protocol import content_text

KEY_BYTES = 12


def turns_key(turns: Sequence[Mapping[str, Any]]) -> bytes:
    """The same for turns that say the same by the same speakers."""
    said = [[turn["role"], normal_text([turn]), _images(turn)] for turn in turns]
    return hashlib.blake2b(canonical_texts(said), digest_size=KEY_BYTES).digest()


def keys_of(turns: Sequence[Mapping[str, Any]]) -> tuple[bytes, ...]:
    """The key of each turn. Raises ValueError for half of a surrogate pair."""
    return tuple(turns_key([turn]) for turn in turns)


def normal_text(turns: Sequence[Mapping[str, Any]]) -> str:
    """What turns say, in normal form: their texts, and the calls of tools that they are."""
    return "\n".join(_normal_text_of_turn(turn) for turn in turns)


def _normal_text_of_turn(turn: Mapping[str, Any]) -> str:
    calls = [_normal_call(call.get("function", call)) for call in turn.get("tool_calls") or ()]
    return " ".join([normalize(content_text(turn["content"])), *calls])


def _normal_call(function: Mapping[str, Any]) -> str:
    arguments = function.get("arguments")
    try:
        arguments = json.loads(arguments) if isinstance(arguments, str) else arguments
    except (ValueError, RecursionError):
        pass
    return normalize(f"{function.get('name')} {json.dumps(arguments, sort_keys=True, ensure_ascii=False)}")


def _images(turn: Mapping[str, Any]) -> list[Any]:
    """What a turn shows: the parts of its content that are no text, or all of them as stored text."""
    if isinstance(turn["content"], str):
        return [turn["parts"]] if turn.get("parts") else []
    return [part for part in turn["content"] if "text" not in part]
