"""The OpenAI protocol: how a call is written as a request body, and how an answer is read.

Used by the backend that speaks it, by exported requests and by imported replies, so that all three agree.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from pydantic import ValidationError

from prefgen.errors import RequestFailed
from prefgen.transport.request import ModelRequest, ModelResponse
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


def read_responses(body: bytes, call: ModelRequest) -> list[ModelResponse]:
    """The answers of a 200 reply, one a draw. Raises RequestFailed (`broken`, `empty`) for what is no
    answer.
    """
    try:
        data = orjson.loads(body)
    except orjson.JSONDecodeError:
        start = body[:60].decode("utf-8", "replace")
        raise RequestFailed(
            "broken", f"the server's reply is not JSON (starts with {start!r})", billed=True
        ) from None
    if not isinstance(data, dict):
        raise RequestFailed("broken", f"the server's reply is no JSON object but {type(data).__name__}")
    model, fingerprint = str(data.get("model") or ""), str(data.get("system_fingerprint") or "")
    try:
        return _parse_choices(data, body, call, model, fingerprint)
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
        reason = f"the server's reply has an odd shape ({type(odd).__name__})"
        raise RequestFailed("empty", reason, code="malformed_reply", billed=True) from None


def _parse_choices(
    data: Mapping[str, Any], body: bytes, call: ModelRequest, model: str, fingerprint: str
) -> list[ModelResponse]:
    if call.endpoint in ("embed", "score", "rank"):
        return [ModelResponse(body, reply_of(data, call.endpoint), model, fingerprint)]
    choices = data.get("choices")
    if not isinstance(choices, list) or not all(isinstance(c, dict) for c in choices):
        raise RequestFailed(
            "broken", f"the server's reply has no list of choices (fields: {', '.join(sorted(data))[:120]})"
        )
    if not choices:
        raise RequestFailed("empty", "the server answered without any choice", code="no_choices", billed=True)
    if len(choices) == 1:
        return [ModelResponse(body, reply_of(data, call.endpoint), model, fingerprint)]
    usages = _split_usage(data.get("usage") or {}, len(choices))
    responses = []
    for choice, usage in zip(sorted(choices, key=lambda c: c.get("index", 0)), usages, strict=True):
        choice_data = {"model": model, "system_fingerprint": fingerprint, "choices": [choice], "usage": usage}
        method = f"n={call.samples}"
        responses.append(
            ModelResponse(
                orjson.dumps(choice_data), reply_of(choice_data, call.endpoint), model, fingerprint, method
            )
        )
    return responses[: call.samples]


def _split_usage(usage: Mapping[str, Any], count: int) -> list[dict[str, Any]]:
    """Usage of one request with several choices: the prompt counts once, for the first; the output is split
    evenly.
    """
    output_tokens = int(usage.get("completion_tokens") or 0)
    usages: list[dict[str, Any]] = [
        {"prompt_tokens": 0, "completion_tokens": output_tokens // count} for _ in range(count)
    ]
    usages[0] = {**usage, "completion_tokens": output_tokens - output_tokens // count * (count - 1)}
    return usages


def reply_of(data: Mapping[str, Any], endpoint: str) -> Reply:
    """A `Reply` from the JSON of an answer with one choice."""
    usage = _parse_usage(data.get("usage"))
    model = str(data.get("model") or "")
    if endpoint == "embed":
        vectors = [item["embedding"] for item in sorted(data["data"], key=lambda item: item["index"])]
        return Reply(text=orjson.dumps(vectors).decode(), usage=usage, model=model)
    if endpoint in ("score", "rank"):
        return Reply(text=repr(_parse_score(data["data"][0])), usage=usage, model=model)
    choice = data["choices"][0]
    finish_reason = choice.get("finish_reason")
    logprobs = choice.get("logprobs")
    if endpoint == "completion":
        return Reply(
            text=choice.get("text") or "",
            finish_reason=finish_reason,
            usage=usage,
            model=model,
            logprobs=_parse_completion_logprobs(logprobs),
        )
    message = choice.get("message") or {}
    text = message.get("content")
    if isinstance(text, list):
        text = "".join(part.get("text", "") for part in text if isinstance(part, dict))
    text = text if isinstance(text, str) else ""
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


def _parse_usage(data: Any) -> TokenUsage:
    if not isinstance(data, Mapping):
        return TokenUsage(estimated=True)
    details = data.get("prompt_tokens_details")
    return TokenUsage(
        prompt_tokens=data.get("prompt_tokens") or 0,
        completion_tokens=data.get("completion_tokens") or 0,
        cached_tokens=details.get("cached_tokens") or 0 if isinstance(details, Mapping) else 0,
    )


def _parse_tool_call(data: Mapping[str, Any]) -> ToolCall:
    function = data.get("function") or {}
    return ToolCall(
        id=str(data.get("id") or ""),
        name=str(function.get("name") or ""),
        arguments=str(function.get("arguments") or ""),
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
