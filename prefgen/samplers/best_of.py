"""Draw several answers and keep the best by a reward model: best-of-n."""

import math
from collections.abc import Sequence

from pydantic import Field, model_validator

from prefgen.errors import ReplyError, UnreadableReply
from prefgen.kit.gather import gather_settled
from prefgen.kit.responses import one_response
from prefgen.plugins.decorators import sampler
from prefgen.plugins.plugin import Plugin
from prefgen.roles import Ask
from prefgen.types import Prompt, Response


@sampler("best_of")
class BestOf(Plugin):
    """The `keep` best of `n` answers; equal scores by id. An answer that was lost does not compete, and is
    counted.
    """

    model: str = Field(description="The answering model, by its name under `models`.")
    scorer: str = Field(description="A reward model with a score route, by its name under `models`.")
    n: int = Field(default=16, ge=2, description="Answers that are drawn.")
    keep: int = Field(default=1, ge=1, description="How many of the best are kept.")
    reasoning: str = Field(
        default="drop", pattern="^(drop|keep)$", description="Whether reasoning goes into pairs."
    )

    @model_validator(mode="after")
    def _check_keep(self) -> "BestOf":
        if self.keep >= self.n:
            raise ValueError(f"keep is {self.keep} and only {self.n} are drawn")
        return self

    def models_used(self) -> tuple[str, ...]:
        return (self.model, self.scorer)

    def models_scoring(self) -> tuple[str, ...]:
        return (self.scorer,)

    async def sample(self, prompt: Prompt, ask: Ask) -> Sequence[Response | ReplyError]:
        results = await gather_settled(
            one_response(ask, self.model, prompt, i, self.reasoning) for i in range(self.n)
        )
        responses = [result for result in results if isinstance(result, Response)]
        rewards = await gather_settled(self._score(prompt, result, ask) for result in responses)
        ranked = sorted(
            (result for result in rewards if not isinstance(result, ReplyError)),
            key=lambda item: (-item[0], item[1].id),
        )
        failures = [result for result in (*results, *rewards) if isinstance(result, ReplyError)]
        return [*(response for _, response in ranked[: self.keep]), *failures]

    async def _score(self, prompt: Prompt, response: Response, ask: Ask) -> tuple[float, Response]:
        reward = await ask.score(self.scorer, prompt, response)
        if not math.isfinite(reward):
            raise UnreadableReply(f"expected a finite reward, found {reward}", code="out_of_scale")
        return reward, response
