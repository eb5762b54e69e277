"""Every pair of responses whose scores differ enough (InstructGPT's K-wise expansion, arXiv 2203.02155)."""

from collections.abc import Hashable, Sequence
from itertools import combinations
from random import Random

from pydantic import Field

from prefgen.kit.pairing import ScoredResponse, ScorePairer, answer_key
from prefgen.plugins.decorators import pairer
from prefgen.types import Pair, Record


@pairer("all_pairs")
class AllPairs(ScorePairer):
    """All pairs of a prompt's answers, of which equal ones are one; their weights add up to 1, so that
    prompts with more responses do not count for more.
    """

    cap: int | None = Field(
        default=None, ge=1, description="At most so many pairs a prompt, drawn with the seed."
    )
    seed: int = Field(default=0, description="Seed of the draw.")

    def pair(self, record: Record, rng: Random) -> Sequence[Pair]:
        groups: dict[Hashable, list[ScoredResponse]] = {}
        for item in self.rank_responses(record):  # best first
            groups.setdefault(answer_key(item.response), []).append(item)
        candidates = [
            (better[0], worse[0])
            for better, worse in combinations(groups.values(), 2)
            if better[-1].score >= worse[0].score  # else the better answer is also rated the worse one
        ]
        pairs = self.add_probabilities(self.make_pairs(record, candidates), record)
        if self.cap is not None and len(pairs) > self.cap:
            kept_indices = set(rng.sample(range(len(pairs)), self.cap))
            pairs = [pair for i, pair in enumerate(pairs) if i in kept_indices]
        return [pair.replacing(weight=pair.weight / len(pairs)) for pair in pairs]
