"""Write new prompts like those of a file: a few of its rows are shown, others each time.

`instructions` and `about` steer what is written; `template` replaces the wording altogether (a jinja2
template that is given `shots`, `about`, `count`, the seed's `text` and its `metadata`).
"""

from collections.abc import Sequence

from pydantic import Field

from prefgen.errors import ReplyError
from prefgen.kit.prompt_writing import prompts_schema, read_prompts, write_prompts
from prefgen.kit.replies import ask_and_parse
from prefgen.kit.templates import render_text
from prefgen.plugins.decorators import synthesizer
from prefgen.plugins.plugin import FromSeeds
from prefgen.roles import Ask
from prefgen.tables import Table
from prefgen.types import Prompt, Seed, user


@synthesizer("few_shot")
class FewShot(FromSeeds):
    """`per_seed` prompts a request, from the seed's own text and `shots` others."""

    cost = "1 request a seed"
    texts = ("synthesizers/writer_system.j2", "synthesizers/few_shot.j2")

    model: str = Field(description="Who writes, by its name under `models`.")
    per_seed: int = Field(default=1, ge=1, le=50, description="Prompts that are asked for in one request.")
    shots: int = Field(default=3, ge=0, description="Rows that are shown beside the seed's own.")
    about: tuple[str, ...] = Field(
        default=(), description="Topics, of which each request is given one in a seeded draw."
    )
    instructions: str | None = Field(
        default=None, description="What else the new prompts must be, in a sentence."
    )
    template: str | None = Field(
        default=None, description="A jinja2 template in place of the shipped wording."
    )

    def validate(self) -> None:
        if self.template is not None:
            render_text(
                self.template, {"shots": ["x"], "about": "x", "count": 1, "text": "x", "metadata": {}}
            )

    async def synthesize(self, seed: Seed, ask: Ask, pool: Table) -> Sequence[Prompt | ReplyError]:
        shots = [text for text in (seed.text, *seed.shots) if text]
        about = ask.rng(f"about/{self.seed}").choice(self.about) if self.about else None
        if self.template is None:
            return await write_prompts(
                ask,
                self.model,
                "few_shot",
                count=self.per_seed,
                shots=shots,
                about=about,
                instructions=self.instructions,
            )
        values = {
            "shots": shots,
            "about": about,
            "count": self.per_seed,
            "text": seed.text,
            "metadata": seed.metadata,
        }
        messages = [user(render_text(self.template, values))]
        texts, _ = await ask_and_parse(
            ask,
            self.model,
            messages,
            lambda reply: read_prompts(reply, self.per_seed),
            schema=prompts_schema(self.per_seed),
        )
        return [Prompt.of(text) for text in dict.fromkeys(texts)]
