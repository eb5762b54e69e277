"""The OpenAI protocol, answered: how a reply is read (`openai_protocol` writes the request).

Used by the backend that speaks it, by those that write its form, and by imported replies, so that all agree.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, TypeGuard

import orjson
from pydantic import ValidationError

from prefgen.errors import RequestFailed
from prefgen.text.reasoning import split_reasoning
from prefgen.transport.endings import ending_of, usual_word
from prefgen.transport.failures import failure_of_status, status_of_code
from prefgen.transport.openai_logprobs import parse_chat_logprobs, parse_completion_logprobs
from prefgen.transport.request import ModelRequest, ModelResponse, assumed_output, estimate_prompt_tokens
from prefgen.types import Reply, TokenUsage, ToolCall

_ODD_SHAPES = (
    ValidationError,
    KeyError,
    TypeError,
    ValueError,
    AttributeError,
    IndexError,
    OverflowError,
)
"""What reading raises for a reply that is not of the protocol's shape."""


def load_body(body: bytes) -> Any:
    """The JSON of a reply, also with `-Infinity`, which some servers write for a log-probability. Raises
    ValueError, also for half a character (a lone surrogate), which is no text that could be kept.
    """
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        data = json.loads(body)
        json.dumps(data, ensure_ascii=False).encode()
        return data


def read_responses(body: bytes, call: ModelRequest, *, is_paid: bool = False) -> list[ModelResponse]:
    """The answers of a 200 reply, one a draw. Where it `is_paid` and does not say what it took, what was
    reserved for it counts. Raises RequestFailed (`broken`, `empty`) for what is no answer, and for an error
    inside the reply what its code means.
    """
    start = " ".join(body[:120].decode("utf-8", "replace").split())
    try:
        data = load_body(body)
    except (UnicodeEncodeError, RecursionError):
        reason = f"the server's reply holds half a character, or nests too deeply: {start!r}"
        raise RequestFailed("empty", reason, code="malformed_reply", billed=True) from None
    except ValueError:
        if start.startswith("data:"):
            reason = f"the server's reply is an event stream, which was not asked for: {start!r}"
            raise RequestFailed("empty", reason, code="malformed_reply", billed=True) from None
        reason = f"the server's reply is not JSON (starts with {start!r})"
        raise RequestFailed("broken", reason, billed=True) from None
    if not isinstance(data, dict):
        reason = f"the server's reply is no JSON object: {start!r}"
        raise RequestFailed("empty", reason, code="malformed_reply", billed=True)
    if data.get("error"):
        raise error_in_reply(data["error"])
    model, fingerprint = str(data.get("model") or ""), str(data.get("system_fingerprint") or "")
    try:
        responses = _parse_choices(data, body, call, model, fingerprint)
    except RequestFailed:
        raise
    except _ODD_SHAPES as odd:
        raise _odd_shape(odd, start) from None
    if is_paid:
        for number, response in enumerate(responses):  # the prompt is paid once
            response.reply = _with_usage(response.reply, call, with_prompt=number == 0)
    return responses


def _odd_shape(error: Exception, start: str) -> RequestFailed:
    reason = f"the server's reply has an odd shape ({type(error).__name__}): {start!r}"
    return RequestFailed("empty", reason, code="malformed_reply", billed=True)


