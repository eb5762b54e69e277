"""The OpenAI protocol, answered: how a reply is read (`openai_protocol` writes the request).

Used by the backend that speaks it, by those that write its form, and by imported replies, so that all agree.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from pydantic import ValidationError

from prefgen.errors import RequestFailed
from prefgen.text.reasoning import split_reasoning
from prefgen.transport.endings import ending_of, is_known, says_nothing, usual_word
from prefgen.transport.failures import EVENT_STREAM, NO_JSON
from prefgen.transport.openai_errors import find_error
from prefgen.transport.openai_logprobs import parse_logprobs
from prefgen.transport.openai_scores import check_finite, parse_score
from prefgen.transport.openai_usage import parse_usage, split_usage, with_usage
from prefgen.transport.request import ModelRequest, ModelResponse
from prefgen.transport.tool_calls import parse_tool_call
from prefgen.types import Reply, ToolCall

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
        raise _no_json(start) from None
    if not isinstance(data, dict):
        reason = f"the server's reply is no JSON object: {start!r}"
        raise RequestFailed("empty", reason, code="malformed_reply", billed=True)
    if (error := find_error(data)) is not None:
        raise error
    model, fingerprint = str(data.get("model") or ""), str(data.get("system_fingerprint") or "")
    try:
        responses = _parse_choices(data, body, call, model, fingerprint)
    except RequestFailed:
        raise
    except _ODD_SHAPES as odd:
        raise _odd_shape(odd, start) from None
    if is_paid:
        for number, response in enumerate(responses):  # the prompt is paid once
            response.reply = with_usage(response.reply, call, with_prompt=number == 0)
    return responses


def _no_json(start: str) -> RequestFailed:
    """What a body is that cannot be read: half of one, or a whole one of another kind, which comes again."""
    if start.startswith(("data:", "event:", ": ")):
        reason = f"the server's reply is an event stream, which was not asked for: {start!r}"
        return RequestFailed("empty", reason, code=EVENT_STREAM, billed=True)
    reason = f"the server's reply is not JSON (starts with {start!r})"
    if start.startswith(("{", "[")):
        return RequestFailed("broken", reason, billed=True)
    return RequestFailed(
        "empty", reason if start else "the server's reply is empty", code=NO_JSON, billed=True
    )


def _odd_shape(error: Exception, start: str) -> RequestFailed:
    detail = (
        str(error)[:120] if isinstance(error, ValueError) and not isinstance(error, ValidationError) else ""
    )
    found = detail or f"{type(error).__name__} in {start!r}"
    reason = f"the server's reply has an odd shape: {found}"
    return RequestFailed("empty", reason, code="malformed_reply", billed=True)


def _parse_choices(
    data: Mapping[str, Any], body: bytes, call: ModelRequest, model: str, fingerprint: str
) -> list[ModelResponse]:
    if call.endpoint in ("embed", "score", "rank"):
        reply = reply_of(data, call.endpoint)
        check_finite(reply.text)
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
        _check_choice(choices[0], call)
        reply = reply_of(data, call.endpoint)
        _check_calls(choices[0], reply, call)
        return [ModelResponse(body, reply, model, fingerprint)]
    answered = list[tuple[Mapping[str, Any], Reply]]()
    failures = list[RequestFailed]()
    for choice in sorted(choices, key=_index_of):  # one that cannot be read is lost alone
        try:
            _check_choice(choice, call)
            reply = reply_of({"model": model, "choices": [choice]}, call.endpoint)
            _check_calls(choice, reply, call)
            answered.append((choice, reply))
        except RequestFailed as failure:
            failures.append(failure)
        except _ODD_SHAPES as odd:
            failures.append(_odd_shape(odd, str(choice)[:120]))
    if not answered:
        raise failures[0]
    responses, answered = list[ModelResponse](), answered[: call.samples]
    for (choice, reply), usage in zip(answered, split_usage(data.get("usage"), len(answered)), strict=True):
        choice_data = {"model": model, "system_fingerprint": fingerprint, "choices": [choice], "usage": usage}
        spelled = json.dumps(choice_data, ensure_ascii=False, separators=(",", ":")).encode()
        reply = reply.replacing(usage=parse_usage(usage))
        responses.append(ModelResponse(spelled, reply, model, fingerprint, f"n={call.samples}"))
    return responses


def _check_choice(choice: Any, call: ModelRequest) -> None:
    """Raises ValueError for a choice whose message is none, RequestFailed for one that says that it is no
    answer. What is journalled is read more kindly (`reply_of`): earlier versions kept such replies.
    """
    if not isinstance(choice, Mapping):
        raise ValueError(f"expected a choice, found {choice!r:.60}")
    if (failure := _failure_of(choice)) is not None:
        raise failure
    if call.endpoint != "chat":
        return
    message = choice.get("message")
    content = message.get("content") if isinstance(message, Mapping) else 0
    parts = content if isinstance(content, list) else []
    is_content = content is None or isinstance(content, str | list)
    if not is_content or not all(isinstance(part, dict) for part in parts):
        raise ValueError(f"expected a message with text as content, found {message!r:.60}")
    unknown = [part for part in parts if part.get("type") not in (*TEXT_PARTS, *THOUGHT_PARTS, "refusal")]
    unknown += [part for part in parts if part.get("type") != "refusal" and _text_of(part) is None]
    if unknown:
        raise ValueError(f"expected parts of text, found {unknown[0]!r:.60}")


def _check_calls(choice: Mapping[str, Any], reply: Reply, call: ModelRequest) -> None:
    """Raises ValueError where tools were offered and a call cannot be read: where none were, what is no call
    at all is left out.
    """
    tool_calls = _calls_of(choice["message"]) if call.tools else ()
    if len(reply.tool_calls) < len(tool_calls):
        raise ValueError(f"expected calls of tools, found {tool_calls!r:.60}")
    for data in tool_calls:
        parse_tool_call(data)


def _calls_of(message: Mapping[str, Any]) -> Sequence[Any]:
    """The calls of tools in a message, also the one of the protocol before there were several."""
    called = message.get("function_call")
    return message.get("tool_calls") or ([called] if called and isinstance(called, Mapping) else ())


TEXT_PARTS = ("text", "output_text", None)
THOUGHT_PARTS = ("reasoning", "thinking", "thought", "reasoning_text", "summary_text", "redacted_thinking")
"""Types of the parts of a message: the answer, and what was thought."""


def _text_of_parts(parts: Sequence[Any], types: Sequence[str | None]) -> str:
    """The text of the parts that are of one of `types`."""
    texts = [_text_of(part) for part in parts if isinstance(part, Mapping) and _type_of(part) in types]
    return "".join(text for text in texts if text)


def _type_of(part: Mapping[str, Any]) -> Any:
    """The type of a part; one of text may say that it is a thought."""
    return "thought" if part.get("thought") is True else part.get("type")


def _text_of(part: Mapping[str, Any]) -> str | None:
    """The text of a part, None where what stands there is none; a thought may hold its text as parts of its
    own, and a text its value beside annotations.
    """
    inside = part.get("text") or part.get("thinking") or part.get("reasoning") or ""
    if isinstance(inside, Mapping):
        inside = inside.get("value")
    if isinstance(inside, list):
        return _text_of_parts(inside, TEXT_PARTS)
    return inside if isinstance(inside, str) else None


def _index_of(choice: Any) -> int:
    index = choice.get("index") if isinstance(choice, Mapping) else 0
    return index if type(index) is int else 0


def _finish_of(choice: Mapping[str, Any]) -> str | None:
    """How an answer ended: a gateway's "stop" gives way to the word of the server behind it, and null to a
    word beside it that says otherwise, where that is known to mean something else.
    """
    finish_reason, native = choice.get("finish_reason"), choice.get("native_finish_reason")
    if finish_reason is not None and not isinstance(finish_reason, str):
        return str(finish_reason)  # a number, of which nobody knows whether it means whole
    if isinstance(native, str) and is_known(native) and ending_of(finish_reason) == "whole":
        return native
    if says_nothing(finish_reason):  # where it is "stop", a stop reason may be the text that stopped it
        beside = [choice.get(name) for name in ("done_reason", "stop_reason")]
        known = [word for word in beside if isinstance(word, str) and is_known(word)]
        return next((word for word in known if ending_of(word) != "whole"), finish_reason)
    return finish_reason


def _failure_of(choice: Mapping[str, Any]) -> RequestFailed | None:
    """Why a choice is no answer, where it says so: by an error of its own, or by how it ended."""
    error, finish_reason = choice.get("error"), _finish_of(choice)
    if error:
        message = error.get("message") if isinstance(error, Mapping) else error
        return RequestFailed(
            "empty", f"the server's answer failed: {message}", code="failed_reply", billed=True
        )
    if finish_reason is not None and ending_of(finish_reason) == "failed":
        reason = f"the server's answer ended by {finish_reason[:60]!r}, which is not known to be whole"
        return RequestFailed("empty", reason, code="failed_reply", billed=True)
    return None


def reply_of(data: Mapping[str, Any], endpoint: str) -> Reply:
    """A `Reply` from the JSON of an answer with one choice."""
    usage = parse_usage(data.get("usage"), generates=endpoint in ("chat", "completion"))
    model = str(data.get("model") or "")
    if endpoint == "embed":
        vectors = [item["embedding"] for item in sorted(data["data"], key=lambda item: item["index"])]
        return Reply(text=orjson.dumps(vectors).decode(), usage=usage, model=model)
    if endpoint in ("score", "rank"):
        return Reply(text=repr(parse_score(data["data"][0])), usage=usage, model=model)
    choice = data["choices"][0]
    finish_reason = usual_word(_finish_of(choice))
    logprobs = choice.get("logprobs")
    if endpoint == "completion":
        return Reply(
            text=choice.get("text") or "",
            finish_reason=finish_reason,
            usage=usage,
            model=model,
            logprobs=parse_logprobs(logprobs, endpoint),
        )
    message = choice.get("message") or {}
    text, refusal = message.get("content"), message.get("refusal")
    reasoning = message.get("reasoning_content") or message.get("reasoning")
    if isinstance(text, list):
        reasoning = reasoning or _text_of_parts(text, THOUGHT_PARTS) or None
        refusal = refusal or "".join(str(p.get("refusal") or "") for p in text if isinstance(p, Mapping))
        text = _text_of_parts(text, TEXT_PARTS)
    text = text if isinstance(text, str) else ""
    sent = text
    thoughts, text = split_reasoning(sent, is_thought=isinstance(reasoning, str) and bool(reasoning.strip()))
    if isinstance(reasoning, str):
        thoughts = f"{reasoning}\n\n{thoughts}" if thoughts else reasoning
    return Reply(
        text=text,
        finish_reason=finish_reason,
        reasoning=thoughts,
        refusal=(refusal if isinstance(refusal, str) else json.dumps(refusal)) if refusal else None,
        tool_calls=tuple(_call_of(data) for data in _calls_of(message) if _is_tool_call(data)),
        logprobs=parse_logprobs(logprobs, endpoint) if logprobs else (),
        usage=usage,
        model=model,
        sent="" if text == sent else sent,
    )


def _is_tool_call(data: Any) -> bool:
    return isinstance(data, Mapping) and isinstance(data.get("function") or {}, Mapping)


def _call_of(data: Mapping[str, Any]) -> ToolCall:
    """A call of a tool; one that cannot be read has no name, and `usable_reply` refuses it."""
    try:
        return parse_tool_call(data)
    except ValueError as error:
        return ToolCall(name="", arguments=str(error))
