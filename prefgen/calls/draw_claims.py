"""The claims of the draws of one request, had while it is in flight: what another run asks now is left to
it.
"""

from collections.abc import Mapping, Sequence

from prefgen.calls.batch_ledger import waiting_batch
from prefgen.calls.exchange import TryHooks
from prefgen.calls.journal import Journal
from prefgen.calls.pending import PendingRequest
from prefgen.calls.rows import JournalRow
from prefgen.errors import RequestFailed


class AskedElsewhere(Exception):
    """Another run on the journal has answered some of the draws of a request, or asks for them now."""

    def __init__(self, answered: Mapping[bytes, JournalRow], taken: Sequence[PendingRequest]) -> None:
        super().__init__(f"{len(answered)} draws are answered, {len(taken)} are asked by another run")
        self.answered = answered
        self.taken = taken


class DrawClaims(TryHooks):
    """Claims the draws when it is their request's turn, and lets others have them while it waits to be tried
    again.
    """

    def __init__(self, draws: Sequence[PendingRequest], journal: Journal) -> None:
        self._draws, self._journal = draws, journal

    def begin(self) -> None:
        """Raises AskedElsewhere, without a claim, unless all draws are this run's to ask."""
        claims = self._journal.claims
        taken = [draw for draw in self._draws if not claims.claim(draw.key.digest)]
        answered = answered_draws(self._draws, self._journal)
        if taken or answered:
            self.pause()
            raise AskedElsewhere(answered, [draw for draw in taken if draw.key.digest not in answered])
        if any(waiting_batch(self._journal, draw.key.digest) for draw in self._draws):
            self.pause()
            raise RequestFailed("batched", "it waits in a batch that another run has just sent; run again")

    def pause(self) -> None:
        """Let others ask meanwhile."""
        for draw in self._draws:
            self._journal.claims.release(draw.key.digest)


def answered_draws(draws: Sequence[PendingRequest], journal: Journal) -> dict[bytes, JournalRow]:
    """{key: row} of those that another run has answered since they were looked up."""
    if journal.claims.is_alone:
        return {}
    rows = ((draw.key.digest, journal.find(draw.key.digest)) for draw in draws)
    return {key: row for key, row in rows if row is not None}
