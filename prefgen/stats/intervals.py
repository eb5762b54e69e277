"""Intervals of 95 %: what would have been found with other prompts of the same kind."""

import math
from collections.abc import Callable, Hashable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

Z = 1.959964
RESAMPLES = 2000


def effective_count(values: Sequence[float], groups: Sequence[Hashable]) -> float:
    """To how many independent values these amount, of which those of one group (the pairs of one prompt) may
    go together: by the spread of the groups' sums about the mean (Kish's design effect). At most as many as
    there are, and as many as there are groups where they are all alike.
    """
    n = len(values)
    mean = math.fsum(values) / n
    sums: dict[Hashable, float] = {}
    for value, group in zip(values, groups, strict=True):
        sums[group] = sums.get(group, 0.0) + value - mean
    spread = math.fsum((value - mean) ** 2 for value in values)
    between = math.fsum(total * total for total in sums.values())
    if not spread or not between:
        return float(len(sums))
    return min(float(n), n * spread / between)


def wilson_interval(
    values: Sequence[float], groups: Sequence[Hashable] | None = None
) -> tuple[float, float, float]:
    """(mean, low, high) of values in 0..1 that are mostly 0 or 1, by Wilson's score interval (1927): never of
    no width, never outside of 0..1. Values of one of the `groups` count as what they are together worth.
    """
    p = math.fsum(values) / len(values)
    n = effective_count(values, groups) if groups is not None else len(values)
    centre, half_width = p + Z * Z / (2 * n), Z * math.sqrt(p * (1 - p) / n + Z * Z / (4 * n * n))
    denominator = 1 + Z * Z / n
    return p, max(0.0, (centre - half_width) / denominator), min(1.0, (centre + half_width) / denominator)


def paired_change_interval(
    values: Sequence[float], groups: Sequence[Hashable] | None = None
) -> tuple[float, float, float]:
    """(mean, low, high) of paired differences in -1..1, by Agresti and Min's adjusted interval (2005): never
    of no width, never outside of -1..1. Values of one of the `groups` count as what they are together worth.

    Half a pair is added to each way that both can be right or wrong, so that a few pairs that all changed
    alike are not beyond doubt.
    """
    worth = effective_count(values, groups) / len(values) if groups is not None else 1.0
    n = worth * len(values) + 2
    centre = worth * math.fsum(values) / n
    mean_square = (worth * math.fsum(value * value for value in values) + 1) / n
    half_width = Z * math.sqrt(max(0.0, mean_square - centre * centre) / n)
    return math.fsum(values) / len(values), max(-1.0, centre - half_width), min(1.0, centre + half_width)


def mean_interval(parts: Sequence[tuple[float, float, float]]) -> tuple[float, float, float]:
    """(mean, low, high) of the mean of independent numbers that each have an interval, by the method of
    variance estimates recovery (Zou and Donner, 2008): the distances to the bounds are added in quadrature.
    """
    values = [value for value, _, _ in parts]
    mean = math.fsum(values) / len(parts)
    below = math.sqrt(math.fsum((value - low) ** 2 for value, low, _ in parts)) / len(parts)
    above = math.sqrt(math.fsum((high - value) ** 2 for value, _, high in parts)) / len(parts)
    return mean, mean - below, mean + above


def bootstrap_quantiles(
    n: int, statistic: "Callable[[np.ndarray], float]", *, seed: int, resamples: int = RESAMPLES
) -> tuple[float, float]:
    """(2.5 %, 97.5 %) quantiles of `found(indices)` over bootstrap resamples of the indices 0 to n - 1."""
    import numpy as np

    rng = np.random.default_rng(seed)
    estimates = np.array([statistic(rng.integers(0, n, n)) for _ in range(resamples)])
    return float(np.quantile(estimates, 0.025)), float(np.quantile(estimates, 0.975))


def bootstrap_mean(values: Sequence[float], *, seed: int) -> tuple[float, float, float]:
    """(mean, low, high) of values in 0..1, by bootstrap over them and one more of 0 and of 1: a few that are
    alike are not beyond doubt.
    """
    import numpy as np

    array = np.asarray([*values, 0.0, 1.0], dtype=float)
    low, high = bootstrap_quantiles(len(array), lambda indices: float(array[indices].mean()), seed=seed)
    return math.fsum(values) / len(values), low, high


def span_fields(interval: tuple[float, float, float]) -> dict[str, float]:
    """{value, low, high}, as reports write them."""
    return dict(zip(("value", "low", "high"), interval, strict=True))
