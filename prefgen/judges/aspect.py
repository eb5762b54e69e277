"""Rate each answer on one aspect of one's own, by a definition and, if wanted, anchored levels.

Any name, any wording: `aspect: politeness`, `definition: ...`, `levels: [rude, ..., gracious]`. Each answer
is asked about on its own. Reference answers of the prompt are shown when it has them.
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


@judge("aspect")
class Aspect(Plugin):
    """One aspect, absolute, an answer at a time."""

    cost = "`samples` requests an answer"
    texts = ("judges/judge_system.j2", "judges/aspect.j2")

    model: str = Field(description="The judging model, by its name under `models`.")
    aspect: str = Field(min_length=1, description="What is rated, in a word or two.")
    definition: str = Field(default="", description="What it means, in one's own words.")
    levels: tuple[str, ...] = Field(
        default=(), description="What each rating from 1 upwards stands for; as many levels as the scale has."
    )
    scale: tuple[int, int] = Field(
        default=(1, 5),
        description="Lowest and highest rating, whole numbers; with levels it follows from their number.",
    )
    references: bool = Field(
        default=True, description="Show the prompt's reference answers, where it has them."
    )
    samples: int = Field(default=1, ge=1, description="Ratings an answer; their mean is the score.")
    min_valid: int = Field(
        default=1, ge=1, description="Readable ratings that an answer needs to have a score."
    )
    temperature: float | None = Field(
        default=0.0, ge=0, description="Temperature of the judge; above 0 where there are several samples."
    )
    schema_reply: bool = Field(
        default=True, description="Ask for JSON by schema; false asks for text that ends in a rating line."
    )

    @model_validator(mode="after")
    def _check_levels(self) -> "Aspect":
        if self.scale[0] >= self.scale[1]:
            raise ValueError(f"scale must be two whole numbers, the lower first; found {self.scale!r}")
        if self.levels and self.scale != (1, 5) and len(self.levels) != self.scale[1] - self.scale[0] + 1:
            raise ValueError(
                f"there are {len(self.levels)} levels and the scale has {self.scale[1] - self.scale[0] + 1} "
                "ratings"
            )
        if len(self.levels) == 1:
            raise ValueError("levels must be two or more")
        check_samples(self.samples, self.min_valid, self.temperature)
        return self

    def rated_scales(self) -> Mapping[str, tuple[float, float]]:
        return {self.aspect: self._bounds()}

    def _bounds(self) -> tuple[int, int]:
        """The lowest and the highest rating."""
        return (1, len(self.levels)) if self.levels and self.scale == (1, 5) else self.scale

    async def judge(
        self, prompt: Prompt, responses: Sequence[Response], ask: Ask
    ) -> Sequence[Verdict | ReplyError]:
        return await rate_each_text(responses, lambda response: self._rate(prompt, response, ask))

    async def _rate(self, prompt: Prompt, response: Response, ask: Ask) -> Sequence[Verdict | ReplyError]:
        low, high = self._bounds()
        messages = judge_messages(
            "judges/aspect.j2",
            prompt,
            text=text_for_judge(response),
            aspect=self.aspect,
            definition=self.definition,
            levels=list(enumerate(self.levels, low)),
            low=low,
            high=high,
            references=prompt.references if self.references else (),
            as_json=self.schema_reply,
        )
        return await ask_ratings(
            ask, self.model, messages, response, self.aspect, (float(low), float(high)),
            samples=self.samples, min_valid=self.min_valid,
            schema=rating_schema(low, high) if self.schema_reply else None, temperature=self.temperature,
        )  # fmt: skip
