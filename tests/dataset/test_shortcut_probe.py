"""How well length, format and name tell sides apart. (prefgen/dataset/shortcut_probe.py)"""

import math
import time
from random import Random

import numpy as np
import pytest

from prefgen.dataset.check import check_rows
from prefgen.dataset.shortcut_probe import ProbedPair, format_features, probe_auc


def pairs(difference, count=200, chosen="a", rejected="a"):
    return [
        ProbedPair(number.to_bytes(2, "little"), list(difference(number)), chosen, rejected)
        for number in range(count)
    ]


def test_chance_is_a_half_and_a_give_away_is_one():
    rng = Random(0)
    noise = pairs(lambda number: [rng.gauss(0, 1), rng.gauss(0, 1)], count=600)
    assert probe_auc(noise) == pytest.approx(0.5, abs=0.07)
    assert probe_auc(pairs(lambda number: [1.0 + rng.random(), rng.gauss(0, 1)])) == 1.0
    assert probe_auc(pairs(lambda number: [0.0, 0.0])) == 0.5


def test_pairs_of_one_prompt_alone_cannot_be_held_out():
    assert probe_auc([ProbedPair(b"one", [1.0], "a", "b")] * 60) is None
    row = {"prompt": "Q?", "chosen": "yes", "rejected": "no"}
    report = check_rows((f"row {i}", {**row, "chosen": f"yes {i}"}) for i in range(60))
    assert report.probe_auc is None and "too few prompts for the shortcut probe" in str(report.notes)


def test_the_names_of_the_models_are_seen():
    assert probe_auc(pairs(lambda number: [0.0], chosen="strong", rejected="weak")) == 1.0


def test_it_agrees_with_a_logistic_regression_of_another_library():
    """scipy's optimiser on the same folds and the same penalty."""
    minimize = pytest.importorskip("scipy.optimize").minimize
    rng = np.random.default_rng(3)
    x = rng.normal(size=(400, 3)) + np.array([0.4, 0.0, -0.2])
    probed = [ProbedPair((n * 7).to_bytes(2, "big")[::-1], list(row), "a", "a") for n, row in enumerate(x)]
    scaled = np.hstack([x, np.zeros((400, 1))]) / np.maximum(
        np.hstack([x, np.zeros((400, 1))]).std(axis=0), 1e-9
    )
    fold = np.array([pair.prompt_digest[0] % 5 for pair in probed])
    right = 0.0
    for k in range(5):
        train, test = scaled[fold != k], scaled[fold == k]
        loss = lambda w, train=train: np.log1p(np.exp(-train @ w)).mean() + 0.005 * w @ w  # noqa: E731
        right += (test @ minimize(loss, np.zeros(4)).x > 0).sum()
    assert probe_auc(probed) == pytest.approx(right / 400, abs=0.02)


def test_features_of_a_text():
    plain, rich = format_features("One line"), format_features("# Head\n- a\n- b\n```x```\nReally?")
    assert len(plain) == len(rich) == 6
    assert plain[2:] == [0.0, 0.0, 0.0, 0.0] and all(value > 0 for value in rich)


def test_the_format_of_a_text_of_blank_lines_is_seen_in_no_time():
    started = time.process_time()

    features = format_features("\n" * 20_000 + " \n  - a\n\n1. b\n-\n* c\nd - e")

    assert features[2] == pytest.approx(math.log1p(4))  # items of lists
    assert time.process_time() - started < 0.5  # by its square it would be seconds
