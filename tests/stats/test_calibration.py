"""From a judge's margin to the probability that people agree: a logistic curve, fitted on labelled pairs and
tested on others. (prefgen/stats/calibration.py)
"""

import math
from random import Random

import pytest

from prefgen.errors import RecipeError
from prefgen.stats.calibration import Calibration, LabelledPair, fit_calibration, quality_of


def drawn(slope, count, seed=0):
    """Labelled pairs of people who follow a curve of this slope."""
    rng = Random(seed)
    pairs = []
    for i in range(count):
        margin = rng.uniform(-3, 3)
        pairs.append(
            LabelledPair(
                f"p{i}", margin, 0.5 + margin / 8, float(rng.random() < 1 / (1 + math.exp(-slope * margin)))
            )
        )
    return pairs


@pytest.mark.parametrize("slope", [0.3, 1.0, 2.5])
def test_the_slope_that_made_the_labels_is_found(slope):
    assert fit_calibration(drawn(slope, 4000), "j").slope == pytest.approx(slope, rel=0.12)


def test_margins_that_separate_the_labels_give_a_finite_slope_and_useless_ones_none():
    sure = [LabelledPair(f"p{i}", m, 0.5, float(m > 0)) for i, m in enumerate([-1, 1] * 20)]
    useless = [LabelledPair(f"p{i}", m, 0.5, float(i % 2)) for i, m in enumerate([1, 1, -1, -1] * 10)]

    assert 1 < fit_calibration(sure, "j").slope < 100
    assert fit_calibration(useless, "j").slope == pytest.approx(0, abs=1e-6)
    with pytest.raises(RecipeError, match="3 labelled pairs are too few"):
        fit_calibration(sure[:3], "j")


def test_turning_a_pair_round_turns_its_probability():
    curve = Calibration(score="j", slope=0.7, fitted_on=50)

    assert curve.probability(1.3) == pytest.approx(1 - curve.probability(-1.3))
    assert curve.probability(0) == 0.5
    assert curve.probability(1e9) == 1.0


def test_the_quality_of_probabilities():
    perfect = quality_of([1.0, 0.0, 0.5], [1, 0, 0.5])
    wrong = quality_of([0.9, 0.9], [0, 0])

    assert (perfect.accuracy, perfect.calibration_error, perfect.brier) == (1.0, 0.0, 0.0)
    assert (wrong.accuracy, wrong.calibration_error) == (0.0, pytest.approx(0.9))


def test_fitting_improves_the_calibration_of_a_judge_that_is_too_modest():
    train, test = drawn(2.5, 800), drawn(2.5, 800, seed=1)
    curve = fit_calibration(train, "j")

    before = quality_of([p.before for p in test], [p.label for p in test])
    after = quality_of([curve.probability(p.margin) for p in test], [p.label for p in test])

    assert after.accuracy == before.accuracy
    assert after.calibration_error < before.calibration_error / 2
    assert after.brier < before.brier
