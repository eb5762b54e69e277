"""How hard each prompt is to win, from the games that many models had on the same prompts.

AlpacaEval's model (Dubois et al., arXiv 2404.04475, section 3), fitted for all models together: on prompt x
model m wins with probability logistic(constant_m + length_m * tanh(d / s) + slope_m * difficulty_x), where d
is the difference of the lengths and s its standard deviation over the model's prompts.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from prefgen.stats.length_control import RIDGE, length_feature, logistic_of

SLOPE_SPREAD = 1.0
"""The slopes are taken from a normal distribution around 1 with this deviation, the difficulties from one
around 0 with deviation 1: what tells scale and sign, and keeps a prompt that all models lost finite.
"""
ROUNDS = 500
STEP = 2.0
"""The largest change of a number in one step of Newton's."""


@dataclass(frozen=True)
class ModelGames:
    """One model's games: on which prompts, the probability to win each (0..1), and by how many characters its
    answer was the longer one.
    """

    prompt_ids: Sequence[str]
    probabilities: Sequence[float]
    length_differences: Sequence[float]


def fit_difficulty(models: Sequence[ModelGames], *, tolerance: float = 1e-3) -> dict[str, float]:
    """{prompt id: difficulty}: the higher, the more often models win (the sign of AlpacaEval's). Zero and
    unit mean nothing by themselves: each model has its constant and slope.

    The most likely values under the priors of this module, by Newton's steps for models and prompts in turns
    until no difficulty changes by more than `tolerance`.
    """
    prompt_ids = list(dict.fromkeys(i for games in models for i in games.prompt_ids))
    index = {prompt_id: at for at, prompt_id in enumerate(prompt_ids)}
    shape = (len(models), len(prompt_ids))
    won, lengths, played = np.zeros(shape), np.zeros(shape), np.zeros(shape)
    for row, games in enumerate(models):
        at = [index[prompt_id] for prompt_id in games.prompt_ids]
        won[row, at] = games.probabilities
        lengths[row, at] = length_feature(np.asarray(games.length_differences, dtype=float))
        played[row, at] = 1
    difficulty = np.zeros(shape[1])
    weights = np.tile([0.0, 0.0, 1.0], (shape[0], 1))
    for _ in range(ROUNDS):
        weights = _step_of_models(won, lengths, played, difficulty, weights)
        previous = difficulty
        difficulty = _step_of_prompts(won, lengths, played, difficulty, weights)
        difficulty, weights = _rescaled(difficulty, weights)
        if float(np.abs(difficulty - previous).max(initial=0.0)) < tolerance:
            break
    return dict(zip(prompt_ids, difficulty.tolist(), strict=True))


def _step_of_models(
    won: np.ndarray, lengths: np.ndarray, played: np.ndarray, difficulty: np.ndarray, weights: np.ndarray
) -> np.ndarray:
    """(constant, length, slope) of each model after one step."""
    shared = np.broadcast_to(difficulty, won.shape)
    design = np.stack([np.ones_like(won), lengths, shared], axis=2)
    p = logistic_of(np.einsum("mxk,mk->mx", design, weights))
    precision = np.array([RIDGE, RIDGE, 1 / SLOPE_SPREAD**2])
    gradient = np.einsum("mxk,mx->mk", design, played * (won - p)) - precision * (weights - [0.0, 0.0, 1.0])
    curvature = np.einsum("mxk,mx,mxl->mkl", design, played * p * (1 - p), design, optimize=True)
    step = np.linalg.solve(curvature + np.diag(precision), gradient[:, :, None])[:, :, 0]
    return weights + np.clip(step, -STEP, STEP)


def _step_of_prompts(
    won: np.ndarray, lengths: np.ndarray, played: np.ndarray, difficulty: np.ndarray, weights: np.ndarray
) -> np.ndarray:
    constant, length, slope = weights.T[:, :, None]
    p = logistic_of(constant + length * lengths + slope * difficulty)
    gradient = (played * slope * (won - p)).sum(0) - difficulty
    curvature = (played * slope**2 * p * (1 - p)).sum(0) + 1
    return difficulty + np.clip(gradient / curvature, -STEP, STEP)


def _rescaled(difficulty: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The same probabilities with difficulties and slopes as likely as can be: what they share is a factor,
    which steps in turns find but slowly.
    """
    slope = weights[:, 2]
    factor, size = 1.0, float((difficulty**2).sum())
    for _ in range(20):  # the derivative of (size f^2 + sum((slope / f - 1)^2) / spread^2) / 2 in log f
        off = (slope / factor - 1) * slope / factor / SLOPE_SPREAD**2
        gradient = size * factor**2 - off.sum()
        curvature = 2 * size * factor**2 + abs(((2 * slope / factor - 1) * slope / factor).sum())
        factor *= float(np.exp(np.clip(-gradient / (curvature + 1e-9), -0.5, 0.5)))
    return difficulty * factor, np.column_stack([weights[:, :2], slope / factor])
