"""Pairs by where responses come from, without any judge: one model or origin over another.

`chosen: {model: [strong]}, rejected: {model: [weak]}` is a delta of two models; `chosen: {origin:
[improved]}, rejected: {origin: [sampled]}` is SynPO's (arXiv 2410.06961, section 2.3), which also wants a
least margin of a score: with `score` given, pairs whose chosen side does not score higher by `min_margin` are
dropped.
"""

from collections.abc import Mapping, Sequence
from itertools import product
from random import Random
from typing import Literal

from pydantic import Field, field_validator

from prefgen.kit.pairing import OriginPairer, list_pairable_responses
from prefgen.plugins.decorators import pairer
from prefgen.types import Pair, Record, Response

Side = Mapping[Literal["model", "origin", "principle"], tuple[str, ...]]


@pairer("fixed")
class Fixed(OriginPairer):
    """The first response of one kind over the first of another; `all: true` pairs each with each."""

    selector_fields = ("chosen", "rejected")

    chosen: Side = Field(
        description=(
            "What the chosen side is: {model: [...]}, {origin: [...]} or {principle: [...]}, or several of "
            "them."
        )
    )
    rejected: Side = Field(description="What the rejected side is.")
    all: bool = Field(
        default=False,
        description=(
            "Every response of the one kind with every response of the other; their weights add up to 1."
        ),
    )

    @field_validator("chosen", "rejected")
    @classmethod
    def _check_side(cls, side: Side) -> Side:
        if not side or not all(side.values()):
            raise ValueError("say what the side is, such as {model: [strong]}")
        return side

    def pair(self, record: Record, rng: Random) -> Sequence[Pair]:
        return self.build_pairs(record, product(*self._sides(record)), limit=None if self.all else 1)

    def _sides(self, record: Record) -> tuple[list[Response], list[Response]]:
        usable = list_pairable_responses(record, self.truncated)
        return (
            [r for r in usable if matches_side(r, self.chosen)],
            [r for r in usable if matches_side(r, self.rejected)],
        )

    def explain(self, record: Record) -> str:
        chosen, rejected = self._sides(record)
        if not chosen:
            return "no_chosen_side"
        if not rejected:
            return "no_rejected_side"
        return self.explain_candidates(record, list(product(chosen, rejected)))


def matches_side(response: Response, side: Side) -> bool:
    """Whether a response is of a kind."""
    return all(getattr(response, name) in values for name, values in side.items())
