"""Responses as samplers and revisers make them: of a reply, or of a reply to another response."""

from collections.abc import Sequence
from typing import Any

from prefgen.errors import TruncatedReply, UnreadableReply
from prefgen.kit.revised_text import FENCE_MARK, leaves_it_alone, revised_text, speaks_of_the_reply
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
) -> Response | None:
    """What `model` replied as a response with its parent, its sampling and how it ended; None where it says
    that the parent stays as it is. Raises TruncatedReply when there is nothing in it, UnreadableReply where
    it is not certain what the new text is.
    """
    if leaves_it_alone(reply.text, parent.text):
        return None
    text = revised_text(reply.text, parent.text)
    if not text:
        raise TruncatedReply("the revision is empty", code="empty", replies=(reply.text,), keys=(reply.key,))
    if FENCE_MARK.search(text) or speaks_of_the_reply(text, parent.text):
        message = (
            "the revision holds marks of the request's fences"
            if FENCE_MARK.search(text)
            else "the revision speaks of the reply that it was to be"
        )
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
