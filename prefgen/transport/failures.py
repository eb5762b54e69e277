"""What an HTTP status means for a request: to be asked again, refused for good, or the run's end."""

import re

from prefgen.errors import RequestFailed
from prefgen.transport.request import ModelRequest

ENDPOINT_CODES = ("insufficient_quota", "billing_hard_limit_reached")
"""Codes of a 429 that no waiting helps."""
ENDPOINT_STATUSES = (401, 402, 407)
"""Statuses that are never about one prompt."""
LOGPROBS_REFUSED = "logprobs_refused"
"""Code of a refusal that is about log-probabilities, and not about the prompt or the model."""

_STATUS_OF_CODE = {
    "authentication_error": 401,
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
    "timeout": 504,
    "too_many_requests": 429,
    "unauthenticated": 401,
    "unavailable": 503,
    "unsupported_parameter": 400,
    "unsupported_value": 400,
}
"""The statuses of the codes and types that OpenAI, Anthropic and Google give their errors."""


def status_of_code(code: str) -> int:
    """The status that an error's code stands for ("429" and "rate_limit_exceeded" are 429), 0 where it is not
    known.
    """
    if code.isdecimal() and len(code) == 3:
        return int(code)
    return _STATUS_OF_CODE.get(code.strip().casefold(), 0)


def failure_of_status(
    status: int, text: str, code: str = "", *, retry_after: float | None = None
) -> RequestFailed:
    """The failure that a status other than 200 stands for (`prefgen.errors.RequestFailed` has the kinds).

    401 and 402 are the endpoint's; 403, 404, 451 and their like may be about this prompt alone, which is told
    by whether others are answered.
    """
    if status == 429:
        if code in ENDPOINT_CODES:
            return RequestFailed("fatal", text, code=code)
        if _asks_too_much(text):
            return RequestFailed("refused", text, code="request_too_large")
        return RequestFailed("rate", text, code=code or "429", retry_after=retry_after)
    if status in (498, 503, 529):  # 498: a provider's capacity
        return RequestFailed("busy", text, code=str(status), retry_after=retry_after)
    if status >= 500 or status in (408, 409, 424, 425, 499):
        return RequestFailed("server", text, code=str(status), retry_after=retry_after)
    if status in (400, 413, 422):
        return RequestFailed("refused", text, code=code or str(status))
    if status >= 400 and status not in ENDPOINT_STATUSES:
        return RequestFailed("denied", text, code=str(status))
    return RequestFailed("fatal", text, code=str(status))


_LIMIT = re.compile(
    r"\blimit:? (?P<limit>\d+)\b.*?\brequested:? (?P<requested>\d+)\b", re.IGNORECASE | re.DOTALL
)


def _asks_too_much(text: str) -> bool:
    """Whether one request alone is above a rate limit, so that no waiting helps."""
    match = _LIMIT.search(text)
    return match is not None and int(match["requested"]) > int(match["limit"])


def failure_of_request(failure: RequestFailed, request: ModelRequest) -> RequestFailed:
    """The failure, or, where the server names the log-probabilities that `request` wants, a refusal of
    those: servers say so with 400, 403, 422 or 501.
    """
    is_of_logprobs = request.logprobs and "logprob" in failure.message.casefold()
    if is_of_logprobs and failure.kind in ("refused", "denied", "server"):
        return RequestFailed("refused", failure.message, code=LOGPROBS_REFUSED)
    return failure
