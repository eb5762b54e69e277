"""The response with the highest score over the one with the lowest."""

from collections.abc import Sequence
from random import Random

from pydantic import Field

from prefgen.kit.pairing import ScorePairer
from prefgen.plugins.decorators import pairer
from prefgen.types import Pair, Record


@pairer("best_vs_worst")
class BestVsWorst(ScorePairer):
    """One pair a prompt. Among equals the first by id is taken, whatever the order of the responses."""

    min_scored: int = Field(default=2, ge=2, description="Least number of responses with a score.")

    def pair(self, record: Record, rng: Random) -> Sequence[Pair]:
        ranked = self.rank_responses(record)
        if len(ranked) < self.fewest():
            return ()
        return self.add_probabilities(self.make_pairs(record, [(ranked[0], ranked[-1])]), record)

    def fewest(self) -> int:
        return self.min_scored
