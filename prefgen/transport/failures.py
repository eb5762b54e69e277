"""What an HTTP status means for a request: to be asked again, refused for good, or the run's end."""

import re
from collections.abc import Collection

from prefgen.errors import RequestFailed
from prefgen.transport.request import ModelRequest

ENDPOINT_CODES = (
    "insufficient_quota", "insufficient_user_quota", "insufficient_credits", "insufficient_balance",
    "billing_hard_limit_reached", "billing_not_active", "billing_error", "budget_exceeded",
    "payment_required", "arrearage", "account_deactivated",
)  # fmt: skip
"""Codes and types of an error that no waiting helps, and that no prompt is to blame for, whatever the
status.
"""
ENDPOINT_STATUSES = (401, 402, 407)
"""Statuses that are never about one prompt."""
SENT_ON = (502, 504, 520, 524)
"""Statuses of a gateway that had sent the request on, and got no answer: it may have been billed."""
LOGPROBS_REFUSED = "logprobs_refused"
"""Code of a refusal that is about log-probabilities, and not about the prompt or the model."""
EVENT_STREAM, NO_JSON, BAD_ENCODING = "event_stream", "no_json", "bad_encoding"
OTHER_KINDS = (EVENT_STREAM, NO_JSON, BAD_ENCODING)
"""Codes of replies that are whole, and of another kind than was asked for: they come again."""

_STATUS_OF_CODE = {
    "arrearage": 402,
    "authentication_error": 401,
    "bad_request": 400,
    "billing_hard_limit_reached": 429,
    "content_filter": 400,
    "content_policy_violation": 400,
    "context_length_exceeded": 400,
    "deadline_exceeded": 504,
    "insufficient_quota": 429,
    "internal": 500,
    "internal_error": 500,
    "invalid_api_key": 401,
    "invalid_argument": 400,
    "invalid_parameter": 400,
    "invalid_request_error": 400,
    "model_not_found": 404,
    "not_found": 404,
    "not_found_error": 404,
    "overloaded": 529,
    "overloaded_error": 529,
    "permission_denied": 403,
    "permission_error": 403,
    "rate_limit_error": 429,
    "rate_limit_exceeded": 429,
    "request_too_large": 413,
    "resource_exhausted": 429,
    "server_error": 500,
    "service_unavailable": 503,
    "string_above_max_length": 400,
    "throttling": 429,
    "timeout": 504,
    "too_many_requests": 429,
    "unauthenticated": 401,
    "unavailable": 503,
    "unsupported_parameter": 400,
    "unsupported_value": 400,
}
"""The statuses of the codes and types that OpenAI, Anthropic, Google and others give their errors."""


def status_of_code(code: str) -> int:
    """The status that an error's code stands for ("429" and "rate_limit_exceeded" are 429), 0 where it is not
    known.
    """
    if code.isdecimal() and len(code) == 3:
        return int(code)
    return _STATUS_OF_WORD.get(_word_of(code), 0)


def _word_of(code: str) -> str:
    """A code in one spelling ("InvalidParameter" is "invalid_parameter")."""
    return re.sub(r"[^a-z0-9]", "", code.casefold())


_ENDPOINT_WORDS = frozenset(map(_word_of, ENDPOINT_CODES))
_STATUS_OF_WORD = {_word_of(code): status for code, status in _STATUS_OF_CODE.items()}


