"""Intervals of values that go together. (prefgen/stats/intervals.py)"""

import numpy as np
import pytest

from prefgen.stats.intervals import effective_count, paired_change_interval, wilson_interval


def clustered(clusters=44, size=6, seed=0):
    """Pairs of 0 and 1 that agree within a prompt more than chance has it."""
    rng = np.random.default_rng(seed)
    chances = rng.beta(1.2, 0.6, clusters)
    values = [float(rng.random() < chance) for chance in chances for _ in range(size)]
    return values, [number for number in range(clusters) for _ in range(size)]


def by_resampling(values, groups, statistic=np.mean):
    """What other prompts would have given: whole groups are drawn."""
    rng, by_group = np.random.default_rng(1), {}
    for value, group in zip(values, groups, strict=True):
        by_group.setdefault(group, []).append(value)
    parts = list(by_group.values())
    draws = [
        statistic(np.concatenate([parts[i] for i in rng.integers(0, len(parts), len(parts))]))
        for _ in range(4000)
    ]
    return np.quantile(draws, [0.025, 0.975])


def test_values_of_one_prompt_are_no_independent_ones():
    values, groups = clustered()

    _, low, high = wilson_interval(values, groups)
    _, naive_low, naive_high = wilson_interval(values)

    assert (low, high) == pytest.approx(by_resampling(values, groups), abs=0.015)
    assert high - low > 1.2 * (naive_high - naive_low)


def test_differences_of_one_prompt_too():
    after, groups = clustered(seed=2)
    before, _ = clustered(seed=3)
    changes = [a - b for a, b in zip(after, before, strict=True)]

    _, low, high = paired_change_interval(changes, groups)

    assert (low, high) == pytest.approx(by_resampling(changes, groups), abs=0.02)


def test_one_value_a_group_is_as_without_groups():
    values = [1.0, 0.0, 1.0, 1.0]

    assert wilson_interval(values, range(4)) == pytest.approx(wilson_interval(values))
    assert effective_count([1.0] * 12, [0, 1, 2] * 4) == 3  # nothing tells them apart
    assert effective_count([1.0, 0.0] * 6, [0, 1, 2] * 4) <= 12
