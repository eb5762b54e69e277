"""The OpenAI protocol, asked: how a call is written as a request body. `openai_replies` reads what comes
back.

Used by the backend that speaks it and by exported requests, so that both agree.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from prefgen.transport.request import ModelRequest
from prefgen.types import ImagePart, Message, TextPart

ROUTES = {
    "chat": "chat/completions",
    "completion": "completions",
    "embed": "embeddings",
    "score": "score",
    "rank": "rank",
}

BRIEF = 160
"""Characters of a text that is to be short."""
MOST_STOPS = 4
"""Stop strings that OpenAI's and vLLM's servers take in a request; with more they refuse it. An answer is cut
at the further ones when it is read (`prefgen.calls.usable_reply.cut_at`).
"""


def route(endpoint: str) -> str:
    """The path of an endpoint kind, below the base address."""
    return ROUTES[endpoint]


def request_body(
    call: ModelRequest,
    extra: Mapping[str, Any],
    *,
    token_field: str = "max_tokens",
    schema_as_text: bool = False,
    keeps_max_length: bool = False,
) -> dict[str, Any]:
    """The JSON body of a call. `extra` holds what is not in the key: the seed, n."""
    if call.endpoint == "embed":
        return {"model": call.model, "input": list(call.inputs)}
    if call.endpoint in ("score", "rank"):
        prompt_text = "\n\n".join(m.text for m in call.messages[:-1])
        return {"model": call.model, "text_1": prompt_text, "text_2": call.messages[-1].text, **extra}
    body: dict[str, Any] = {"model": call.model}
    if call.endpoint == "chat":
        messages = [encode_message(m) for m in call.messages]
        if call.schema is not None and schema_as_text:
            messages.append(_schema_message(call.schema))
        elif call.schema is not None:
            is_short = call.brief and keeps_max_length
            body["response_format"] = {
                "type": "json_schema",
                "json_schema": {
                    "name": str(call.schema.get("title", "reply")),
                    "schema": brief_schema(call.schema) if is_short else call.schema,
                    "strict": True,
                },
            }
        body["messages"] = messages
        if call.opened:
            body |= {"add_generation_prompt": False, "continue_final_message": True}
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
        elif name == "stop" and not isinstance(value, str):
            body[name] = list(value)[:MOST_STOPS]
        elif name == "effort":
            body["reasoning_effort"] = value
        elif name == "thinking_budget":
            body["thinking"] = {"type": "enabled", "budget_tokens": value}
        else:
            body[name] = value
    body.update(extra)
    return body


def brief_schema(schema: Any) -> Any:
    """A schema in which no text that is free may be longer than `BRIEF` characters."""
    if isinstance(schema, Mapping):
        is_free_text = schema.get("type") == "string" and not schema.keys() & {"enum", "const", "maxLength"}
        limit = {"maxLength": BRIEF} if is_free_text else {}
        return {name: brief_schema(value) for name, value in schema.items()} | limit
    return [brief_schema(value) for value in schema] if isinstance(schema, list | tuple) else schema


def encode_message(message: Message) -> dict[str, Any]:
    """A message as the protocol spells it, and as rows of pairs hold it."""
    content: Any = message.content
    if not isinstance(content, str):
        content = [_encode_part(part) for part in content]
    fields: dict[str, Any] = {"role": message.role, "content": content}
    if message.tool_calls:
        fields["tool_calls"] = [
            {
                **({"id": c.id} if c.id else {}),
                "type": "function",
                "function": {"name": c.name, "arguments": c.arguments},
            }
            for c in message.tool_calls
        ]
    if message.tool_call_id:
        fields["tool_call_id"] = message.tool_call_id
    if message.name:
        fields["name"] = message.name
    return fields


def content_text(content: str | Sequence[Mapping[str, Any]]) -> str:
    """The text of what a turn of the protocol says: of its parts, those that are text."""
    return content if isinstance(content, str) else "".join(part.get("text", "") for part in content)


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
