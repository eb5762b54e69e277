"""What is known of a model by the held-out pairs, beside how many of them it ranks as labelled: how far they
are ahead, where they come from, how well the base ranks them alone, and what its certainty is worth.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from prefgen.stats import intervals
from prefgen.stats.calibration import quality_of

GROUPS = ("source", "category", "judge")
"""Columns by whose values the accuracy is told apart."""
MOST_VALUES = 20
"""Values of a column that are told apart; the rarer ones are not."""
FEW_PAIRS = 20
"""Held-out pairs below which an accuracy says little, whatever it is."""
SMALL_MARGIN = 0.01
"""Implicit reward below which the sign of a margin is mostly noise of the arithmetic."""


@dataclass(frozen=True)
class Accuracy:
    """Share of held-out pairs whose chosen side the model prefers, with its interval of 95 % (Wilson's; pairs
    of one prompt count as what they are together worth).
    """

    value: float
    low: float
    high: float
    pairs: int


@dataclass(frozen=True)
class HeldOut:
    """What a trained model and its base say of the held-out pairs, in their order: `margins` by how much the
    model finds the chosen side ahead; `probabilities` that it is the better one, where the loss makes them
    any; `base_logps` (sum of the log-probabilities, tokens) of chosen and rejected by turns, where the base
    could be asked.
    """

    margins: list[float]
    probabilities: list[float] | None = None
    base_logps: list[tuple[float, int]] | None = None


@dataclass(frozen=True)
class HeldOutDetails:
    """What a report says of the held-out pairs beside the accuracy."""

    mean_margin: float
    baseline: dict[str, Accuracy] = field(default_factory=dict)
    """The base's own accuracy, by which side it finds likelier: by the mean log-probability of a token, and
    by the sum.
    """
    calibration: dict[str, float] | None = None
    """{error, brier} of the model's probabilities against the rows' `chosen_probability`."""
    groups: dict[str, dict[str, Accuracy]] = field(default_factory=dict)
    """{column: {value: the accuracy on its pairs}}, where a column has several values."""


def accuracy(margins: Sequence[float], rows: Sequence[Mapping[str, Any]]) -> Accuracy:
    """Of the margins of held-out pairs."""
    agrees = [float(margin > 0) + 0.5 * float(margin == 0) for margin in margins]
    prompts = [row["prompt_key"] for row in rows]
    return Accuracy(*intervals.wilson_interval(agrees, prompts), len(margins))


def details(found: HeldOut, rows: Sequence[Mapping[str, Any]]) -> HeldOutDetails:
    """What the margins say beside how many are above 0."""
    calibration = None
    if found.probabilities is not None:
        quality = quality_of(found.probabilities, [row["chosen_probability"] for row in rows])
        calibration = {"error": quality.calibration_error, "brier": quality.brier}
    return HeldOutDetails(
        math.fsum(found.margins) / len(found.margins),
        _baseline(found.base_logps, rows) if found.base_logps else {},
        calibration,
        {column: groups for column in GROUPS if (groups := _groups(found.margins, rows, column))},
    )


def _baseline(logps: Sequence[tuple[float, int]], rows: Sequence[Mapping[str, Any]]) -> dict[str, Accuracy]:
    means = [total / max(1, tokens) for total, tokens in logps]
    sums = [total for total, _ in logps]
    return {
        name: accuracy([a - b for a, b in zip(values[::2], values[1::2], strict=True)], rows)
        for name, values in (("mean", means), ("sum", sums))
    }


def _groups(margins: Sequence[float], rows: Sequence[Mapping[str, Any]], column: str) -> dict[str, Accuracy]:
    values = ["(none)" if row[column] is None else str(row[column]) for row in rows]
    counts = Counter(values)
    if len(counts) < 2:
        return {}
    groups: dict[str, Accuracy] = {}
    for name, _ in counts.most_common(MOST_VALUES):
        members = [i for i, value in enumerate(values) if value == name]
        groups[name] = accuracy([margins[i] for i in members], [rows[i] for i in members])
    return groups


def doubts(found: Accuracy, margins: Sequence[float], *, against_reference: bool) -> list[str]:
    """Why an accuracy says less than it looks like, where it does."""
    said: list[str] = []
    if found.pairs < FEW_PAIRS or found.low <= 0.5 <= found.high:
        chance = " and is not told apart from chance" if found.low <= 0.5 <= found.high else ""
        said.append(
            f"the held-out accuracy {found.value:.3f} is that of {found.pairs:,} pairs{chance}: it may as "
            f"well be {found.low:.3f} or {found.high:.3f}"
        )
    if against_reference and (size := median(map(abs, margins))) < SMALL_MARGIN:
        said.append(
            f"the model has hardly moved from the reference: half of the held-out margins are below "
            f"{size:.1g} in implicit reward, so that their signs say little. More steps or a higher "
            "`learning_rate` move it"
        )
    return said
