"""The best response over the best of those that are clearly worse: a rejected side that is hard to tell from the chosen one."""

from collections.abc import Sequence
from random import Random

from prefgen.kit.pairing import Scored, make_pair
from prefgen.plugins.registry import pairer
from prefgen.types import Pair, Record


@pairer("hard_negative")
class HardNegative(Scored):
    """One pair a prompt; `min_margin` says how far below the best the rejected side must be at least."""

    def pair(self, record: Record, rng: Random) -> Sequence[Pair]:
        ranked = self.ranked(record)
        for worse in ranked[1:]:
            made = make_pair(self.name, ranked[0], worse, self.min_margin, self.ties)
            if made:
                return self.labelled(made, record)
        return ()
