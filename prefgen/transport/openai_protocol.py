"""The OpenAI protocol: how a call is written as a request body, and how an answer is read.

Used by the backend that speaks it, by exported requests and by imported replies, so that all three agree.
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, TypeGuard

import orjson
from pydantic import ValidationError

from prefgen.errors import RequestFailed
from prefgen.transport.endings import ending_of, usual_word
from prefgen.transport.failures import failure_of_status
from prefgen.transport.request import ModelRequest, ModelResponse, assumed_output, estimate_prompt_tokens
from prefgen.types import ImagePart, Message, Reply, TextPart, TokenChoice, TokenLogprob, TokenUsage, ToolCall

ROUTES = {
    "chat": "chat/completions",
    "completion": "completions",
    "embed": "embeddings",
    "score": "score",
    "rank": "rank",
}
_LEADING_THOUGHT = re.compile(r"\A\s*<(think|thinking|reasoning)>(.*?)</\1>\s*", re.DOTALL)
_UNCLOSED_THOUGHT = re.compile(r"\A\s*<(think|thinking|reasoning)>(.*)\Z", re.DOTALL)


def route(endpoint: str) -> str:
    """The path of an endpoint kind, below the base address."""
    return ROUTES[endpoint]


def request_body(
    call: ModelRequest,
    extra: Mapping[str, Any],
    *,
    token_field: str = "max_tokens",
    schema_as_text: bool = False,
) -> dict[str, Any]:
    """The JSON body of a call. `extra` holds what is not in the key: the seed, n."""
    if call.endpoint == "embed":
        return {"model": call.model, "input": list(call.inputs)}
    if call.endpoint in ("score", "rank"):
        prompt_text = "\n\n".join(m.text for m in call.messages[:-1])
        return {"model": call.model, "text_1": prompt_text, "text_2": call.messages[-1].text}
    body: dict[str, Any] = {"model": call.model}
    if call.endpoint == "chat":
        messages = [_encode_message(m) for m in call.messages]
        if call.schema is not None and schema_as_text:
            messages.append(_schema_message(call.schema))
        elif call.schema is not None:
            body["response_format"] = {
                "type": "json_schema",
                "json_schema": {
                    "name": str(call.schema.get("title", "reply")),
                    "schema": call.schema,
                    "strict": True,
                },
            }
        body["messages"] = messages
        if call.logprobs:
            body["logprobs"] = True
            body["top_logprobs"] = call.logprobs
        if call.tools:
            body["tools"] = list(call.tools)
    else:
        body["prompt"] = call.text
        if call.logprobs:
            body["logprobs"] = call.logprobs
        if call.echo:
            body["echo"] = True
    for name, value in call.sampling.items():
        if name == "max_tokens":
            body[token_field] = value
        elif name == "effort":
            body["reasoning_effort"] = value
        elif name == "thinking_budget":
            body["thinking"] = {"type": "enabled", "budget_tokens": value}
        else:
            body[name] = value
    body.update(extra)
    return body


def _encode_message(message: Message) -> dict[str, Any]:
    content: Any = message.content
    if not isinstance(content, str):
        content = [_encode_part(part) for part in content]
    fields: dict[str, Any] = {"role": message.role, "content": content}
    if message.tool_calls:
        fields["tool_calls"] = [
            {"id": c.id, "type": "function", "function": {"name": c.name, "arguments": c.arguments}}
            for c in message.tool_calls
        ]
    if message.tool_call_id:
        fields["tool_call_id"] = message.tool_call_id
    return fields


def _encode_part(part: TextPart | ImagePart) -> dict[str, Any]:
    if isinstance(part, TextPart):
        return {"type": "text", "text": part.text}
    return {"type": "image_url", "image_url": {"url": part.url}}


def _schema_message(schema: Mapping[str, Any]) -> dict[str, Any]:
    text = orjson.dumps(schema).decode()
    return {
        "role": "user",
        "content": f"Answer with one JSON object that fits this JSON schema, and nothing else:\n{text}",
    }


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
    except (
        ValidationError,
        KeyError,
        TypeError,
        ValueError,
        AttributeError,
        IndexError,
        OverflowError,
    ) as odd:
        reason = f"the server's reply has an odd shape ({type(odd).__name__}): {start!r}"
        raise RequestFailed("empty", reason, code="malformed_reply", billed=True) from None
    if is_paid:
        for number, response in enumerate(responses):  # the prompt is paid once
            response.reply = _with_usage(response.reply, call, with_prompt=number == 0)
    return responses


def _parse_choices(
    data: Mapping[str, Any], body: bytes, call: ModelRequest, model: str, fingerprint: str
) -> list[ModelResponse]:
    if call.endpoint in ("embed", "score", "rank"):
        return [ModelResponse(body, reply_of(data, call.endpoint), model, fingerprint)]
    choices = data.get("choices")
    if not isinstance(choices, list) or not all(isinstance(c, dict) for c in choices):
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
        if (failure := _failure_of(choices[0])) is not None:
            raise failure
        return [ModelResponse(body, reply_of(data, call.endpoint), model, fingerprint)]
    usages = _split_usage(data.get("usage"), len(choices))
    responses, failures = list[ModelResponse](), list[RequestFailed]()
    for choice, usage in zip(sorted(choices, key=_index_of), usages, strict=True):
        if (failure := _failure_of(choice)) is not None:
            failures.append(failure)
            continue
        choice_data = {"model": model, "system_fingerprint": fingerprint, "choices": [choice], "usage": usage}
        reply = reply_of(choice_data, call.endpoint)
        spelled = json.dumps(choice_data, ensure_ascii=False, separators=(",", ":")).encode()
        responses.append(ModelResponse(spelled, reply, model, fingerprint, f"n={call.samples}"))
    if not responses:
        raise failures[0]
    return responses[: call.samples]


def _index_of(choice: Mapping[str, Any]) -> int:
    index = choice.get("index")
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
    """What an error in the body of a 200 reply means: its code is that of the status which it should have
    had.
    """
    message, code = (
        (error.get("message") or error, error.get("code")) if isinstance(error, Mapping) else (error, "")
    )
    text, code = f"the server's reply is an error: {str(message)[:300]}", str(code or "")
    status = int(code) if code.isdecimal() and len(code) == 3 else 0
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
    """Usage of one request with several choices: the prompt counts once, for the first; the output is split
    evenly. None for each where the server does not say it.
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
            logprobs=_parse_completion_logprobs(logprobs),
        )
    message = choice["message"]
    text = message.get("content")
    if isinstance(text, list):
        text = "".join(part.get("text") or "" for part in text)
    if text is None:
        text = ""
    if not isinstance(text, str):
        raise ValueError(f"expected text as content, found {type(text).__name__}")
    reasoning = message.get("reasoning_content") or message.get("reasoning")
    reasoning = reasoning if isinstance(reasoning, str) else None
    if reasoning is None and "<" in text[:64]:
        reasoning, text = split_reasoning(text)
    tool_calls = message.get("tool_calls") or ()
    return Reply(
        text=text,
        finish_reason=finish_reason,
        reasoning=reasoning,
        refusal=message.get("refusal") or None,
        tool_calls=tuple(_parse_tool_call(c) for c in tool_calls),
        logprobs=_parse_chat_logprobs(logprobs) if logprobs else (),
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


def split_reasoning(text: str) -> tuple[str | None, str]:
    """(reasoning, answer) of a text that opens with a reasoning tag; an unclosed tag leaves no answer."""
    closed_tag = _LEADING_THOUGHT.match(text)
    if closed_tag:
        return closed_tag[2].strip(), text[closed_tag.end() :]
    open_tag = _UNCLOSED_THOUGHT.match(text)
    if open_tag:
        return open_tag[2].strip(), ""
    return None, text


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


def _parse_chat_logprobs(data: Mapping[str, Any]) -> tuple[TokenLogprob, ...]:
    return tuple(
        TokenLogprob(
            token=entry["token"],
            logprob=entry["logprob"],
            top=tuple(
                TokenChoice(token=t["token"], logprob=t["logprob"]) for t in entry.get("top_logprobs") or ()
            ),
        )
        for entry in data.get("content") or ()
    )


def _parse_completion_logprobs(data: Mapping[str, Any] | None) -> tuple[TokenLogprob, ...]:
    if not data:
        return ()
    tops: Sequence[Mapping[str, float | None] | None] = data.get("top_logprobs") or [None] * len(
        data["tokens"]
    )
    logprobs = []
    for token, logprob, top in zip(data["tokens"], data["token_logprobs"], tops, strict=True):
        if logprob is None:
            continue  # the first token of an echoed prompt has no probability
        alternatives = tuple(TokenChoice(token=t, logprob=p) for t, p in (top or {}).items() if p is not None)
        logprobs.append(TokenLogprob(token=token, logprob=logprob, top=alternatives))
    return tuple(logprobs)
