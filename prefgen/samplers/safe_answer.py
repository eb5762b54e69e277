"""Answer requests that were made from harmful texts, and their harmless twins (Safer-Instruct, arXiv
2311.08685, and its gap: one canned refusal).

A harmful request gets an expert's answer in a drawn style (say why not, turn to what lies behind, answer the
harmless part), and beside it the text that it was made from. A harmless twin gets a full answer, and beside
it a refusal. `fixed` pairs the one over the other by `principle`. A request that was made from no text is
answered in a drawn style alone.
"""

from collections.abc import Mapping, Sequence
from typing import Literal

from pydantic import Field, field_validator

from prefgen.errors import ReplyError
from prefgen.kit.gather import gather_settled
from prefgen.kit.harm import BENIGN, source_response
from prefgen.kit.responses import one_response
from prefgen.kit.templates import render_once
from prefgen.plugins.decorators import sampler
from prefgen.plugins.plugin import Plugin
from prefgen.roles import Ask
from prefgen.stats.seeded_draws import exponential
from prefgen.types import Prompt, Response

Style = Literal["explain", "redirect", "comply_safely"]


@sampler("safe_answer")
class SafeAnswer(Plugin):
    """One preferred answer a prompt, and the one that it is preferred to."""

    cost = "1 request a harmful prompt, 2 a harmless twin"
    texts = ("samplers/safe_answer.j2",)

    model: str = Field(description="The expert that answers, by its name under `models`.")
    styles: Mapping[Style, float] = Field(
        default={"explain": 1.0, "redirect": 1.0, "comply_safely": 1.0},
        min_length=1,
        description="Styles with their weights: one is drawn a prompt.",
    )
    seed: int = Field(default=0, description="Seed of the draw.")

    @field_validator("styles")
    @classmethod
    def _check_weights(cls, styles: Mapping[Style, float]) -> Mapping[Style, float]:
        if any(not 0 < weight < float("inf") for weight in styles.values()):
            raise ValueError(f"weights must be above 0, found {dict(styles)!r}")
        return styles

    async def sample(self, prompt: Prompt, ask: Ask) -> Sequence[Response | ReplyError]:
        if prompt.category == BENIGN:
            return await gather_settled(self._answer(prompt, style, ask) for style in ("helps", "refuses"))
        style = min(
            self.styles, key=lambda option: exponential(self.styles[option], self.seed, prompt.id, option)
        )
        source = source_response(prompt)
        return [*await gather_settled([self._answer(prompt, style, ask)]), *([source] if source else [])]

    async def _answer(self, prompt: Prompt, style: str, ask: Ask) -> Response:
        text = render_once("samplers/safe_answer.j2", style=style)
        return await one_response(ask, self.model, prompt, 0, principle=style, system_text=text)
