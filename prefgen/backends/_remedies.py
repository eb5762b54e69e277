"""What may help where a server of the OpenAI protocol does not answer, as a sentence of its own."""

import re
from collections.abc import Mapping

from prefgen.transport.failures import BAD_ENCODING, EVENT_STREAM, NO_JSON

_SPEAKS_OF_KEY = re.compile(r"key|auth|credential|permission|access|token|forbidden|account")
_IS_OF_KEY = re.compile(r"api[ _-]?key|unauthori[sz]ed|authenticat|credentials")
_IS_OF_CONTENT = re.compile(r"\bcontent\b(?!-)|safety|guidelines|moderation|flagged")
_VERSION = re.compile(r"/v\d+\w*(?:/|$)")
_REMEDIES: Mapping[str, str] = {
    EVENT_STREAM: "Turn streaming off at the server or the gateway",
    NO_JSON: "Is base_url right, and is there no login page or proxy before the server?",
    BAD_ENCODING: "Have the server, or the proxy before it, send replies uncompressed",
    "broken": "Does a proxy before the server cut replies short?",
}
"""{code of a failure: what may help}."""


def remedy(status: int, code: str, words: str, *, address: str, key_env: str, token_field: str) -> str:
    """What may help; empty where nobody knows. `status` is that of the reply, or for which the code of an
    error within it stands; `words` are the server's.
    """
    words = words.casefold()
    speaks_of_key = (status == 403 and _SPEAKS_OF_KEY.search(words)) or (
        status in (0, 400) and _IS_OF_KEY.search(words)
    )
    if status == 401 or (speaks_of_key and not _IS_OF_CONTENT.search(words)):
        return f"Is the key in {key_env} right?"
    if code in _REMEDIES:
        return _REMEDIES[code]
    if status == 402:
        return "Is there credit left on the account?"
    if status in (404, 405) and not _VERSION.search(address):
        return "Does base_url lack /v1 at its end?"
    if status == 404:
        return "Does the server have this model?"
    return _of_field(words, token_field) if status in (400, 422) else ""


def _of_field(words: str, token_field: str) -> str:
    """What may help where a server does not know a field."""
    if "response_format" in words or "json_schema" in words:
        return "Does the server not know schemas? Give it `schema_as: text`"
    if "max_completion_tokens" in words or "max_tokens" in words:
        other = "max_tokens" if token_field == "max_completion_tokens" else "max_completion_tokens"
        return f"If the server does not take it, say `token_field: {other}`"
    if re.search(r"\bn\b ?(?:=|must|>|is\b|should)", words):
        return "If the server gives one draw a request, say `n: false`"
    for name in ("temperature", "top_p", "seed"):
        if name in words:
            setting = "`send_seed: false`" if name == "seed" else f"`{name}: null`"
            return f"If the server does not take it, say {setting}"
    return ""
