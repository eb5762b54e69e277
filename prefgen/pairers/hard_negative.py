"""The best response over the best of those that are clearly worse: a rejected side that is hard to tell from
the chosen one.
"""

from collections.abc import Sequence
from random import Random

from prefgen.kit.pairing import ScorePairer, make_pair
from prefgen.plugins.decorators import pairer
from prefgen.types import Pair, Record


@pairer("hard_negative")
class HardNegative(ScorePairer):
    """One pair a prompt; `min_margin` says how far below the best the rejected side must be at least."""

    def pair(self, record: Record, rng: Random) -> Sequence[Pair]:
        ranked = self.rank_responses(record)
        for worse in ranked[1:]:
            pairs = make_pair(self.name, ranked[0], worse, self.min_margin, self.ties)
            if pairs:
                return self.add_probabilities(pairs, record)
        return ()
