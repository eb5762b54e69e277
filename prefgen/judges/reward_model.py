"""Score each answer by a reward model: a classifier behind a server's score, pooling or classify route, or in
this process.

A reward has no scale of its own: answers are ranked by (reward - center) / spread, and the margin of a pair
is the difference of these, however large they are. Beside judges that have a scale it counts by the logistic
function of that number, from 0 to 1; `center` and `spread` can be fitted on labelled pairs. Where a prompt
has a number beyond 6, all of the prompt are first divided by the same number, so that none become equal. With
`raw: true` the reward stands as it is, and `scale` says between which bounds it must lie: one outside is
lost, never clipped. With `pairs` the model is a ranker that reads two answers at once (as PairRM, arXiv
2306.02561): every pair is ranked in both orders, and the log-odds become a probability.
"""

import math
from collections.abc import Sequence
from itertools import combinations

from pydantic import Field, model_validator

from prefgen.errors import ReplyError, UnreadableReply
from prefgen.kit.gather import gather_settled
from prefgen.kit.ratings import check_scale, copy_comparisons, judge_each, not_applicable_scores
from prefgen.kit.swap import both_orders
from prefgen.plugins.decorators import judge
from prefgen.plugins.plugin import Plugin
from prefgen.roles import Ask, Verdict
from prefgen.stats.scoring import UNBOUNDED, logistic
from prefgen.text.near_duplicates import group_by_text
from prefgen.types import Comparison, Prompt, Response, Score


@judge("reward_model")
class RewardModel(Plugin):
    """A reward a response."""

    cost = "a request to the score route an answer; n (n - 1) with `pairs` (n answers)"

    model: str = Field(
        description=(
            "The reward model, by its name under `models`: `use: transformers`, or a server with a score "
            "route (vLLM)."
        )
    )
    pairs: bool = Field(
        default=False,
        description="The model ranks two answers against each other (`use: transformers` only).",
    )
    raw: bool = Field(default=False, description="Keep the reward as it is.")
    scale: tuple[float, float] = Field(default=(-100.0, 100.0), description="Bounds of a raw reward.")
    center: float = Field(default=0.0, allow_inf_nan=False, description="The reward that becomes 0.")
    spread: float = Field(
        default=1.0, gt=0, allow_inf_nan=False, description="How far above it a reward becomes 1."
    )

    @model_validator(mode="after")
    def _check_scale(self) -> "RewardModel":
        check_scale(self.scale)
        return self

    def models_scoring(self) -> tuple[str, ...]:
        return (self.model,)

    async def judge(
        self, prompt: Prompt, responses: Sequence[Response], ask: Ask
    ) -> Sequence[Verdict | ReplyError]:
        if not self.pairs:
            return await judge_each(responses, lambda response: self._reward(prompt, response, ask))
        if len(responses) < 2:
            return not_applicable_scores(
                (r.id for r in responses), "preference", (0, 1), "nothing to compare with"
            )
        text_groups = group_by_text(sorted(responses, key=lambda r: r.id))
        pairs = [
            pair for a, b in combinations([group[0] for group in text_groups], 2) for pair in ((a, b), (b, a))
        ]
        verdicts = await gather_settled(
            self._compare(prompt, pair, order % 2, ask) for order, pair in enumerate(pairs)
        )
        verdicts = both_orders(verdicts)
        return [*verdicts, *copy_comparisons(verdicts, text_groups, "preference")]

    async def _compare(
        self, prompt: Prompt, pair: tuple[Response, Response], order: int, ask: Ask
    ) -> Comparison:
        log_odds = await ask.score(self.model, prompt, *pair)
        if not math.isfinite(log_odds):
            raise UnreadableReply(f"expected log-odds, found {log_odds}", code="out_of_scale")
        probability = logistic(log_odds / self.spread)
        return Comparison(
            first_id=pair[0].id,
            second_id=pair[1].id,
            probability=probability,
            aspect="preference",
            sample=order,
            method="log-odds",
        )

    async def _reward(self, prompt: Prompt, response: Response, ask: Ask) -> Verdict:
        reward = await ask.score(self.model, prompt, response)
        if not math.isfinite(reward) or (self.raw and not self.scale[0] <= reward <= self.scale[1]):
            raise UnreadableReply(
                f"expected a reward within {self.scale[0]:g} to {self.scale[1]:g}, found {reward}",
                code="out_of_scale",
            )
        if self.raw:
            return Score(response_id=response.id, aspect="reward", value=reward, scale=self.scale)
        return Score(
            response_id=response.id,
            aspect="reward",
            value=(reward - self.center) / self.spread,
            scale=UNBOUNDED,
            rationale=f"reward {reward:g}",
        )
