"""Keep prompts that a model rates well: their quality, their difficulty, how safe they are to answer, or
whatever you name.

After DEITA (Liu et al., arXiv 2312.15685, section 2), which rates complexity and quality. Each prompt is
asked about once, from 1 to 5 with anchored levels; the rating stays in the prompt's metadata. Below `least`
and above `most` it goes; a prompt whose rating could not be read is not taken for a bad one: `missing` says
what becomes of it.
"""

from typing import Literal

from pydantic import Field, model_validator

from prefgen.kit.curation import check_bounds, within_bounds
from prefgen.kit.judge_prompt import conversation_for_judge, material_message
from prefgen.kit.ratings import ONE_TO_FIVE, ask_rating, rating_schema
from prefgen.kit.templates import render
from prefgen.plugins.decorators import curator
from prefgen.plugins.plugin import Plugin
from prefgen.roles import Ask
from prefgen.tables import Table
from prefgen.types import Prompt, system


@curator("rated")
class Rated(Plugin):
    """What is rated outside the bounds goes, with its rating."""

    cost = "1 request a prompt"
    texts = ("synthesizers/reader_system.j2", "curators/rated.j2")

    model: str = Field(description="Who rates, by its name under `models`.")
    aspect: str = Field(
        default="quality", description="quality, difficulty, safety, or in your own words what is rated."
    )
    least: float | None = Field(default=None, ge=1, le=5, description="Least rating that stays.")
    most: float | None = Field(
        default=None, ge=1, le=5, description="Greatest rating that stays, as for prompts that are too hard."
    )
    missing: Literal["keep", "drop"] = Field(
        default="keep", description="What becomes of a prompt whose rating could not be read."
    )

    @model_validator(mode="after")
    def _check_bounds(self) -> "Rated":
        check_bounds(self.least, self.most)
        return self

    def output_column(self) -> str:
        return f"rated_{self.aspect.replace(' ', '_')[:40]}"

    async def annotate(self, prompt: Prompt, ask: Ask) -> float:
        question = render(
            "curators/rated.j2", conversation=conversation_for_judge(prompt), aspect=self.aspect
        )
        messages = [system(render("synthesizers/reader_system.j2")), material_message(question, prompt)]
        rating, _ = await ask_rating(
            ask, self.model, messages, ONE_TO_FIVE, schema=rating_schema(*ONE_TO_FIVE), temperature=0
        )
        return rating

    def curate(self, rows: Table) -> Table:
        return within_bounds(rows, self.output_column(), self.aspect, self.least, self.most, self.missing)
