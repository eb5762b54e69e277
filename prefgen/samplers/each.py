"""Every named model answers each prompt `n` times: one request a model where the server has `n`."""

from collections.abc import Sequence
from typing import Any

from pydantic import Field

from prefgen.errors import ReplyError, TruncatedReply
from prefgen.kit.gather import gather_settled
from prefgen.plugins.decorators import sampler
from prefgen.plugins.plugin import Plugin
from prefgen.roles import Ask
from prefgen.types import Message, Prompt, Response, system


@sampler("each")
class Each(Plugin):
    """`n` answers of each of `models` (or of `model`)."""

    model: str | tuple[str, ...] = Field(description="A model, or several, by the names under `models`.")
    n: int = Field(default=4, ge=1, description="Answers a model.")
    system: str | None = Field(default=None, description="A system prompt for all of them.")
    reasoning: str = Field(
        default="drop", pattern="^(drop|keep)$", description="Whether reasoning goes into pairs."
    )

    async def sample(self, prompt: Prompt, ask: Ask) -> Sequence[Response | ReplyError]:
        return await gather_settled(
            one_response(ask, model, prompt, i, self.reasoning, system_text=self.system)
            for model in self.models_used()
            for i in range(self.n)
        )


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

    Raises CutReply when the reply is empty, and whatever `ask` raises.
    """
    messages = with_system(prompt.messages, system_text) if system_text else prompt.messages
    reply = await ask(model, messages, sample=sample, **sampling)
    if not reply.text.strip():
        raise TruncatedReply("the model called a tool instead of answering", code="tool_call")
    return Response.of(
        prompt,
        reply.message,
        model=ask.label(model),
        principle=principle,
        sampling={**ask.options(model), **sampling},
        sample=sample,
        finish_reason=reply.finish_reason,
        keeps_reasoning=reasoning == "keep",
    )


def with_system(messages: Sequence[Message], text: str) -> tuple[Message, ...]:
    """The conversation with `text` as (or added to) its system turn."""
    if messages[0].role == "system":
        return (system(f"{messages[0].text}\n\n{text}"), *messages[1:])
    return (system(text), *messages)
