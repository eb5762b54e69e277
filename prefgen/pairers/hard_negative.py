"""The best response over the best of those that are clearly worse: a rejected side that is hard to tell from
the chosen one.
"""

from collections.abc import Sequence
from random import Random

from prefgen.kit.pairing import ScorePairer
from prefgen.plugins.decorators import pairer
from prefgen.types import Pair, Record


@pairer("hard_negative")
class HardNegative(ScorePairer):
    """One pair a prompt; `min_margin` says how far below the best the rejected side must be at least."""

    def pair(self, record: Record, rng: Random) -> Sequence[Pair]:
        ranked = self.rank_responses(record)
        pairs = self.make_pairs(record, ((ranked[0], worse) for worse in ranked[1:]))
        return self.add_probabilities(pairs[:1], record)
