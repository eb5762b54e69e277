"""A revision over the response that it was made of: no judge is needed (the shortcut of Constitutional AI, arXiv 2212.08073, section 3).

Of each chain of revisions the last is chosen and the first answer rejected. With `score` given, only where the last also scores higher.
"""

from collections.abc import Mapping, Sequence
from random import Random
from typing import ClassVar, Literal

from pydantic import Field

from prefgen.pairing import Ranked, labelled, make_pair, pairable, same_text
from prefgen.plugins import Plugin, pairer
from prefgen.scoring import ScoreSpec, scores_of
from prefgen.types import Pair, Record, Response


@pairer("revised_over_original")
class RevisedOverOriginal(Plugin):
    """One pair a chain of revisions; the weights of a prompt's pairs add up to 1."""

    shown: ClassVar[Mapping[str, str]] = {"which": "all"}  # a chain is followed over the revisions between its ends

    score: ScoreSpec | None = Field(None, description="A score by which the revision must be better; default: none is looked at.")
    min_margin: float = Field(0.0, ge=0, description="Least difference of that score.")
    length_cut: Literal["drop", "keep"] = Field("drop", description="Whether a response that the token limit cut may be paired.")

    def pair(self, record: Record, rng: Random) -> Sequence[Pair]:
        scores = scores_of(record, self.score) if self.score else {}
        pairs: list[Pair] = []
        for first, last in chains(record, pairable(record, self.length_cut)):
            if same_text(first, last):
                continue
            if self.score is None:
                pairs.append(Pair(chosen_id=last.id, rejected_id=first.id, rule=self.name))
            elif first.id in scores and last.id in scores and scores[last.id] >= scores[first.id]:
                pairs += make_pair(self.name, Ranked(last, scores[last.id]), Ranked(first, scores[first.id]), self.min_margin, "drop")
        shared = [pair.replacing(weight=1 / len(pairs)) for pair in pairs]
        return labelled(shared, record, self.score or ScoreSpec(), "soft")

    def explain(self, record: Record) -> str:
        if not chains(record, pairable(record, self.length_cut)):
            return "no_revision"
        return "margin" if self.score else "same_text"


def chains(record: Record, usable: Sequence[Response]) -> list[tuple[Response, Response]]:
    """(first, last) of each chain of revisions whose ends are both usable."""
    by_id = {r.id: r for r in record.responses}
    parents = {r.parent_id for r in record.responses if r.parent_id}
    kept = {r.id for r in usable}
    found = []
    for last in record.responses:
        if last.parent_id is None or last.id in parents:
            continue
        first = last
        while first.parent_id is not None and first.parent_id in by_id:
            first = by_id[first.parent_id]
        if first.id in kept and last.id in kept:
            found.append((first, last))
    return found
