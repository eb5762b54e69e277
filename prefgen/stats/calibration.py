"""From a judge's margin to the probability that people agree: a logistic curve, fitted on labelled pairs and
tested on others.

The margin is the difference of two scores, so that the curve has no offset: equal scores are even, and
turning a pair round turns its probability (Platt scaling without its intercept; Guo et al., "On calibration
of modern neural networks", arXiv 1706.04599, section 4).
"""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from prefgen.errors import RecipeError
from prefgen.stats.scoring import logistic
from prefgen.stats.seeded_draws import uniform
from prefgen.types import Value

CALIBRATION_BINS = 10
MIN_PAIRS = 20
"""Labelled pairs below which nothing is fitted."""


class Calibration(Value):
    """What `prefgen calibrate` writes: `probability` = 1 / (1 + exp(-slope * margin)) for the scores of
    `score`.
    """

    score: str
    slope: float
    fitted_on: int

    def probability(self, margin: float) -> float:
        return logistic(self.slope * margin)


@dataclass(frozen=True)
class LabelledPair:
    """A pair that people labelled: the judge's margin for the first, its own probability, and the label (1
    first, 0 second, 0.5 tie).
    """

    prompt_id: str
    margin: float
    before: float
    label: float


@dataclass(frozen=True)
class ProbabilityQuality:
    """How good probabilities are: share of labels on the right side (ties left out), expected calibration
    error, Brier score.
    """

    pairs: int
    accuracy: float | None
    calibration_error: float
    brier: float


def read_calibration(path: Path, display_name: str) -> Calibration:
    """The curve in a file, read once. Raises RecipeError when there is none, or none that can be read."""
    try:
        return _load_calibration(path, path.stat().st_mtime_ns)
    except (OSError, ValueError) as error:
        raise RecipeError(
            f"calibration {display_name!r} cannot be read: {str(error).splitlines()[0]}"
        ) from None


@lru_cache(maxsize=8)
def _load_calibration(path: Path, _mtime_ns: int) -> Calibration:
    return Calibration.model_validate(json.loads(path.read_text(encoding="utf-8")))


def fit_calibration(pairs: Sequence[LabelledPair], score: str) -> Calibration:
    """The slope of greatest likelihood, by Newton's method; a weak prior keeps it finite where margins
    separate the labels.

    Raises RecipeError for fewer than LEAST pairs.
    """
    if len(pairs) < MIN_PAIRS:
        raise RecipeError(f"{len(pairs)} labelled pairs are too few to fit a curve: {MIN_PAIRS} are needed")
    margin_scale = math.sqrt(math.fsum(p.margin**2 for p in pairs) / len(pairs)) or 1.0
    prior = 1e-3 * len(pairs)
    slope = 0.0  # in units of one over the margins' size
    for _ in range(100):
        probabilities = [logistic(slope * p.margin / margin_scale) for p in pairs]
        gradient = (
            math.fsum(
                (p.label - q) * p.margin / margin_scale for p, q in zip(pairs, probabilities, strict=True)
            )
            - prior * slope
        )
        curvature = (
            math.fsum(
                q * (1 - q) * (p.margin / margin_scale) ** 2
                for p, q in zip(pairs, probabilities, strict=True)
            )
            + prior
        )
        step = max(-1.0, min(1.0, gradient / curvature))
        slope += step
        if abs(step) < 1e-10:
            break
    return Calibration(score=score, slope=slope / margin_scale, fitted_on=len(pairs))


@dataclass(frozen=True)
class TestedCalibration:
    """A curve, and how good the judge's own probabilities and the curve's are on pairs that were held out of
    the fit.
    """

    curve: Calibration
    before: ProbabilityQuality
    after: ProbabilityQuality


def fit_and_test(pairs: Sequence[LabelledPair], score: str, held_out: float) -> TestedCalibration:
    """Fit on a part of the labelled prompts and test on the rest, drawn by prompt. Raises RecipeError where
    either part is too small.
    """
    held_out_pairs = [pair for pair in pairs if uniform("held out", pair.prompt_id) < held_out]
    curve = fit_calibration(
        [pair for pair in pairs if uniform("held out", pair.prompt_id) >= held_out], score
    )
    if not held_out_pairs:
        raise RecipeError(f"{len(pairs)} labelled pairs leave none to test on: hold a greater part out")
    labels = [pair.label for pair in held_out_pairs]
    before = quality_of([pair.before for pair in held_out_pairs], labels)
    return TestedCalibration(
        curve, before, quality_of([curve.probability(pair.margin) for pair in held_out_pairs], labels)
    )


def quality_of(probabilities: Sequence[float], labels: Sequence[float]) -> ProbabilityQuality:
    """How well probabilities that the first is better fit the labels. Bins are of equal width over the
    probability of the likelier side.
    """
    untied_pairs = [(p, y) for p, y in zip(probabilities, labels, strict=True) if y != 0.5]
    hits = [1.0 if (p > 0.5) == (y > 0.5) and p != 0.5 else 0.5 if p == 0.5 else 0.0 for p, y in untied_pairs]
    bins: dict[int, list[tuple[float, float]]] = {}
    for p, y in zip(probabilities, labels, strict=True):
        confidence, agreement = (p, y) if p >= 0.5 else (1 - p, 1 - y)
        bins.setdefault(min(CALIBRATION_BINS - 1, int(confidence * CALIBRATION_BINS)), []).append(
            (confidence, agreement)
        )
    gaps = [
        abs(math.fsum(s for s, _ in entries) - math.fsum(a for _, a in entries)) for entries in bins.values()
    ]
    brier = math.fsum((p - y) ** 2 for p, y in zip(probabilities, labels, strict=True)) / len(labels)
    return ProbabilityQuality(
        len(labels), math.fsum(hits) / len(hits) if hits else None, math.fsum(gaps) / len(labels), brier
    )