def failure_of_status(
    status: int,
    text: str,
    code: str = "",
    *,
    names: Collection[str] = (),
    retry_after: float | None = None,
) -> RequestFailed:
    """The failure that a status other than 200 stands for (`prefgen.errors.RequestFailed` has the kinds);
    `names` are the error's code, type and status in words.

    401 and 402 are the endpoint's; 403, 404, 451 and their like may be about this prompt alone, which is told
    by whether others are answered. So may a 400 that does not say that it is about the prompt.
    """
    for name in (code, *names):
        if _word_of(name) in _ENDPOINT_WORDS:
            return RequestFailed("fatal", text, code=name)
    if status == 429:
        if _asks_too_much(text):
            return RequestFailed("refused", text, code="request_too_large")
        return RequestFailed("rate", text, code=code or "429", retry_after=retry_after)
    if status in (498, 503, 529):  # 498: a provider's capacity
        return RequestFailed("busy", text, code=str(status), retry_after=retry_after)
    if status >= 500 or status in (408, 409, 424, 425, 499):
        is_billed = status in SENT_ON
        return RequestFailed("server", text, code=str(status), retry_after=retry_after, billed=is_billed)
    if status in (400, 413, 422):
        return RequestFailed(_kind_of_refusal(status, text, (code, *names)), text, code=code or str(status))
    if status >= 400 and status not in ENDPOINT_STATUSES:
        return RequestFailed("denied", text, code=str(status))
    return RequestFailed("fatal", text, code=str(status))


NO_ROUTE_STATUSES = (404, 405, 501)
"""How servers say that they do not have a route."""
PROMPT_CODES = (
    "content_filter", "content_policy_violation", "context_length_exceeded", "data_inspection_failed",
    "invalid_prompt", "moderation_blocked", "prompt_too_long", "request_too_large",
    "responsible_ai_policy_violation", "string_above_max_length",
)  # fmt: skip
"""Codes of refusals that are about the prompt, and about nothing else."""
_PROMPT_WORDS = frozenset(map(_word_of, PROMPT_CODES))
_OF_PROMPT = re.compile(
    r"context (?:length|window|size)|(?:prompt|input|request|message|text)s? (?:is|are) too (?:long|large)"
    r"|content (?:filter|management|policy)|moderation"
)
_OF_ENDPOINT = re.compile(
    r"credit balance|(?:insufficient|no|not enough|out of) (?:credits?|balance|funds|quota)\b"
    r"|(?:budget|quota|spending limit) (?:has been |is |was )?(?:exceeded|exhausted|reached)"
    r"|(?:exceeded|exhausted|reached) (?:your|the) (?:current |monthly )?(?:budget|quota|spending limit)"
    r"|\bbilling\b|model (?:has |was |is )?(?:crashed|unloaded|not loaded)|no models? (?:is |are )?loaded"
)


def _kind_of_refusal(status: int, text: str, names: Collection[str]) -> str:
    """`refused` where the server says that it is about this prompt, `denied` where it speaks of the account
    or of a model that is gone, else `rejected`: others may be answered, or not.
    """
    words = text.casefold()
    if _OF_ENDPOINT.search(words):
        return "denied"
    is_of_prompt = any(_word_of(name) in _PROMPT_WORDS for name in names)
    return "refused" if status == 413 or is_of_prompt or _OF_PROMPT.search(words) else "rejected"


_NUMBER = r"(?:\d{1,3}(?:[,'_]\d{3})+|\d+)(?![\w,'.]*\d|[a-z]|\s\d)"
_LIMIT = re.compile(
    rf"\blimit:? (?P<limit>{_NUMBER}).*?\brequested:? (?P<requested>{_NUMBER})", re.IGNORECASE | re.DOTALL
)
"""Numbers that are whole ("30,000"), and nothing that is no number of units ("30k", "1.5")."""


def _asks_too_much(text: str) -> bool:
    """Whether one request alone is above a rate limit, so that no waiting helps."""
    match = _LIMIT.search(text)
    if match is None:
        return False
    limit, requested = (int(re.sub(r"\D", "", match[name])) for name in ("limit", "requested"))
    return requested > limit


def failure_of_request(failure: RequestFailed, request: ModelRequest) -> RequestFailed:
    """The failure, or, where the server names the log-probabilities that `request` wants, a refusal of
    those: servers say so with 400, 403, 422 or 501.
    """
    is_of_logprobs = request.logprobs and "logprob" in failure.message.casefold()
    if is_of_logprobs and failure.kind in ("refused", "rejected", "denied", "server"):
        return RequestFailed("refused", failure.message, code=LOGPROBS_REFUSED, before=failure.before)
    return failure
