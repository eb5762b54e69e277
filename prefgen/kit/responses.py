"""Responses as samplers and revisers make them: of a reply, or of a reply to another response."""

import re
from collections.abc import Sequence
from typing import Any

from prefgen.errors import TruncatedReply, UnreadableReply
from prefgen.roles import Ask
from prefgen.types import Message, Prompt, Reply, Response, assistant, system


async def one_response(
    ask: Ask,
    model: str,
    prompt: Prompt,
    sample: int,
    reasoning: str = "drop",
    *,
    principle: str | None = None,
    system_text: str | None = None,
    **sampling: Any,
) -> Response:
    """Ask for one answer. The system text joins a system turn of the prompt, if there is one.

    Raises TruncatedReply when the reply is empty, and whatever `ask` raises.
    """
    messages = with_system(prompt.messages, system_text) if system_text else prompt.messages
    drawn_system = {"system": system_text} if principle and system_text else {}
    reply = await ask(model, messages, sample=sample, **sampling)
    if not reply.text.strip():
        raise TruncatedReply("the model called a tool instead of answering", code="tool_call")
    return Response.of(
        prompt,
        reply.message,
        model=ask.label(model),
        principle=principle,
        sampling={**ask.options(model), **sampling, **drawn_system},
        sample=sample,
        finish_reason=reply.finish_reason,
        keeps_reasoning=reasoning == "keep",
    )


FENCE_MARK = re.compile(r"^</?(?:text(?: \w+)?|prompt|reference)>\s*$", re.MULTILINE)
_FENCED = re.compile(r"\A\s*<(text(?: \w+)?)>\s*\n(.*?)\n?\s*</\1>\s*\Z", re.DOTALL)
_PREFACE = re.compile(
    r"\A\s*[*_]{0,3}(?:(?:sure|certainly|of course|okay|ok)[,!.:]?\s+)?"
    r"(?:(?:here(?:'s| is)|below is|this is)\s+)?(?:(?:the|my|an?|your)\s+)?"
    r"(?:(?:improved|revised|rewritten|edited|corrected|updated|reworked)\s+"
    r"(?:reply|answer|text|response|version)|revision|revised)(?:\s+of the (?:reply|answer|text|response))?"
    r"[*_]{0,3}:[*_]{0,3}[ \t]*\n+(?=\S)",
    re.IGNORECASE,
)


_CHANGED = r"I(?:'ve| have)? (?:removed|changed|revised|rewrote|rewritten|edited|softened|replaced|reworded)"
_POSTSCRIPT = re.compile(
    rf"\n\s*\n(?:\((?:Note: ?)?{_CHANGED}\b[^\n]*\)|\**Note:\** ?{_CHANGED}\b[^\n]*"
    r"|(?:#+ |\*\*)?(?:Changes made|What (?:I|was) changed|Summary of (?:the )?changes)\b[^\n]{0,20}:.*)"
    r"\s*\Z",
    re.DOTALL,
)
"""What a model says of its revision below it."""


def revised_text(text: str) -> str:
    """What a model wrote as the new text: without a line that announces it, what it says of its changes
    below, and a fence around it.
    """
    text = _POSTSCRIPT.sub("", _PREFACE.sub("", text))
    if (fenced := _FENCED.match(text)) and not FENCE_MARK.search(fenced[2]):
        text = fenced[2]
    return text.strip()


def with_system(messages: Sequence[Message], text: str) -> tuple[Message, ...]:
    """The conversation with `text` as (or added to) its system turn."""
    if messages[0].role == "system":
        return (system(f"{messages[0].text}\n\n{text}"), *messages[1:])
    return (system(text), *messages)


def revised_response(
    prompt: Prompt,
    parent: Response,
    reply: Reply,
    ask: Ask,
    model: str,
    *,
    temperature: float | None = None,
    **fields: Any,
) -> Response:
    """What `model` replied as a response with its parent, its sampling and how it ended. Raises
    TruncatedReply when there is nothing in it.
    """
    text = revised_text(reply.text)
    if not text:
        raise TruncatedReply("the revision is empty", code="empty", replies=(reply.text,), keys=(reply.key,))
    if FENCE_MARK.search(text):
        message = "the revision holds marks of the request's fences"
        raise UnreadableReply(message, code="leak", replies=(reply.text,), keys=(reply.key,))
    sampling = {**ask.options(model), **({} if temperature is None else {"temperature": temperature})}
    return Response.of(
        prompt,
        assistant(text),
        model=ask.label(model),
        parent_id=parent.id,
        sampling=sampling,
        finish_reason=reply.finish_reason,
        **fields,
    )
