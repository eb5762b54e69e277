"""What an HTTP status means for a request: to be asked again, refused for good, or the run's end."""

from prefgen.errors import RequestFailed

ENDPOINT_CODES = ("insufficient_quota", "billing_hard_limit_reached")
"""Codes of a 429 that no waiting helps."""
ENDPOINT_STATUSES = (401, 402, 407)
"""Statuses that are never about one prompt."""


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
