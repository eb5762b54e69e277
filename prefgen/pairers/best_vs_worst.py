"""The response with the highest score over the one with the lowest."""

from collections.abc import Sequence
from random import Random
from typing import Literal

from pydantic import Field

from prefgen.pairing import make_pair, ranked_responses, why_no_pair
from prefgen.plugins import Plugin, pairer
from prefgen.scoring import ScoreSpec
from prefgen.types import Pair, Record


@pairer("best_vs_worst")
class BestVsWorst(Plugin):
    """One pair a prompt. Among equals the first by id is taken, whatever the order of the responses."""

    score: ScoreSpec = Field(ScoreSpec(), description="A judge, judge.aspect, or {mean, weights, veto}. Default: the mean of all judges.")
    min_margin: float = Field(0.0, ge=0, description="Least difference of the scores, on their scale.")
    ties: Literal["drop", "keep"] = Field("drop", description="keep: equal scores make a pair that is marked as a tie, with weight 0.5.")
    length_cut: Literal["drop", "keep"] = Field("drop", description="Whether a response that the token limit cut may be paired.")
    min_scored: int = Field(2, ge=2, description="Least number of responses with a score.")

    def pair(self, record: Record, rng: Random) -> Sequence[Pair]:
        ranked = ranked_responses(record, self.score, length_cut=self.length_cut)
        if len(ranked) < self.min_scored:
            return ()
        return make_pair(self.name, ranked[0], ranked[-1], self.min_margin, self.ties)

    def explain(self, record: Record) -> str:
        return why_no_pair(record, self.score, min_margin=self.min_margin, length_cut=self.length_cut, least=self.min_scored)
