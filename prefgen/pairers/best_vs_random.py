"""The response with the highest score over another one, drawn with a seed (as Zephyr binarised
UltraFeedback).
"""

from collections.abc import Sequence
from random import Random

from pydantic import Field

from prefgen.kit.pairing import ScorePairer
from prefgen.plugins.decorators import pairer
from prefgen.types import Pair, Record


@pairer("best_vs_random")
class BestVsRandom(ScorePairer):
    """One pair a prompt; the rejected side is drawn among the responses that score lower."""

    seed: int = Field(default=0, description="Seed of the draw.")

    def pair(self, record: Record, rng: Random) -> Sequence[Pair]:
        ranked = self.rank_responses(record)
        pairs = self.make_pairs(record, ((ranked[0], worse) for worse in ranked[1:]))
        return self.add_probabilities([rng.choice(pairs)], record) if pairs else ()