def _parse_choices(
    data: Mapping[str, Any], body: bytes, call: ModelRequest, model: str, fingerprint: str
) -> list[ModelResponse]:
    if call.endpoint in ("embed", "score", "rank"):
        reply = reply_of(data, call.endpoint)
        _check_finite(reply.text)
        return [ModelResponse(body, reply, model, fingerprint)]
    choices = data.get("choices")
    if not isinstance(choices, list):
        fields = ", ".join(sorted(map(str, data)))[:120]
        raise RequestFailed(
            "empty",
            f"the server's reply has no list of choices (fields: {fields})",
            code="no_choices",
            billed=True,
        )
    if not choices:
        raise RequestFailed("empty", "the server answered without any choice", code="no_choices", billed=True)
    if len(choices) == 1:
        _check_choice(choices[0], call.endpoint)
        return [ModelResponse(body, reply_of(data, call.endpoint), model, fingerprint)]
    answered = list[tuple[Mapping[str, Any], Reply]]()
    failures = list[RequestFailed]()
    for choice in sorted(choices, key=_index_of):  # one that cannot be read is lost alone
        try:
            _check_choice(choice, call.endpoint)
            answered.append((choice, reply_of({"model": model, "choices": [choice]}, call.endpoint)))
        except RequestFailed as failure:
            failures.append(failure)
        except _ODD_SHAPES as odd:
            failures.append(_odd_shape(odd, str(choice)[:120]))
    if not answered:
        raise failures[0]
    responses, answered = list[ModelResponse](), answered[: call.samples]
    for (choice, reply), usage in zip(answered, _split_usage(data.get("usage"), len(answered)), strict=True):
        choice_data = {"model": model, "system_fingerprint": fingerprint, "choices": [choice], "usage": usage}
        spelled = json.dumps(choice_data, ensure_ascii=False, separators=(",", ":")).encode()
        reply = reply.replacing(usage=_parse_usage(usage))
        responses.append(ModelResponse(spelled, reply, model, fingerprint, f"n={call.samples}"))
    return responses


def _check_finite(text: str) -> None:
    """Raises ValueError for a score or vectors with what is no finite number (JSON has no word for it)."""
    numbers = orjson.loads(text)  # repr(inf) is no JSON, and orjson writes null in vectors
    vectors = numbers if isinstance(numbers, list) else [[numbers]]
    if not all(type(number) in (int, float) for vector in vectors for number in vector):
        raise ValueError("expected finite numbers")


def _check_choice(choice: Any, endpoint: str) -> None:
    """Raises ValueError for a choice whose message is none, RequestFailed for one that says that it is no
    answer. What is journalled is read more kindly (`reply_of`): earlier versions kept such replies.
    """
    if not isinstance(choice, Mapping):
        raise ValueError(f"expected a choice, found {choice!r:.60}")
    if (failure := _failure_of(choice)) is not None:
        raise failure
    if endpoint != "chat":
        return
    message = choice.get("message")
    content = message.get("content") if isinstance(message, Mapping) else 0
    parts = content if isinstance(content, list) else []
    is_content = content is None or isinstance(content, str | list)
    if not is_content or not all(isinstance(part, dict) for part in parts):
        raise ValueError(f"expected a message with text as content, found {message!r:.60}")


def _index_of(choice: Any) -> int:
    index = choice.get("index") if isinstance(choice, Mapping) else 0
    return index if type(index) is int else 0


def _failure_of(choice: Mapping[str, Any]) -> RequestFailed | None:
    """Why a choice is no answer, where it says so: by an error of its own, or by how it ended."""
    error, finish_reason = choice.get("error"), choice.get("finish_reason")
    if error:
        message = error.get("message") if isinstance(error, Mapping) else error
        return RequestFailed(
            "empty", f"the server's answer failed: {message}", code="failed_reply", billed=True
        )
    if isinstance(finish_reason, str) and ending_of(finish_reason) == "failed":
        reason = f"the server's answer ended by {finish_reason[:60]!r}, which is not known to be whole"
        return RequestFailed("empty", reason, code="failed_reply", billed=True)
    return None


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


def _with_usage(reply: Reply, call: ModelRequest, *, with_prompt: bool) -> Reply:
    """The reply; where the server does not say what it took, with as much as was reserved for it, so that a
    budget holds.
    """
    if not reply.usage.estimated:
        return reply
    prompt_tokens = estimate_prompt_tokens(call) if with_prompt else 0
    usage = TokenUsage(prompt_tokens=prompt_tokens, completion_tokens=assumed_output(call), estimated=True)
    return reply.replacing(usage=usage)


