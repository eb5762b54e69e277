"""Score each answer by the expected rating over the likelihoods of the numbers 1 to 10, mapped to -1 to 1
(d-RLAIF, arXiv 2309.00267, section 2.3).

The model is asked for a rating and never writes one: the probabilities of the rating's tokens are read,
normalised over the numbers of the scale, and their mean is taken; 5.5 maps to 0. Where a server gives no
log-probabilities, sampled ratings are averaged and the row says `votes`. A model whose tokenizer writes 10 as
two tokens gives 1 the likelihood of both: use `top: 9` with it.
"""

import math
from collections.abc import Sequence

from pydantic import Field

from prefgen.errors import ReplyError
from prefgen.kit.labels import label_probabilities
from prefgen.kit.ratings import conversation_for_judge, judge_each, judge_messages
from prefgen.plugins.decorators import judge
from prefgen.plugins.plugin import Plugin
from prefgen.roles import Ask, Verdict
from prefgen.types import Prompt, Response, Score


@judge("expectation")
class Expectation(Plugin):
    """The expected rating of 1 to `top`, mapped to -1 to 1. Paper: 1 to 10."""

    cost = "a request of a few tokens an answer"
    texts = ("judges/judge_system.j2", "judges/expectation.j2")

    model: str = Field(description="The judging model, by its name under `models`.")
    top: int = Field(default=10, ge=2, le=10, description="Highest rating; the lowest is 1 (paper: 10).")
    instruction: str | None = Field(
        default=None,
        description="What is rated, in one's own words; default: how good the reply is as a whole.",
    )
    votes: int = Field(
        default=5,
        ge=1,
        description="Sampled ratings that are averaged where the server gives no log-probabilities.",
    )

    async def judge(
        self, prompt: Prompt, responses: Sequence[Response], ask: Ask
    ) -> Sequence[Verdict | ReplyError]:
        return await judge_each(responses, lambda response: self._rate(prompt, response, ask))

    async def _rate(self, prompt: Prompt, response: Response, ask: Ask) -> Verdict:
        messages = judge_messages(
            "judges/expectation.j2",
            conversation=conversation_for_judge(prompt),
            text=response.text,
            top=self.top,
            instruction=self.instruction,
        )
        odds, method = await label_probabilities(
            ask, self.model, messages, [str(n) for n in range(1, self.top + 1)], fallback=self.votes
        )
        return Score(
            response_id=response.id,
            aspect="expectation",
            value=expected_score(odds),
            scale=(-1, 1),
            method=method,
        )


def expected_score(odds: Sequence[float]) -> float:
    """The mean of 1 to n under `odds`, mapped from 1..n to -1..1 by its ends: a uniform one gives 0."""
    mean = math.fsum(number * p for number, p in enumerate(odds, 1))
    return min(1.0, max(-1.0, 2 * (mean - 1) / (len(odds) - 1) - 1))
