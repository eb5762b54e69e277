"""The lines that come back of a batch, read as live replies are: answered, refused, or failed and to be asked
again.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from prefgen.errors import RequestFailed
from prefgen.transport.failures import failure_of_request, failure_of_status
from prefgen.transport.openai_errors import error_in_reply, parse_error
from prefgen.transport.openai_replies import read_responses
from prefgen.transport.request import ModelRequest, ModelResponse

FINAL = ("refused", "rejected")
"""Kinds of failures that are this request's alone: it is asked no more."""
CANCELLED = "batch_cancelled"
"""What OpenAI says of a line whose turn never came, since the batch was cancelled."""


@dataclass(frozen=True)
class BatchReply:
    """A line of a batch's output: which request it answers, and its body with its status, or why there is
    none.
    """

    key: bytes
    status: int
    body: Any
    error: Any


def read_line(line: bytes) -> BatchReply | None:
    """A line of an output or error file; None for what is none, or answers nothing of ours."""
    try:
        fields = orjson.loads(line)
        key = bytes.fromhex(fields["custom_id"])
        response = fields.get("response") or {}
        status = int(response.get("status_code") or 0)
        return BatchReply(key, status, response.get("body"), fields.get("error"))
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def response_of(reply: BatchReply, request: ModelRequest) -> ModelResponse:
    """The answer in a line. Raises RequestFailed as a live request does."""
    try:
        if 200 <= reply.status < 300 and isinstance(reply.body, Mapping):
            return read_responses(orjson.dumps(reply.body), request, is_paid=True)[0]
        raise _failure_of(reply)
    except RequestFailed as failure:
        raise failure_of_request(failure, request) from None


def _failure_of(reply: BatchReply) -> RequestFailed:
    if not reply.status:
        name = reply.error.get("code") if isinstance(reply.error, Mapping) else None
        failure = error_in_reply({"error": reply.error or {"message": "neither a response nor an error"}})
        return RequestFailed("server", failure.message, code=str(name or failure.code))
    said = parse_error(orjson.dumps(reply.body) if reply.body else b"")
    text = f"HTTP {reply.status}: {said.message}"
    return failure_of_status(reply.status, text, said.code, names=said.names)


def request_of(endpoint: str, line: bytes) -> ModelRequest:
    """What reading a reply wants to know of its request, from its line in the batch's file."""
    body = orjson.loads(line)["body"]
    limit = body.get("max_completion_tokens") or body.get("max_tokens")
    return ModelRequest(
        endpoint,
        str(body.get("model") or ""),
        text=orjson.dumps(body.get("messages") or body.get("prompt") or body.get("input")).decode(),
        sampling={"max_tokens": limit} if limit else {},
        logprobs=int(bool(body.get("logprobs"))),
        tools=body.get("tools") or (),
    )
