"""The shortest of the good responses over the longest of the bad ones (Meta-Rewarding, arXiv 2407.19594,
section 2.3).

Good is a score in [(1 - rho) * max + rho * min, max], bad one in [min, (1 - rho) * min + rho * max]. With rho
0 the best is paired with the worst; among equals, length decides. Lengths are in characters.
"""

from collections.abc import Sequence
from random import Random

from pydantic import Field

from prefgen.kit.pairing import ScorePairer
from prefgen.plugins.decorators import pairer
from prefgen.types import Pair, Record


@pairer("length_tier")
class LengthTier(ScorePairer):
    """One pair a prompt, that does not teach length. Paper: rho 0, then 0.32, 0.32 and 0.4 by iteration."""

    rho: float = Field(
        default=0.32, ge=0, lt=0.5, description="How wide the tiers are, as a share of the scores' range."
    )
    max_chosen_chars: int | None = Field(
        default=None, ge=1, description="Longest chosen response (paper: 2,500 in the first iteration)."
    )

    def pair(self, record: Record, rng: Random) -> Sequence[Pair]:
        ranked = self.rank_responses(record)
        if len(ranked) < 2:
            return ()
        best, worst = ranked[0].score, ranked[-1].score
        good = [item for item in ranked if item.score >= (1 - self.rho) * best + self.rho * worst - 1e-12]
        bad = [item for item in ranked if item.score <= (1 - self.rho) * worst + self.rho * best + 1e-12]
        chosen = min(good, key=lambda item: (len(item.response.text), item.response.id))
        rejected = max(bad, key=lambda item: (len(item.response.text), item.response.id))
        if self.max_chosen_chars is not None and len(chosen.response.text) > self.max_chosen_chars:
            return ()
        return self.add_probabilities(self.make_pairs(record, [(chosen, rejected)]), record)

    def explain(self, record: Record) -> str:
        reason = super().explain(record)
        return "too_long" if reason == "same_text" and self.max_chosen_chars is not None else reason
