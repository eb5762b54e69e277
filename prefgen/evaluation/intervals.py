"""Intervals by the bootstrap: what would have been found with other prompts of the same kind."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

RESAMPLES = 2000


def resampled(values: Sequence[Any], found: Callable[[np.ndarray], float], *, seed: int, resamples: int = RESAMPLES) -> tuple[float, float]:
    """(2.5 %, 97.5 %) quantiles of `found(indices)` over resamples of the indices of `values`."""
    rng, n = np.random.default_rng(seed), len(values)
    each = np.array([found(rng.integers(0, n, n)) for _ in range(resamples)])
    return float(np.quantile(each, 0.025)), float(np.quantile(each, 0.975))


def mean_interval(values: Sequence[float], *, seed: int) -> tuple[float, float, float]:
    """(mean, and the interval of 95 % of resamples of the values)."""
    array = np.asarray(values, dtype=float)
    low, high = resampled(values, lambda indices: float(array[indices].mean()), seed=seed)
    return float(array.mean()), low, high
