"""How likely it is that the chosen side of a pair is the better one, by the comparisons of the two, and what
becomes of pairs that their own comparisons speak against.
"""

import math
from collections.abc import Sequence
from typing import Any, Literal

from pydantic import Field

from prefgen.stats.scoring import ScoreSpec, comparisons_of, judge_names, probability_of
from prefgen.types import Comparison, Pair, Record

Disagreement = Literal["drop", "hard", "keep"]
DISAGREEMENT_FIELD: Any = Field(
    default="drop",
    description=(
        "A pair whose chosen side the comparisons put below one half: dropped, kept without a probability, "
        "or kept with it (`check` calls such a pair broken)."
    ),
)


def without_disagreement(pairs: Sequence[Pair], policy: Disagreement) -> Sequence[Pair]:
    """The pairs, with what the policy makes of those whose own probability speaks against them: training
    would turn them round.
    """
    if policy == "keep" or all(agrees(pair) for pair in pairs):
        return pairs
    agreed: list[Pair] = []
    for pair in pairs:
        if agrees(pair):
            agreed.append(pair)
        elif policy == "hard":
            agreed.append(pair.replacing(chosen_probability=None))
    return agreed


def agrees(pair: Pair) -> bool:
    """Whether its own probability does not speak against a pair."""
    return pair.chosen_probability is None or pair.chosen_probability >= 0.5


def add_comparison_probabilities(
    pairs: Sequence[Pair], record: Record, spec: ScoreSpec, labels: Literal["soft", "hard"]
) -> Sequence[Pair]:
    """The pairs with the probability that comparisons of the judges in `spec` (or of all) give them, where
    labels are soft.
    """
    if labels == "hard" or not record.comparisons:
        return pairs
    # aspects that nobody asked to mix are kept apart: without a score they give no probability
    names = spec.ranking_judges() or {name for name in judge_names(record) if "." not in name}
    parts = [(spec.weights.get(name, 1.0), comparisons_of(record, name)) for name in sorted(names)]
    return [
        pair.replacing(chosen_probability=_mean_probability(parts, pair.chosen_id, pair.rejected_id))
        for pair in pairs
    ]


def _mean_probability(
    parts: Sequence[tuple[float, Sequence[Comparison]]], chosen_id: str, rejected_id: str
) -> float | None:
    """The weighted mean over the judges that compared the two, as their score is one: a judge that was asked
    in more orders counts no more.
    """
    weighed = [
        (weight, probability)
        for weight, comparisons in parts
        if (probability := probability_of(comparisons, chosen_id, rejected_id)) is not None
    ]
    if not weighed:
        return None
    mean = math.fsum(w * p for w, p in weighed) / math.fsum(w for w, _ in weighed)
    return min(max(mean, 0.0), 1.0)
