"""Tournaments: who of many answers is compared with whom, when not all are compared with all."""

import math
from collections.abc import Sequence

from prefgen.stats.scoring import probability_of
from prefgen.types import Comparison, Response

ResponsePair = tuple[Response, Response]


class Tournament:
    """Rounds of comparisons: knockout, where the loser of a match is out, or swiss, where those meet who have
    won equally often so far. Default number of rounds: as many as a knockout has.
    """

    def __init__(self, entrants: Sequence[Response], *, knockout: bool, rounds: int | None = None) -> None:
        self._entrants = list(entrants)
        self._knockout = knockout
        self._rounds_left = rounds or max(1, math.ceil(math.log2(len(entrants))))
        self._wins = {response.id: 0.0 for response in entrants}
        self._met: set[frozenset[str]] = set()

    def next_round(self) -> list[ResponsePair]:
        """The pairs of the next round: neighbours by their wins who have not met; of an odd number the last
        sits out. None are left when the tournament is over.
        """
        if not self._rounds_left:
            return []
        self._rounds_left -= 1
        queue = list(self._entrants)
        if not self._knockout:
            queue.sort(key=lambda response: -self._wins[response.id])
        pairs: list[ResponsePair] = []
        while len(queue) > 1:
            response = queue.pop(0)
            opponent = next((other for other in queue if self._may_meet(response, other)), None)
            if opponent is not None:
                queue.remove(opponent)
                pairs.append((response, opponent))
        return pairs

    def winner(self) -> Response | None:
        """Who is left of a knockout that is over; None before that."""
        return self._entrants[0] if len(self._entrants) == 1 else None

    def _may_meet(self, response: Response, other: Response) -> bool:
        return self._knockout or frozenset((response.id, other.id)) not in self._met

    def end_round(self, pairs: Sequence[ResponsePair], comparisons: Sequence[Comparison]) -> None:
        """Count the wins of a round; a pair whose comparison is lost counts as even."""
        losers: set[str] = set()
        for first, second in pairs:
            self._met.add(frozenset((first.id, second.id)))
            probability = probability_of(comparisons, first.id, second.id)
            share = 0.5 if probability is None else probability
            if share == 0.5:  # who was ahead before goes on; of equals the first
                losers.add(first.id if self._wins[first.id] < self._wins[second.id] else second.id)
            else:
                losers.add(first.id if share < 0.5 else second.id)
            self._wins[first.id] += share
            self._wins[second.id] += 1 - share
        if self._knockout:
            self._entrants = [response for response in self._entrants if response.id not in losers]
