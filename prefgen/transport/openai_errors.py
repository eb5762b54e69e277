"""Errors in the bodies of replies: of those with an error's status, and of those that came with 200."""

from collections.abc import Mapping
from typing import Any

import orjson

from prefgen.errors import RequestFailed
from prefgen.transport.failures import failure_of_status, status_of_code


def find_error(data: Mapping[str, Any]) -> RequestFailed | None:
    """What a reply's body says that went wrong, under any of the names that servers give it; None where it
    says nothing.
    """
    if data.get("error"):
        return error_in_reply(data["error"])
    base = data.get("base_resp")
    if isinstance(base, Mapping) and base.get("status_code") not in (0, None):
        return error_in_reply({"message": base.get("status_msg"), "code": base["status_code"]})
    if "choices" in data or "data" in data:
        return None
    if isinstance(errors := data.get("errors"), list) and errors:
        return error_in_reply(errors[0])
    if data.get("detail"):
        return error_in_reply({"message": data["detail"]})
    return error_in_reply(data) if isinstance(data.get("message"), str) else None


def error_in_reply(error: Any) -> RequestFailed:
    """What an error in the body of a 200 reply means: its code, or its type, is that of the status which it
    should have had, as a number or in words.
    """
    given = error if isinstance(error, Mapping) else {"message": error}
    text = f"the server's reply is an error: {str(given.get('message') or error)[:300]}"
    words = [str(given.get(name) or "") for name in ("code", "status", "type")]
    status = next(filter(None, map(status_of_code, words)), 0)
    code = words[0]
    return (
        failure_of_status(status, text, code)
        if status >= 400
        else RequestFailed("server", text, code=code or "error")
    )


def parse_error(raw: bytes) -> tuple[str, str]:
    """(message, code) of an error body; the first words of anything that is not JSON."""
    try:
        body = orjson.loads(raw)
        error = body.get("error", body) if isinstance(body, dict) else body
        if isinstance(error, dict):
            return str(error.get("message") or error), str(error.get("code") or error.get("type") or "")
        return str(error), ""
    except (orjson.JSONDecodeError, RecursionError):
        return " ".join(raw[:4000].decode("utf-8", "replace").split()) or "(empty)", ""
