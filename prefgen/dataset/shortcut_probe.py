"""How well the sides of pairs are told apart by what is no quality: length, format and the name of the
model.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

ALARM_FROM = 0.8
"""Share of held-out pairs that are told apart without reading them, from which on that is an alarm. Of 50
pairs, the fewest that are probed, chance comes there in 1 of 100,000 sets.
"""


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


def alarms(pairs: Sequence[ProbedPair], found: float | None, longer_chosen: float | None) -> list[str]:
    """What is wrong with pairs of which the probe tells so many apart, by what, and what to do; nothing where
    it does not ring.
    """
    if found is None or found < ALARM_FROM:
        return []
    no_model = [replace(pair, chosen_model="", rejected_model="") for pair in pairs]
    alone = {
        "length": probe_auc([replace(pair, difference=pair.difference[:1]) for pair in no_model]),
        "format": probe_auc([replace(pair, difference=pair.difference[1:]) for pair in no_model]),
        "the model's name": probe_auc([replace(pair, difference=[]) for pair in pairs]),
    }
    tells = {name: value for name, value in alone.items() if value is not None and value >= ALARM_FROM}
    if not tells:
        return [
            f"length, format and model name together tell {found:.0%} of held-out pairs apart {_UNREAD} Look "
            "at some with `prefgen show pairs`, and at what each judge was told to prefer"
        ]
    habit = "longer" if longer_chosen is None or longer_chosen >= 0.5 else "shorter"
    return [
        f"{name} alone tells {value:.0%} of held-out pairs apart {_UNREAD} "
        f"{_REMEDIES[name].format(habit=habit)}"
        for name, value in tells.items()
    ]


_UNREAD = "(chance: 50%), without reading a word."
_REMEDIES = {
    "length": (
        "A model trained on these pairs learns to write {habit} answers, whatever they say. Where they are "
        "made: `curate: [{{use: length_balance}}]` after the pair stage drops pairs until both sides are "
        "about equally long, and `pair: {{use: length_tier}}` takes the shortest good answer over the "
        "longest bad one. Of pairs that are there already: `prefgen mix DATASET -o FOLDER --curate FILE` "
        "with that `curate:` in FILE. Before training: `prefgen train --control length` says what length "
        "alone is worth"
    ),
    "format": (
        "A model trained on these pairs learns lines, lists, headings or code, whatever they say. See which "
        "in `prefgen show pairs`, and have a judge told not to mind it (`instruction:` of `pairwise`), or "
        "all answers sampled in the same form (`system:` of the sampler)"
    ),
    "the model's name": (
        "One model is nearly always the chosen one, and what is learned is who wrote. Where the pairs are "
        "made: `curate: [{{use: model_balance}}]` after the pair stage, or several answers of each model "
        "(`sample: {{use: each, n: 4}}`), so that a model also loses to itself. Of pairs that are there "
        "already: `prefgen mix DATASET -o FOLDER --curate FILE` with that `curate:` in FILE"
    ),
}
