"""Errors in the bodies of replies: of those with an error's status, and of those that came with 200."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from prefgen.errors import RequestFailed
from prefgen.transport.failures import failure_of_status, status_of_code

_MESSAGES = (
    "message", "msg", "error_message", "error_msg", "error_description", "status_msg", "error", "errors",
    "detail",
)  # fmt: skip
"""Where servers say what went wrong, the likeliest first: an empty one gives way to the next."""
_NAMES = ("code", "type", "status", "status_code", "error_code")
"""Where they say of which kind it is, as a number or in words."""
_NO_SUCH_ROUTE = "unexpected endpoint"
"""What LM Studio says, with 200 and no code, of an address that lacks /v1."""
_DEEPEST = 5
_NOTHING = ("", "0", "200", "ok", "success", "none", "null")
"""Words of an error that is none."""


@dataclass(frozen=True, slots=True)
class SaidError:
    """What a server says that went wrong; `names` are its code, its type and its status, where it has
    them.
    """

    message: str
    names: tuple[str, ...] = ()

    @property
    def code(self) -> str:
        return self.names[0] if self.names else ""

    @property
    def status(self) -> int:
        """The status that its names stand for, 0 where that is not known."""
        return next(filter(None, map(status_of_code, self.names)), 0)


def find_error(data: Mapping[str, Any]) -> RequestFailed | None:
    """What a 200 reply's body says that went wrong, under any of the names that servers give it; None where
    it says nothing.
    """
    error, base = data.get("error"), data.get("base_resp")
    if error and not _says_nothing(error):
        return error_in_reply(data)
    if isinstance(base, Mapping) and base.get("status_code") not in (0, None):
        return error_in_reply(base)
    if data.get("choices") or data.get("data"):
        return None
    return error_in_reply(data) if _message_of(data) else None


def error_in_reply(data: Any) -> RequestFailed:
    """What an error in the body of a 200 reply means: its code, or its type, is that of the status which it
    should have had.
    """
    said = read_error(data)
    text = f"the server's reply is an error: {said.message[:300]}"
    status = 404 if _NO_SUCH_ROUTE in said.message.casefold() else said.status
    if status >= 400:
        return failure_of_status(status, text, said.code, names=said.names)
    failure = failure_of_status(500, text, said.code, names=said.names)
    if failure.kind == "server":
        failure.code = said.code or "error"
    return failure


def parse_error(raw: bytes) -> SaidError:
    """What an error's body says; the first words of anything that is not JSON."""
    words = " ".join(raw[:4000].decode("utf-8", "replace").split()) or "(empty)"
    try:
        data = orjson.loads(raw)
    except (orjson.JSONDecodeError, RecursionError):
        return SaidError(words)
    return read_error(data) if data else SaidError(words)


def read_error(data: Any) -> SaidError:
    """What a JSON value says that went wrong."""
    error = (data.get("error") or data) if isinstance(data, Mapping) else data
    return SaidError(_message_of(data) or json.dumps(error, ensure_ascii=False), _names_of(data))


def _message_of(value: Any, depth: int = 0) -> str:
    """The first text under a name of `_MESSAGES`, with the field that it speaks of."""
    if isinstance(value, str):
        return value.strip()
    if depth > _DEEPEST:
        return ""
    if isinstance(value, list):
        return "; ".join(filter(None, (_message_of(item, depth + 1) for item in value[:3])))
    if not isinstance(value, Mapping):
        return ""
    text = next(filter(None, (_message_of(value.get(name), depth + 1) for name in _MESSAGES)), "")
    place = value.get("loc")
    return f"{'.'.join(map(str, place))}: {text}" if text and isinstance(place, list) else text


def _names_of(value: Any, depth: int = 0) -> tuple[str, ...]:
    """What is inside comes first: a code of the error before one of the reply."""
    if isinstance(value, list):
        value = value[0] if value else None
    if not isinstance(value, Mapping) or depth > _DEEPEST:
        return ()
    inside = [_names_of(value.get(name), depth + 1) for name in ("error", "errors", "detail")]
    own = [str(value[name]) for name in _NAMES if isinstance(value.get(name), str | int) and value[name]]
    return (*(name for names in inside for name in names), *own)


def _says_nothing(error: Any) -> bool:
    """Whether an error is there because the field always is."""
    if isinstance(error, Mapping) and any(isinstance(value, Mapping | list) for value in error.values()):
        return False
    values = error.values() if isinstance(error, Mapping) else [error]
    return all(value is None or str(value).strip().casefold() in _NOTHING for value in values)
