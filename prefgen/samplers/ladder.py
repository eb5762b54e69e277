"""One model answers at several temperatures, so that its answers differ in care and daring."""

from collections.abc import Sequence

from pydantic import Field, field_validator

from prefgen.errors import ReplyError
from prefgen.kit.gather import gather_settled
from prefgen.kit.responses import one_response
from prefgen.plugins.decorators import sampler
from prefgen.plugins.plugin import Plugin
from prefgen.roles import Ask
from prefgen.types import Prompt, Response


@sampler("ladder")
class Ladder(Plugin):
    """`n` answers at each temperature."""

    model: str = Field(description="The model, by its name under `models`.")
    temperatures: tuple[float, ...] = Field(
        default=(0.0, 0.5, 1.0, 1.3), min_length=1, description="The rungs; at 0 one answer is all there is."
    )
    n: int = Field(default=1, ge=1, description="Answers at each temperature above 0.")
    system: str | None = Field(default=None, description="A system prompt for all of them.")
    reasoning: str = Field(
        default="drop", pattern="^(drop|keep)$", description="Whether reasoning goes into pairs."
    )

    @field_validator("temperatures")
    @classmethod
    def _check_temperatures(cls, rungs: tuple[float, ...]) -> tuple[float, ...]:
        if not all(0 <= t <= 5 for t in rungs):
            raise ValueError(f"temperatures are from 0 to 5, found {rungs!r}")
        return rungs

    async def sample(self, prompt: Prompt, ask: Ask) -> Sequence[Response | ReplyError]:
        draws = [(t, i) for t in dict.fromkeys(self.temperatures) for i in range(self.n if t else 1)]
        return await gather_settled(
            one_response(ask, self.model, prompt, i, self.reasoning, system_text=self.system, temperature=t)
            for t, i in draws
        )
