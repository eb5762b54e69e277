"""The response with the highest score over the one with the lowest."""

from collections.abc import Sequence
from random import Random

from pydantic import Field

from prefgen.pairing import Scored, make_pair, ranked_responses, why_no_pair
from prefgen.plugins import pairer
from prefgen.types import Pair, Record


@pairer("best_vs_worst")
class BestVsWorst(Scored):
    """One pair a prompt. Among equals the first by id is taken, whatever the order of the responses."""

    min_scored: int = Field(2, ge=2, description="Least number of responses with a score.")

    def pair(self, record: Record, rng: Random) -> Sequence[Pair]:
        ranked = ranked_responses(record, self.score, length_cut=self.length_cut)
        if len(ranked) < self.min_scored:
            return ()
        return self.labelled(make_pair(self.name, ranked[0], ranked[-1], self.min_margin, self.ties), record)

    def explain(self, record: Record) -> str:
        return why_no_pair(record, self.score, min_margin=self.min_margin, length_cut=self.length_cut, least=self.min_scored)
