"""The share of games that would be won if both answers were equally long.

AlpacaEval's length control (Dubois et al., arXiv 2404.04475, section 3): the probability to win is fitted as
logistic(constant + length * tanh(d / s) + slope * difficulty), where d is the difference of the lengths in
characters, s its standard deviation over the prompts and difficulty a number of the prompt that is known from
elsewhere; the mean over the prompts of logistic(constant + slope * difficulty) is what equal length gives.
Without difficulties the last term is left out, and the share is logistic(constant).
"""

import numpy as np

RIDGE = 0.01
"""Keeps the fit finite where one side always wins."""
LENGTH_SPREAD = 0.36
"""Standard deviation of the prior where a length effect is expected: how far the published effects of 145
models on AlpacaEval's leaderboard lie apart (their mean is 1.4).
"""


def length_feature(length_differences: np.ndarray) -> np.ndarray:
    """tanh(d / s), in -1..1; zeros where all differences are the same."""
    spread = float(length_differences.std(ddof=1)) if len(length_differences) > 1 else 0.0
    if spread == 0:
        return np.zeros_like(length_differences)
    return np.tanh(length_differences / spread)


def logistic_of(logits: np.ndarray) -> np.ndarray:
    """1 / (1 + exp(-x)), without overflow."""
    return 1 / (1 + np.exp(-np.clip(logits, -30, 30)))


def equal_length_rate(
    probabilities: np.ndarray,
    length_differences: np.ndarray,
    difficulty: np.ndarray | None = None,
    *,
    expected_effect: float | None = None,
) -> float:
    """The share in 0..1 that is won where both answers are equally long, of games with these probabilities to
    win (0..1), differences in characters and difficulties of their prompts.

    `expected_effect` is the length's weight that is likely beforehand, in logits: the middle of a normal
    prior with deviation `LENGTH_SPREAD`.
    """
    columns = [np.ones_like(probabilities), length_feature(length_differences)]
    if difficulty is not None:
        columns.append(difficulty)
    design = np.stack(columns, axis=1)
    middle, precision = np.zeros(len(columns)), np.full(len(columns), RIDGE)
    if expected_effect is not None:
        middle[1], precision[1] = expected_effect, 1 / LENGTH_SPREAD**2
    weights = _fit_logistic(design, probabilities, middle, precision)
    weights[1] = 0
    return float(logistic_of(design @ weights).mean())


def _fit_logistic(
    design: np.ndarray, probabilities: np.ndarray, middle: np.ndarray, precision: np.ndarray
) -> np.ndarray:
    """The most likely weights under independent normal priors."""
    weights = middle.copy()
    for _ in range(50):  # Newton: the loss is convex
        p = logistic_of(design @ weights)
        gradient = design.T @ (probabilities - p) - precision * (weights - middle)
        curvature = (design * (p * (1 - p))[:, None]).T @ design + np.diag(precision)
        step = np.linalg.solve(curvature, gradient)
        weights = weights + np.clip(step, -2, 2)
        if float(np.abs(step).max()) < 1e-9:
            break
    return weights
