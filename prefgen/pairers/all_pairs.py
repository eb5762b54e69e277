"""Every pair of responses whose scores differ enough (InstructGPT's K-wise expansion, arXiv 2203.02155)."""

from collections.abc import Sequence
from itertools import combinations
from random import Random
from typing import Literal

from pydantic import Field

from prefgen.pairing import make_pair, ranked_responses, why_no_pair
from prefgen.plugins import Plugin, pairer
from prefgen.scoring import ScoreSpec
from prefgen.types import Pair, Record


@pairer("all_pairs")
class AllPairs(Plugin):
    """All pairs of a prompt; their weights add up to 1, so that prompts with more responses do not count for more."""

    score: ScoreSpec = Field(ScoreSpec(), description="A judge, judge.aspect, or {mean, weights, veto}. Default: the mean of all judges.")
    min_margin: float = Field(0.0, ge=0, description="Least difference of the scores, on their scale.")
    cap: int | None = Field(None, ge=1, description="At most so many pairs a prompt, drawn with the seed.")
    ties: Literal["drop", "keep"] = Field("drop", description="keep: equal scores make a pair that is marked as a tie.")
    length_cut: Literal["drop", "keep"] = Field("drop", description="Whether a response that the token limit cut may be paired.")
    seed: int = Field(0, description="Seed of the draw.")

    def pair(self, record: Record, rng: Random) -> Sequence[Pair]:
        ranked = ranked_responses(record, self.score, length_cut=self.length_cut)
        pairs = [p for better, worse in combinations(ranked, 2) for p in make_pair(self.name, better, worse, self.min_margin, self.ties)]
        if self.cap is not None and len(pairs) > self.cap:
            kept = set(rng.sample(range(len(pairs)), self.cap))
            pairs = [pair for i, pair in enumerate(pairs) if i in kept]
        return [pair.model_copy(update={"weight": pair.weight / len(pairs)}) for pair in pairs]

    def explain(self, record: Record) -> str:
        return why_no_pair(record, self.score, min_margin=self.min_margin, length_cut=self.length_cut)
