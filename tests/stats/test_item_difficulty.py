"""How hard each prompt is, by many models' games. (prefgen/stats/item_difficulty.py)"""

import numpy as np
import pytest

from prefgen.stats.item_difficulty import ModelGames, fit_difficulty
from prefgen.stats.length_control import RIDGE


def planted(models, prompts, seed=0):
    """(games of each model, planted difficulties): verdicts of 0 or 1, length differences that go with the
    difficulty, models of other strength, love of length and slope.
    """
    rng = np.random.default_rng(seed)
    difficulty = rng.normal(size=prompts)
    games = []
    for _ in range(models):
        longer = rng.normal(50 * difficulty - 30, 100)
        logits = (
            rng.normal(-1, 1) + rng.normal(1.5, 0.3) * np.tanh(longer / 100) + rng.normal(1, 0.2) * difficulty
        )
        won = (rng.random(prompts) < 1 / (1 + np.exp(-logits))).astype(float)
        kept = rng.random(prompts) < 0.9
        games.append(ModelGames([str(i) for i in np.flatnonzero(kept)], won[kept], longer[kept]))
    return games, difficulty


def test_planted_difficulties_are_found():
    games, difficulty = planted(60, 200)

    found = fit_difficulty(games)

    estimated = np.array([found[str(i)] for i in range(200)])
    assert np.corrcoef(estimated, difficulty)[0, 1] > 0.9


def test_the_difficulties_are_the_most_likely_ones():
    """Against scipy's minimizer of the loss as the module states it."""
    optimize = pytest.importorskip("scipy.optimize")
    games, _ = planted(6, 30, seed=3)
    features = [np.tanh(g.length_differences / g.length_differences.std(ddof=1)) for g in games]

    def loss(values):
        per_model, difficulty = values[:18].reshape(6, 3), values[18:]
        total, gradient = (difficulty**2).sum() / 2, np.concatenate([np.zeros(18), difficulty])
        for row, (game, feature) in enumerate(zip(games, features, strict=True)):
            constant, length, slope = per_model[row]
            at = np.array(game.prompt_ids, dtype=int)
            logits = constant + length * feature + slope * difficulty[at]
            total += (np.logaddexp(0, logits) - game.probabilities * logits).sum()
            total += RIDGE * (constant**2 + length**2) / 2 + (slope - 1) ** 2 / 2
            off = 1 / (1 + np.exp(-logits)) - game.probabilities
            gradient[3 * row : 3 * row + 3] = (
                off.sum() + RIDGE * constant,
                (off * feature).sum() + RIDGE * length,
                (off * difficulty[at]).sum() + slope - 1,
            )
            gradient[18 + at] += slope * off
        return total, gradient

    start = np.concatenate([np.tile([0.0, 0.0, 1.0], 6), np.zeros(30)])
    best = optimize.minimize(loss, start, jac=True, tol=1e-12, options={"maxiter": 2000}).x[18:]

    found = fit_difficulty(games, tolerance=1e-8)

    assert [found[str(i)] for i in range(30)] == pytest.approx(best.tolist(), abs=1e-3)


def test_models_that_won_all_and_prompts_that_all_lost_stay_finite():
    lost = ModelGames(["a", "b", "c"], [1.0, 1.0, 0.0], [1.0, -1.0, 0.0])
    found = fit_difficulty([lost, lost, ModelGames(["a", "b"], [1.0, 1.0], [7.0, 7.0])])

    assert set(found) == {"a", "b", "c"}
    assert found["c"] < found["a"] < 5
    assert fit_difficulty([]) == {}
