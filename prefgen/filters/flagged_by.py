"""Flag the responses that a judge scored below a bound: pairers then skip them."""

from collections.abc import Sequence

from pydantic import Field

from prefgen.plugins.decorators import filter
from prefgen.plugins.plugin import Plugin
from prefgen.stats.scoring import judge_scores
from prefgen.types import Flag, Record


@filter("flagged_by")
class FlaggedBy(Plugin):
    """A response with a score below `below` is flagged. One without a score is not: missing is never low."""

    judge: str = Field(description="A judge of an earlier stage, or judge.aspect.")
    below: float = Field(description="Least score that is not flagged, on the judge's scale.")

    def flag(self, record: Record) -> Sequence[Flag]:
        scores, _ = judge_scores(record, self.judge)
        return [
            Flag(
                target_id=r.id,
                rule=f"{self.name}:{self.judge}",
                reason=f"{scores[r.id]:g} is below {self.below:g}",
            )
            for r in record.responses
            if r.id in scores and scores[r.id] < self.below
        ]
