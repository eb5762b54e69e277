"""Score each answer by the expected rating over the likelihoods of the numbers 1 to 10, mapped to -1 to 1
(d-RLAIF, arXiv 2309.00267, section 2.3).

The model is asked for a rating and never writes one: the probabilities of the rating's tokens are read,
normalised over the numbers of the scale, and their mean is taken; 5.5 maps to 0. Where a server gives no
log-probabilities, sampled ratings are averaged and the row says `votes`. Where a tokenizer writes 10 as two
tokens, the place after the 1 says how likely each is.
"""

import math
from collections.abc import Mapping, Sequence

from pydantic import Field

from prefgen.errors import ReplyError
from prefgen.kit.judge_prompt import judge_messages, text_for_judge
from prefgen.kit.labels import LabelJudge
from prefgen.kit.parse_failure import ParseFailure
from prefgen.kit.ratings import judge_each
from prefgen.kit.reply_ratings import rating_in_text
from prefgen.plugins.decorators import judge
from prefgen.roles import Ask, Verdict
from prefgen.types import Prompt, Response, Score


@judge("expectation")
class Expectation(LabelJudge):
    """The expected rating of 1 to `top`, mapped to -1 to 1. Paper: 1 to 10."""

    cost = "a request of a few tokens an answer"
    texts = ("judges/judge_system.j2", "judges/expectation.j2")

    model: str = Field(description="The judging model, by its name under `models`.")
    top: int = Field(default=10, ge=2, le=10, description="Highest rating; the lowest is 1 (paper: 10).")
    instruction: str | None = Field(
        default=None,
        description="What is rated, in one's own words; default: how good the reply is as a whole.",
    )

    def rated_scales(self) -> Mapping[str, tuple[float, float]]:
        return {"expectation": (-1, 1)}

    async def judge(
        self, prompt: Prompt, responses: Sequence[Response], ask: Ask
    ) -> Sequence[Verdict | ReplyError]:
        return await judge_each(responses, lambda response: self._rate(prompt, response, ask))

    async def _rate(self, prompt: Prompt, response: Response, ask: Ask) -> Verdict:
        messages = judge_messages(
            "judges/expectation.j2",
            prompt,
            text=text_for_judge(response),
            top=self.top,
            instruction=self.instruction,
            references=prompt.references,
        )
        odds, method = await self.label_probabilities(
            ask, self.model, messages, [str(n) for n in range(1, self.top + 1)], whole_rating
        )
        return Score(
            response_id=response.id,
            aspect="expectation",
            value=expected_score(odds),
            scale=(-1, 1),
            method=method,
        )


def whole_rating(text: str, ratings: Sequence[str]) -> str:
    """The one of the whole numbers `ratings` that a vote gives. Raises ParseFailure."""
    value = rating_in_text(text, (1.0, float(len(ratings)))).value
    if value is None or not value.is_integer():
        raise ParseFailure("no_rating", f"expected a whole number, found {text[:60]!r}")
    return ratings[int(value) - 1]


def expected_score(odds: Sequence[float]) -> float:
    """The mean of 1 to n under `odds`, mapped from 1..n to -1..1 by its ends: a uniform one gives 0."""
    mean = math.fsum(number * p for number, p in enumerate(odds, 1))
    return min(1.0, max(-1.0, 2 * (mean - 1) / (len(odds) - 1) - 1))
