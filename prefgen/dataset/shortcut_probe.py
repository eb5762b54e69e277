"""How well the sides of pairs are told apart by what is no quality: length, format and the name of the
model.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ProbedPair:
    """What the probe sees of a pair: the difference of its sides' features, and who wrote them. Pairs of one
    prompt stay together.
    """

    prompt_digest: bytes
    difference: list[float]
    chosen_model: str
    rejected_model: str


def format_features(text: str) -> list[float]:
    """What a reader sees of a text without reading it: length and format."""
    lines = text.count("\n") + 1
    return [
        math.log1p(len(text)),
        math.log1p(lines),
        math.log1p(len(re.findall(r"^[^\S\n]*(?:[-*•]|\d+[.)])\s", text, re.MULTILINE))),
        math.log1p(len(re.findall(r"^#+ |\*\*", text, re.MULTILINE))),
        float("```" in text),
        float(text.rstrip().endswith("?")),
    ]


def probe_auc(pairs: Sequence[ProbedPair], *, folds: int = 5, rounds: int = 200) -> float | None:
    """Share of held-out pairs that a logistic probe orders rightly (0.5 is chance), cross-validated with
    prompts kept together.

    The probe sees differences of length and format, and which models wrote the two sides. None where there
    are too few prompts to hold some out.
    """
    import numpy as np

    models = sorted({model for pair in pairs for model in (pair.chosen_model, pair.rejected_model)})
    x = np.array(
        [
            [
                *pair.difference,
                *((model == pair.chosen_model) - (model == pair.rejected_model) for model in models),
            ]
            for pair in pairs
        ],
        dtype=np.float64,
    )
    x /= np.maximum(x.std(axis=0), 1e-9)
    fold_of_pair = np.array([pair.prompt_digest[0] % folds for pair in pairs])
    fold_results = []
    for k in range(folds):
        train, test = x[fold_of_pair != k], x[fold_of_pair == k]
        if not len(train) or not len(test):
            continue
        w = np.zeros(x.shape[1])
        for _ in range(rounds):  # ridge-regularised gradient ascent; the labels are all "first side chosen"
            w += 0.5 * (train.T @ (1 / (1 + np.exp(np.clip(train @ w, -30, 30)))) / len(train) - 0.01 * w)
        scores = test @ w
        fold_results.append((np.sum(scores > 1e-12) + 0.5 * np.sum(np.abs(scores) <= 1e-12), len(test)))
    if not fold_results:
        return None
    return float(sum(r for r, _ in fold_results) / sum(n for _, n in fold_results))
