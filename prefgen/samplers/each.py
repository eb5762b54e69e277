"""Every named model answers each prompt `n` times: one request a model where the server has `n`."""

from collections.abc import Sequence

from pydantic import Field

from prefgen.errors import ReplyError
from prefgen.kit.gather import gather_settled
from prefgen.kit.responses import one_response
from prefgen.plugins.decorators import sampler
from prefgen.plugins.plugin import Plugin
from prefgen.roles import Ask
from prefgen.types import Prompt, Response


@sampler("each")
class Each(Plugin):
    """`n` answers of each of `models` (or of `model`)."""

    model: str | tuple[str, ...] = Field(description="A model, or several, by the names under `models`.")
    n: int = Field(default=4, ge=1, description="Answers a model.")
    system: str | None = Field(default=None, description="A system prompt for all of them.")
    reasoning: str = Field(
        default="drop", pattern="^(drop|keep)$", description="Whether reasoning goes into pairs."
    )

    def most_responses(self) -> int:
        return len(self.models_used()) * self.n

    async def sample(self, prompt: Prompt, ask: Ask) -> Sequence[Response | ReplyError]:
        return await gather_settled(
            one_response(ask, model, prompt, i, self.reasoning, system_text=self.system)
            for model in self.models_used()
            for i in range(self.n)
        )
