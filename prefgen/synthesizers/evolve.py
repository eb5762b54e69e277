"""Make prompts harder, step by step, or move sideways from them (Evol-Instruct, Xu et al., arXiv 2304.12244,
section 3).

Each step draws one operator: in depth (a further requirement, deeper, more concrete, more steps of thought,
with material) or in breadth (a rarer request of the same field). A step that gives back a text of the chain
ends it and is counted; its earlier steps stay.
"""

from collections.abc import Sequence
from typing import Literal

from pydantic import Field

from prefgen.errors import ReplyError, UnreadableReply
from prefgen.kit.prompt_writing import write_prompts
from prefgen.plugins.decorators import synthesizer
from prefgen.plugins.plugin import FromSeeds
from prefgen.roles import Ask
from prefgen.tables import Table
from prefgen.text.normalize import normalize
from prefgen.types import Prompt, Seed

Operator = Literal["constrain", "deepen", "concretise", "reason", "material", "widen"]


@synthesizer("evolve")
class Evolve(FromSeeds):
    """Chains of evolved prompts. Paper: four steps, five operators in depth and one in breadth."""

    seed_kind = "one prompt"
    cost = "1 request a step and seed"
    texts = ("synthesizers/writer_system.j2", "synthesizers/evolve.j2")

    model: str = Field(description="Who writes, by its name under `models`.")
    steps: int = Field(default=1, ge=1, le=10, description="Steps from each seed (paper: 4).")
    operators: tuple[Operator, ...] = Field(
        default=("constrain", "deepen", "concretise", "reason", "material", "widen"),
        min_length=1,
        description="Of which one is drawn each step.",
    )
    keep: Literal["last", "all"] = Field(
        default="all", description="Which steps become prompts (paper: all)."
    )

    async def synthesize(self, seed: Seed, ask: Ask, pool: Table) -> Sequence[Prompt | ReplyError]:
        rng = ask.rng(f"evolve/{self.seed}")
        latest, chain = seed.text or "", []
        seen = {normalize(latest)}
        failures: list[ReplyError] = []
        for step in range(self.steps):
            operator = rng.choice(self.operators)
            try:
                [prompt, *_] = await write_prompts(ask, self.model, "evolve", text=latest, operator=operator)
                if normalize(prompt.text) in seen:
                    raise UnreadableReply(
                        f"step {step + 1} ({operator}) gave back what was there",
                        code="not_evolved",
                        replies=(prompt.text,),
                    )
            except ReplyError as error:
                failures.append(error)
                break
            seen.add(normalize(prompt.text))
            chain.append(
                prompt.replacing(lineage={"operator": operator, "step": step + 1, "parent": latest[:500]})
            )
            latest = prompt.text
        return [*(chain if self.keep == "all" else chain[-1:]), *failures]
