"""Write what a described person might ask (Persona Hub, Ge et al., arXiv 2406.20094): each row of `seeds` is
a persona.

The kind of request is drawn for each, so that the same person asks a question, wants something written, or
has a problem to solve.
"""

from collections.abc import Sequence

from pydantic import Field

from prefgen.errors import ReplyError
from prefgen.kit.prompt_writing import write_prompts
from prefgen.plugins.decorators import synthesizer
from prefgen.plugins.plugin import FromSeeds
from prefgen.roles import Ask
from prefgen.tables import Table
from prefgen.types import Prompt, Seed

PROMPT_KINDS = (
    "a question about something that they want to understand",
    "a practical problem that they want solved",
    "a piece of writing that they want done",
    "a decision that they want advice on",
    "a task with some material of its own",
)


@synthesizer("persona")
class Persona(FromSeeds):
    """Requests of the people whom the rows describe."""

    seed_kind = "one description of a person"
    cost = "1 request a seed"
    texts = ("synthesizers/writer_system.j2", "synthesizers/persona.j2")

    model: str = Field(description="Who writes, by its name under `models`.")
    per_seed: int = Field(
        default=1, ge=1, le=20, description="Requests of one kind that a persona is asked for at once."
    )
    kinds: tuple[str, ...] = Field(
        default=PROMPT_KINDS, min_length=1, description="Kinds of requests, of which one is drawn each time."
    )

    async def synthesize(self, seed: Seed, ask: Ask, pool: Table) -> Sequence[Prompt | ReplyError]:
        kind = ask.rng(f"persona/{self.seed}").choice(self.kinds)
        return await write_prompts(
            ask, self.model, "persona", count=self.per_seed, persona=seed.text, kind=kind
        )
