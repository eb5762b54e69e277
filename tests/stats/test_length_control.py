"""The share that is won at equal length. (prefgen/stats/length_control.py)"""

import numpy as np
import pytest

from prefgen.stats.length_control import LENGTH_SPREAD, RIDGE, equal_length_rate


def planted(n=4000, seed=0):
    """(probabilities, length differences, difficulties, the share at equal length): prompts that are easy to
    win have the longer answers.
    """
    rng = np.random.default_rng(seed)
    difficulty = rng.normal(size=n)
    longer = rng.normal(60 * difficulty - 40, 100)
    feature = np.tanh(longer / longer.std(ddof=1))
    base = -1.2 + 1.5 * difficulty
    probabilities = 1 / (1 + np.exp(-(base + 0.8 * feature)))
    return probabilities, longer, difficulty, float((1 / (1 + np.exp(-base))).mean())


def test_planted_coefficients_are_found_with_the_difficulty_and_not_without():
    probabilities, longer, difficulty, truth = planted()

    assert equal_length_rate(probabilities, longer, difficulty) == pytest.approx(truth, abs=1e-3)
    assert equal_length_rate(probabilities, longer) > truth + 0.02


@pytest.mark.parametrize(("with_difficulty", "effect"), [(True, None), (False, None), (False, 1.4)])
def test_the_fit_is_the_most_likely_one(with_difficulty, effect):
    """Against scipy's minimizer of the same loss."""
    optimize = pytest.importorskip("scipy.optimize")
    rng = np.random.default_rng(1)
    probabilities, longer, difficulty, _ = planted(120)
    probabilities = np.clip(probabilities + rng.normal(0, 0.2, 120), 0, 1)
    columns = [np.ones(120), np.tanh(longer / longer.std(ddof=1)), *([difficulty] if with_difficulty else [])]
    middle = np.array([0, effect or 0, 0][: len(columns)])
    precision = np.array([RIDGE, RIDGE if effect is None else LENGTH_SPREAD**-2, RIDGE][: len(columns)])

    def loss(weights):
        logits = sum(w * c for w, c in zip(weights, columns, strict=True))
        return (np.logaddexp(0, logits) - probabilities * logits).sum() + (
            precision * (weights - middle) ** 2
        ).sum() / 2

    best = optimize.minimize(loss, middle, tol=1e-10).x
    logits = best[0] + (best[2] * difficulty if with_difficulty else 0 * difficulty)

    found = equal_length_rate(
        probabilities, longer, difficulty if with_difficulty else None, expected_effect=effect
    )

    assert found == pytest.approx((1 / (1 + np.exp(-logits))).mean(), abs=1e-5)


def test_answers_that_are_all_longer_by_the_same_and_one_game_are_no_trap():
    assert equal_length_rate(np.array([0.25, 0.75]), np.array([5.0, 5.0])) == pytest.approx(0.5)
    assert 0.9 < equal_length_rate(np.array([1.0]), np.array([3.0])) < 1
