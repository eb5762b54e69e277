"""What revisers share: a response that is made of another."""

from typing import Any

from prefgen.errors import TruncatedReply
from prefgen.roles import Ask
from prefgen.types import Prompt, Reply, Response, assistant


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
    """What `model` replied as a response with its parent, its sampling and how it ended. Raises CutReply when
    there is nothing in it.
    """
    text = reply.text.strip()
    if not text:
        raise TruncatedReply("the revision is empty", code="empty", replies=(reply.text,), keys=(reply.key,))
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
