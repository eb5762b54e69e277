"""Intervals of 95 %: what would have been found with other prompts of the same kind."""

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

Z = 1.959964
RESAMPLES = 2000


def share(values: Sequence[float]) -> tuple[float, float, float]:
    """(mean, low, high) of values in 0..1 that are mostly 0 or 1, by Wilson's score interval (1927): never of no width, never outside of 0..1."""
    n = len(values)
    p = math.fsum(values) / n
    middle, half = p + Z * Z / (2 * n), Z * math.sqrt(p * (1 - p) / n + Z * Z / (4 * n * n))
    whole = 1 + Z * Z / n
    return p, max(0.0, (middle - half) / whole), min(1.0, (middle + half) / whole)


def resampled(n: int, found: "Callable[[np.ndarray], float]", *, seed: int, resamples: int = RESAMPLES) -> tuple[float, float]:
    """(2.5 %, 97.5 %) quantiles of `found(indices)` over bootstrap resamples of the indices 0 to n - 1."""
    import numpy as np

    rng = np.random.default_rng(seed)
    each = np.array([found(rng.integers(0, n, n)) for _ in range(resamples)])
    return float(np.quantile(each, 0.025)), float(np.quantile(each, 0.975))


def mean(values: Sequence[float], *, seed: int) -> tuple[float, float, float]:
    """(mean, low, high) by bootstrap over the values."""
    import numpy as np

    array = np.asarray(values, dtype=float)
    low, high = resampled(len(array), lambda indices: float(array[indices].mean()), seed=seed)
    return float(array.mean()), low, high


def named(span: tuple[float, float, float]) -> dict[str, float]:
    """{value, low, high}, as reports write them."""
    return dict(zip(("value", "low", "high"), span, strict=True))
