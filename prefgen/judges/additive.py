"""Rate each answer from 0 to 5 by points that add up, several times, and take the mean (Self-Rewarding, arXiv
2401.10020, section 2.2).

One point each: it is relevant; it covers much of the request; it answers the basic need in a useful way; it
is well written from an assistant's point of view; it is tailored to the request, at an expert's level.
Samples that cannot be read are lost and never count as 0; an answer with fewer than `min_valid` readable ones
has no score.
"""

from collections.abc import Mapping, Sequence

from pydantic import Field, model_validator

from prefgen.errors import ReplyError
from prefgen.kit.judge_prompt import judge_messages, text_for_judge
from prefgen.kit.ratings import (
    ask_ratings,
    check_samples,
    rate_each_text,
    rating_schema,
)
from prefgen.plugins.decorators import judge
from prefgen.plugins.plugin import Plugin
from prefgen.roles import Ask, Verdict
from prefgen.types import Prompt, Response

ADDITIVE_SCALE = (0.0, 5.0)


@judge("additive")
class Additive(Plugin):
    """The additive rubric of 0 to 5. Paper: 3 samples an answer, averaged; its temperature is not given."""

    cost = "`samples` requests an answer"
    texts = ("judges/judge_system.j2", "judges/additive.j2")

    model: str = Field(
        description="The judging model, by its name under `models` (paper: the policy itself)."
    )
    samples: int = Field(default=3, ge=1, description="Ratings an answer (paper: 3; Meta-Rewarding: 11).")
    min_valid: int = Field(
        default=1, ge=1, description="Readable ratings that an answer needs to have a score."
    )
    temperature: float | None = Field(
        default=0.7, ge=0, description="Temperature of the judge; above 0 where there are several samples."
    )
    top_p: float | None = Field(default=0.9, gt=0, le=1, description="Nucleus of the judge.")
    schema_reply: bool = Field(
        default=True,
        description="Ask for JSON by schema; false asks for text that ends in a score line (paper).",
    )

    @model_validator(mode="after")
    def _check_samples(self) -> "Additive":
        check_samples(self.samples, self.min_valid, self.temperature)
        return self

    def rated_scales(self) -> Mapping[str, tuple[float, float]]:
        return {"additive": ADDITIVE_SCALE}

    async def judge(
        self, prompt: Prompt, responses: Sequence[Response], ask: Ask
    ) -> Sequence[Verdict | ReplyError]:
        return await rate_each_text(responses, lambda response: self._rate(prompt, response, ask))

    async def _rate(self, prompt: Prompt, response: Response, ask: Ask) -> Sequence[Verdict | ReplyError]:
        messages = judge_messages(
            "judges/additive.j2",
            prompt,
            text=text_for_judge(response),
            references=prompt.references,
            as_json=self.schema_reply,
        )
        return await ask_ratings(
            ask, self.model, messages, response, "additive", ADDITIVE_SCALE, samples=self.samples,
            min_valid=self.min_valid, schema=rating_schema(*ADDITIVE_SCALE) if self.schema_reply else None,
            temperature=self.temperature, top_p=self.top_p,
        )  # fmt: skip
