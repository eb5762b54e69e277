"""One model answers under two opposed system prompts: the one asks for what is wanted, the other for its
contrary (as RLCD, arXiv 2307.12950, does).

The `fixed` pairer makes pairs of them without a judge: `chosen: {principle: [toward]}, rejected: {principle:
[away]}`; a judge can check that the two prompts had the effect.
"""

from collections.abc import Sequence

from pydantic import Field

from prefgen.errors import ReplyError
from prefgen.kit.gather import gather_settled
from prefgen.kit.responses import one_response
from prefgen.plugins.decorators import sampler
from prefgen.plugins.plugin import Plugin
from prefgen.roles import Ask
from prefgen.types import Prompt, Response


@sampler("contrast")
class Contrast(Plugin):
    """`n` answers under each of two system prompts."""

    model: str = Field(description="The model, by its name under `models`.")
    toward: str = Field(
        min_length=1,
        description="A system prompt that asks for what is wanted; its answers have the principle `toward`.",
    )
    away: str = Field(
        min_length=1,
        description="A system prompt that asks for the contrary; its answers have the principle `away`.",
    )
    n: int = Field(default=1, ge=1, description="Answers under each.")
    reasoning: str = Field(
        default="drop", pattern="^(drop|keep)$", description="Whether reasoning goes into pairs."
    )

    async def sample(self, prompt: Prompt, ask: Ask) -> Sequence[Response | ReplyError]:
        return await gather_settled(
            one_response(ask, self.model, prompt, i, self.reasoning, principle=name, system_text=text)
            for name, text in (("toward", self.toward), ("away", self.away))
            for i in range(self.n)
        )
