"""The response with the highest score over another one, drawn with a seed (as Zephyr binarised UltraFeedback)."""

from collections.abc import Sequence
from random import Random
from typing import Literal

from pydantic import Field

from prefgen.pairing import make_pair, ranked_responses, why_no_pair
from prefgen.plugins import Plugin, pairer
from prefgen.scoring import ScoreSpec
from prefgen.types import Pair, Record


@pairer("best_vs_random")
class BestVsRandom(Plugin):
    """One pair a prompt; the rejected side is drawn among the responses that score lower."""

    score: ScoreSpec = Field(ScoreSpec(), description="A judge, judge.aspect, or {mean, weights, veto}. Default: the mean of all judges.")
    min_margin: float = Field(0.0, ge=0, description="Least difference of the scores, on their scale.")
    ties: Literal["drop", "keep"] = Field("drop", description="keep: an equal score may be drawn; the pair is marked as a tie.")
    length_cut: Literal["drop", "keep"] = Field("drop", description="Whether a response that the token limit cut may be paired.")
    seed: int = Field(0, description="Seed of the draw.")

    def pair(self, record: Record, rng: Random) -> Sequence[Pair]:
        ranked = ranked_responses(record, self.score, length_cut=self.length_cut)
        candidates = [pairs for worse in ranked[1:] if (pairs := make_pair(self.name, ranked[0], worse, self.min_margin, self.ties))]
        return rng.choice(candidates) if candidates else ()

    def explain(self, record: Record) -> str:
        return why_no_pair(record, self.score, min_margin=self.min_margin, length_cut=self.length_cut)
