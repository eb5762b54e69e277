"""Drop pairs whose chosen side is much shorter, so that over the whole set neither side is the longer one
(RLAIF-V, arXiv 2405.17220).

As its code does: of the ratios 0, 0.02 ... 0.98 that one is taken with which the mean length of the chosen
side comes nearest to that of the rejected side, when every pair goes whose chosen side is shorter by more
than the ratio (a part of the rejected side's words). Where chosen answers are the longer ones, which judges
tend to prefer, `side: longer` does the same the other way round.
"""

import math
from dataclasses import replace
from typing import Literal

from pydantic import Field

from prefgen.plugins.decorators import curator
from prefgen.plugins.plugin import Plugin
from prefgen.tables import Dropped, Table

RATIOS = tuple(step / 50 for step in range(50))


@curator("length_balance")
class LengthBalance(Plugin):
    """Pairs are dropped until both sides are about equally long on average."""

    operates_on = "pairs"

    side: Literal["shorter", "longer", "either"] = Field(
        default="either",
        description=(
            "Which pairs may go: those whose chosen side is shorter (paper), longer, or whichever there is "
            "too much of."
        ),
    )

    keep: float = Field(
        default=0.5,
        ge=0,
        le=1,
        description="Least part of the pairs that stays, however far that is from balance (paper: 0).",
    )

    def curate(self, rows: Table) -> Table:
        lengths = list(zip(rows.column("chosen_words"), rows.column("rejected_words"), strict=True))
        if not lengths:
            return rows
        surplus = sum(chosen - rejected for chosen, rejected in lengths)
        side = self.side if self.side != "either" else ("longer" if surplus > 0 else "shorter")
        excess = [_excess(chosen, rejected, side) for chosen, rejected in lengths]
        options = []
        for ratio in RATIOS:
            kept = [pair for pair, pair_excess in zip(lengths, excess, strict=True) if pair_excess <= ratio]
            if len(kept) >= self.keep * len(lengths):
                options.append((_imbalance(kept), ratio))
        best, ratio = min(options, key=lambda option: (option[0], -option[1]), default=(math.inf, 0.0))
        if best >= _imbalance(lengths):
            return replace(rows, notices=(*rows.notices, self._why_nothing(lengths, side)))
        reason = f"chosen side {side} by more than {ratio:.0%}"
        return rows.dropping(
            {
                i: Dropped(reason)
                for i, pair_excess in zip(rows.ids(), excess, strict=True)
                if pair_excess > ratio
            }
        )

    def _why_nothing(self, lengths: list[tuple[int, int]], side: str) -> str:
        chosen, rejected = (sum(words) / len(lengths) for words in zip(*lengths, strict=True))
        return (
            f"length_balance took nothing: chosen has {chosen:.1f} words on average and rejected "
            f"{rejected:.1f}, and these come no nearer where pairs go whose chosen side is {side} by more "
            f"than some ratio, as long as {self.keep:.0%} of the pairs stay (`keep`)"
        )


def _excess(chosen: int, rejected: int, side: str) -> float:
    """By which part of the rejected side's words the chosen side is shorter (or longer)."""
    difference = rejected - chosen if side == "shorter" else chosen - rejected
    return difference / max(1, rejected)


def _imbalance(lengths: list[tuple[int, int]]) -> float:
    """|mean chosen - mean rejected| as a part of the rejected side's mean; infinite where nothing is left."""
    rejected = sum(words for _, words in lengths)
    return abs(sum(words for words, _ in lengths) - rejected) / max(1, rejected) if lengths else float("inf")
