"""Questions whose answers show whether an assistant has a trait (Kundu et al., arXiv 2310.13798, section
2.1).

Each row of `seeds` describes a trait (a wish for power, flattery, honesty about itself); questions of
`examples` may be shown. The trait is the prompts' category.
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


@synthesizer("questions_for_traits")
class QuestionsForTraits(FromSeeds):
    """`per_seed` questions a trait and seed. Paper: from few examples, at temperature 1."""

    seed_kind = "one trait"
    cost = "1 request a seed"
    texts = ("synthesizers/writer_system.j2", "synthesizers/trait.j2")

    model: str = Field(description="Who writes, by its name under `models`.")
    per_seed: int = Field(default=4, ge=1, le=50, description="Questions that are asked for at once.")
    examples: tuple[str, ...] = Field(
        default=(), description="Questions of this kind, of which up to three are shown, drawn each time."
    )

    async def synthesize(self, seed: Seed, ask: Ask, pool: Table) -> Sequence[Prompt | ReplyError]:
        trait = seed.text or ""
        shots = ask.rng(f"traits/{self.seed}").sample(self.examples, min(3, len(self.examples)))
        prompts = await write_prompts(ask, self.model, "trait", count=self.per_seed, trait=trait, shots=shots)
        return [prompt.replacing(category=trait[:80]) for prompt in prompts]
