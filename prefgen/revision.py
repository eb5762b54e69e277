"""What revisers share: a response that is made of another."""

from typing import Any

from prefgen.errors import CutReply
from prefgen.roles import Ask
from prefgen.types import Prompt, Response, assistant


def revision_of(prompt: Prompt, parent: Response, text: str, ask: Ask, model: str, **fields: Any) -> Response:
    """A response with its parent, by `model`. Raises CutReply when there is nothing in it."""
    if not text.strip():
        raise CutReply("the revision is empty", code="empty")
    return Response.of(
        prompt, assistant(text.strip()), model=ask.label(model), parent_id=parent.id, sampling=dict(ask.options(model)), **fields
    )