def _split_usage(usage: Any, count: int) -> Sequence[dict[str, Any] | None]:
    """Usage of one request with several answers: the prompt counts once, for the first; the output is split
    evenly, also what draws took that failed. None for each where the server does not say it.
    """
    if _parse_usage(usage).estimated:
        return [None] * count
    output_tokens = usage["completion_tokens"]
    usages: list[dict[str, Any]] = [
        {"prompt_tokens": 0, "completion_tokens": output_tokens // count} for _ in range(count)
    ]
    usages[0] = {**usage, "completion_tokens": output_tokens - output_tokens // count * (count - 1)}
    return usages


def reply_of(data: Mapping[str, Any], endpoint: str) -> Reply:
    """A `Reply` from the JSON of an answer with one choice."""
    usage = _parse_usage(data.get("usage"), generates=endpoint in ("chat", "completion"))
    model = str(data.get("model") or "")
    if endpoint == "embed":
        vectors = [item["embedding"] for item in sorted(data["data"], key=lambda item: item["index"])]
        return Reply(text=orjson.dumps(vectors).decode(), usage=usage, model=model)
    if endpoint in ("score", "rank"):
        return Reply(text=repr(_parse_score(data["data"][0])), usage=usage, model=model)
    choice = data["choices"][0]
    finish_reason = usual_word(choice.get("finish_reason"))
    logprobs = choice.get("logprobs")
    if endpoint == "completion":
        return Reply(
            text=choice.get("text") or "",
            finish_reason=finish_reason,
            usage=usage,
            model=model,
            logprobs=parse_completion_logprobs(logprobs),
        )
    message = choice.get("message") or {}
    text = message.get("content")
    if isinstance(text, list):
        text = "".join(part.get("text") or "" for part in text if isinstance(part, dict))
    text = text if isinstance(text, str) else ""
    reasoning = message.get("reasoning_content") or message.get("reasoning")
    thoughts, text = split_reasoning(text)
    if isinstance(reasoning, str):
        thoughts = f"{reasoning}\n\n{thoughts}" if thoughts else reasoning
    tool_calls = message.get("tool_calls") or ()
    return Reply(
        text=text,
        finish_reason=finish_reason,
        reasoning=thoughts,
        refusal=message.get("refusal") or None,
        tool_calls=tuple(_parse_tool_call(c) for c in tool_calls),
        logprobs=parse_chat_logprobs(logprobs) if logprobs else (),
        usage=usage,
        model=model,
    )


def _parse_score(data: Mapping[str, Any]) -> float:
    """The one number of a score, pooling or classify route: of tokens that of the last, of two classes that
    of the second.

    Raises ValueError where there is none.
    """
    value = data.get("score", data.get("probs", data.get("data")))
    if isinstance(value, list) and value and isinstance(value[-1], list):
        value = value[-1]
    if isinstance(value, list):
        if not 1 <= len(value) <= 2:
            raise ValueError(f"expected one number, found {len(value)}")
        value = value[-1]
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"expected a number, found {value!r}")
    return float(value)


def _parse_usage(data: Any, *, generates: bool = True) -> TokenUsage:
    """What the server says that a request took; `estimated`, without numbers, where it does not say so or
    says what cannot be.
    """
    if not isinstance(data, Mapping):
        return TokenUsage(estimated=True)
    prompt_tokens, completion_tokens = data.get("prompt_tokens"), data.get("completion_tokens")
    if not _is_count(prompt_tokens) or not (_is_count(completion_tokens) or not generates):
        return TokenUsage(estimated=True)
    if generates and not prompt_tokens and not completion_tokens:
        return TokenUsage(estimated=True)
    details = data.get("prompt_tokens_details")
    cached_tokens = details.get("cached_tokens") if isinstance(details, Mapping) else 0
    return TokenUsage(
        prompt_tokens=prompt_tokens,
        completion_tokens=completion_tokens if _is_count(completion_tokens) else 0,
        cached_tokens=min(cached_tokens, prompt_tokens) if _is_count(cached_tokens) else 0,
    )


def _is_count(value: Any) -> TypeGuard[int]:
    return type(value) is int and 0 <= value < 2**40


def _parse_tool_call(data: Mapping[str, Any]) -> ToolCall:
    function = data.get("function") or {}
    arguments = function.get("arguments") or ""
    return ToolCall(
        id=str(data.get("id") or ""),
        name=str(function.get("name") or ""),
        arguments=arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False),
    )
