"""How well length, format and name tell sides apart. (prefgen/dataset/shortcut_probe.py)"""

import json
import math
import time
from random import Random

import numpy as np
import pytest

from prefgen.dataset.check import check_rows
from prefgen.dataset.shortcut_probe import ProbedPair, alarms, format_features, probe_auc
from prefgen.plugins.registry import list_plugin_names
from tests.support.cli import prefgen_here


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


def rung(probed, longer=1.0):
    return alarms(probed, probe_auc(probed), longer)


def test_an_alarm_names_what_tells_the_sides_apart_and_a_way_out():
    rng = Random(0)
    noise = [rng.gauss(0, 1) for _ in range(1200)]
    by_length = pairs(lambda number: [1.0 + rng.random(), noise[number]])
    by_format = pairs(lambda number: [noise[number], 1.0])
    by_model = pairs(lambda number: [noise[number], noise[-number]], chosen="strong", rejected="weak")

    [length], [form], [model] = rung(by_length), rung(by_format), rung(by_model)

    assert length.startswith("length alone tells 100% of held-out pairs apart (chance: 50%)")
    assert "learns to write longer answers" in length and "learns to write shorter" in rung(by_length, 0.0)[0]
    assert form.startswith("format alone") and model.startswith("the model's name alone")
    for alarm, remedy in ((length, "length_balance"), (length, "length_tier"), (model, "model_balance")):
        assert f"use: {remedy}" in alarm
        role = "pairer" if remedy == "length_tier" else "curator"
        assert remedy in list_plugin_names(role), "what is advised is there"
    for alarm in (length, model):  # which people also have who made nothing
        assert "`prefgen mix DATASET -o FOLDER --curate FILE` with that `curate:` in FILE" in alarm
    assert rung(pairs(lambda number: [noise[number], noise[-number]], count=600)) == []


def test_check_says_the_alarm_with_its_verdict(tmp_path):
    rows = [
        {"prompt": f"Question {i}?", "chosen": f"{i} " + "long " * (20 + i % 7), "rejected": f"no {i}"}
        for i in range(80)
    ]
    (tmp_path / "p.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))

    found = prefgen_here("check", "p.jsonl", cwd=tmp_path, COLUMNS="80")
    as_json = json.loads(prefgen_here("check", "p.jsonl", "--json", cwd=tmp_path).stdout)

    verdict, alarm, *_ = found.stdout.splitlines()
    assert "p.jsonl: " in verdict and "but see the ALARM" in verdict
    assert alarm.startswith("  ALARM   length alone tells")
    assert as_json["alarms"][0].startswith("length alone")
