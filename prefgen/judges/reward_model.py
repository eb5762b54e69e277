"""Score each answer by a reward model behind a server's score route.

A raw reward has no scale of its own. By default it becomes a number from 0 to 1 by a logistic function, 1 / (1 + exp(-(reward -
center) / spread)), which keeps the order of answers; `center` and `spread` can be fitted on labelled pairs. `raw: true` keeps the
reward, and `scale` says between which bounds it must lie: one outside is lost, never clipped.
"""

import math
from collections.abc import Sequence

from pydantic import Field, model_validator

from prefgen.errors import ReplyError, UnreadableReply
from prefgen.judging import check_scale, verdict_each
from prefgen.plugins import Plugin, judge
from prefgen.roles import Ask, Verdict
from prefgen.scoring import logistic
from prefgen.types import Prompt, Response, Score


@judge("reward_model")
class RewardModel(Plugin):
    """A reward a response."""

    cost = "a request to the score route an answer"

    model: str = Field(description="The reward model, by its name under `models`; its server needs a score route (vLLM has one).")
    raw: bool = Field(False, description="Keep the reward as it is.")
    scale: tuple[float, float] = Field((-100.0, 100.0), description="Bounds of a raw reward.")
    center: float = Field(0.0, allow_inf_nan=False, description="The reward that becomes 0.5.")
    spread: float = Field(1.0, gt=0, allow_inf_nan=False, description="How far above it a reward becomes 0.73.")

    @model_validator(mode="after")
    def _scale_is_one(self) -> "RewardModel":
        check_scale(self.scale)
        return self

    async def judge(self, prompt: Prompt, responses: Sequence[Response], ask: Ask) -> Sequence[Verdict | ReplyError]:
        return await verdict_each(responses, lambda response: self._reward(prompt, response, ask))

    async def _reward(self, prompt: Prompt, response: Response, ask: Ask) -> Verdict:
        reward = await ask.score(self.model, prompt, response)
        if not math.isfinite(reward) or (self.raw and not self.scale[0] <= reward <= self.scale[1]):
            raise UnreadableReply(f"expected a reward within {self.scale[0]:g} to {self.scale[1]:g}, found {reward}", code="out_of_scale")
        if self.raw:
            return Score(response_id=response.id, aspect="reward", value=reward, scale=self.scale)
        value = logistic((reward - self.center) / self.spread)
        return Score(response_id=response.id, aspect="reward", value=value, scale=(0, 1), rationale=f"reward {reward:g}")
