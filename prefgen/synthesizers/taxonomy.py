"""Divide topics into narrower ones, and write prompts at the leaves, so that a field is covered and not only
its best-known corner.

Each row of `seeds` is the root of a tree (after GLAN, Li et al., arXiv 2402.13064, which starts from the
disciplines of human knowledge). A model names the branches of each node, `depth` times; each leaf gets
prompts of its own. The root is the prompts' category, so that `balance` keeps the trees in proportion.
"""

from collections.abc import Sequence

from pydantic import Field

from prefgen.errors import ReplyError
from prefgen.kit.gather import gather_settled
from prefgen.kit.prompt_writing import write_prompts
from prefgen.plugins.decorators import synthesizer
from prefgen.plugins.plugin import FromSeeds
from prefgen.roles import Ask
from prefgen.tables import Table
from prefgen.types import Prompt, Seed

TopicPath = tuple[str, ...]


@synthesizer("taxonomy")
class Taxonomy(FromSeeds):
    """`branches` to the power of `depth` leaves a seed, `per_leaf` prompts each. A node whose reply is lost
    loses its part of the tree alone.
    """

    seed_kind = "one topic"
    cost = "with b branches and depth d: 1 + b + ... + b^d requests a seed"
    texts = ("synthesizers/writer_system.j2", "synthesizers/topics.j2", "synthesizers/topic_request.j2")

    model: str = Field(description="Who divides and writes, by its name under `models`.")
    branches: int = Field(default=4, ge=1, le=20, description="Narrower topics of each.")
    depth: int = Field(default=1, ge=1, le=4, description="How often topics are divided.")
    per_leaf: int = Field(default=1, ge=1, le=20, description="Prompts of each leaf.")

    async def synthesize(self, seed: Seed, ask: Ask, pool: Table) -> Sequence[Prompt | ReplyError]:
        nodes: list[TopicPath] = [(seed.text or "",)]
        failures: list[ReplyError] = []
        for _ in range(self.depth):
            branches = await gather_settled(self._divide(path, ask) for path in nodes)
            failures += [result for result in branches if isinstance(result, ReplyError)]
            nodes = [path for result in branches if not isinstance(result, ReplyError) for path in result]
        leaf_prompts = await gather_settled(self._write_leaf(path, ask) for path in nodes)
        prompts: list[Prompt | ReplyError] = [
            p for result in leaf_prompts if not isinstance(result, ReplyError) for p in result
        ]
        return [*prompts, *failures, *(result for result in leaf_prompts if isinstance(result, ReplyError))]

    async def _divide(self, path: TopicPath, ask: Ask) -> list[TopicPath]:
        return [
            (*path, prompt.text)
            for prompt in await write_prompts(ask, self.model, "topics", count=self.branches, path=path)
        ]

    async def _write_leaf(self, path: TopicPath, ask: Ask) -> list[Prompt]:
        prompts = await write_prompts(ask, self.model, "topic_request", count=self.per_leaf, path=path)
        return [prompt.replacing(category=path[0][:80], lineage={"topic": list(path)}) for prompt in prompts]
