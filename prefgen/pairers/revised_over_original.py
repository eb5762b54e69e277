"""A revision over the response that it was made of: no judge is needed (the shortcut of Constitutional AI,
arXiv 2212.08073, section 3).

Of each chain of revisions the last is chosen and the first answer rejected. With `score` given, only where
the last also scores higher.
"""

from collections.abc import Mapping, Sequence
from random import Random
from typing import ClassVar

from prefgen.kit.pairing import OriginPairer, list_pairable_responses
from prefgen.plugins.decorators import pairer
from prefgen.types import Pair, Record, Response


@pairer("revised_over_original")
class RevisedOverOriginal(OriginPairer):
    """One pair a chain of revisions; the weights of a prompt's pairs add up to 1."""

    default_responses: ClassVar[Mapping[str, str]] = {
        "which": "all"
    }  # a chain is followed over the revisions between its ends

    def pair(self, record: Record, rng: Random) -> Sequence[Pair]:
        return self.build_pairs(record, self._candidates(record))

    def _candidates(self, record: Record) -> list[tuple[Response, Response]]:
        usable = list_pairable_responses(record, self.truncated)
        return [(last, first) for first, last in chains(record, usable)]

    def explain(self, record: Record) -> str:
        candidates = self._candidates(record)
        return self.explain_candidates(record, candidates) if candidates else "no_revision"


def chains(record: Record, usable: Sequence[Response]) -> list[tuple[Response, Response]]:
    """(first, last) of each chain of revisions whose ends are both usable."""
    by_id = {r.id: r for r in record.responses}
    parents = {r.parent_id for r in record.responses if r.parent_id}
    usable_ids = {r.id for r in usable}
    ends = []
    for last in record.responses:
        if last.parent_id is None or last.id in parents:
            continue
        first = last
        while first.parent_id is not None and first.parent_id in by_id:
            first = by_id[first.parent_id]
        if first.id in usable_ids and last.id in usable_ids:
            ends.append((first, last))
    return ends
