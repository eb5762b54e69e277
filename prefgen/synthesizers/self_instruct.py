"""Write tasks from examples of which some are people's and some were written in earlier rounds
(Self-Instruct, Wang et al., arXiv 2212.10560).

Each request shows the seed and further rows of the file (6 in the paper) and prompts from the pool (2), and
asks for several new tasks. The paper's filters are curators: `dedupe` with `method: rouge_l` (0.7) and
`heuristics` (3 to 150 words, nothing that needs a picture) belong after it, so that every task that goes
leaves its reason.
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


@synthesizer("self_instruct")
class SelfInstruct(FromSeeds):
    """Tasks in rounds over a growing pool. Paper: 8 examples, 6 of people and 2 of its own; temperature 0.7,
    top_p 0.5.
    """

    cost = "1 request a seed"
    texts = ("synthesizers/writer_system.j2", "synthesizers/self_instruct.j2")

    model: str = Field(description="Who writes, by its name under `models`.")
    per_seed: int = Field(
        default=4, ge=1, le=50, description="Tasks that are asked for in one request (paper: up to 8)."
    )
    shots: int = Field(
        default=5, ge=0, description="Rows of the file beside the seed's own: 6 examples of people (paper)."
    )
    pool_shots: int = Field(
        default=2, ge=0, description="Prompts of the pool that are shown, once there are any (paper: 2)."
    )
    choice_share: float = Field(
        default=0.3, ge=0, le=1, description="Share of requests that ask for tasks with a choice of answers."
    )

    async def synthesize(self, seed: Seed, ask: Ask, pool: Table) -> Sequence[Prompt | ReplyError]:
        rng = ask.rng(f"self_instruct/{self.seed}")
        shots = [text for text in (seed.text, *seed.shots) if text]
        pool_texts = [text for text in pool.column("text") if text not in shots]
        shots += rng.sample(pool_texts, min(self.pool_shots, len(pool_texts)))
        kind = "choice" if rng.random() < self.choice_share else "free"
        return await write_prompts(
            ask, self.model, "self_instruct", count=self.per_seed, shots=shots, kind=kind
        )
