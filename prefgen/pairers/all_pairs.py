"""Every pair of responses whose scores differ enough (InstructGPT's K-wise expansion, arXiv 2203.02155)."""

from collections.abc import Sequence
from itertools import combinations
from random import Random

from pydantic import Field

from prefgen.kit.pairing import ScorePairer
from prefgen.plugins.decorators import pairer
from prefgen.types import Pair, Record


@pairer("all_pairs")
class AllPairs(ScorePairer):
    """All pairs of a prompt; their weights add up to 1, so that prompts with more responses do not count for
    more.
    """

    cap: int | None = Field(
        default=None, ge=1, description="At most so many pairs a prompt, drawn with the seed."
    )
    seed: int = Field(default=0, description="Seed of the draw.")

    def pair(self, record: Record, rng: Random) -> Sequence[Pair]:
        pairs = self.make_pairs(record, combinations(self.rank_responses(record), 2))
        if self.cap is not None and len(pairs) > self.cap:
            kept_indices = set(rng.sample(range(len(pairs)), self.cap))
            pairs = [pair for i, pair in enumerate(pairs) if i in kept_indices]
        weighted_pairs = [pair.replacing(weight=pair.weight / len(pairs)) for pair in pairs]
        return self.add_probabilities(weighted_pairs, record)
