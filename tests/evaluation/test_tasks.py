"""Which of its answers a model finds likelier, item by item; and two models on the same items, one of which
must not be worse. (prefgen/evaluation/tasks.py)
"""

from random import Random

import numpy as np
import pytest

from prefgen.errors import RecipeError
from prefgen.evaluation.tasks import ItemOutcome, compare_outcomes, protection_verdict
from prefgen.stats.intervals import mean_interval, paired_change_interval


def test_one_lost_item_is_not_beyond_doubt():
    assert not compare_outcomes("x", outcomes([1]), outcomes([0]), limit=1.0).failed
    assert compare_outcomes("x", outcomes([1] * 12), outcomes([0] * 12), limit=1.0).failed


def outcomes(right):
    return [ItemOutcome(str(i), float(value)) for i, value in enumerate(right)]


def test_a_task_fails_when_its_whole_interval_is_below_the_limit():
    before = outcomes([1] * 300)
    lost = compare_outcomes("maths", before, outcomes([0] * 30 + [1] * 270), limit=1.0)
    kept = compare_outcomes("words", before, outcomes([1] * 300), limit=1.0)
    few = compare_outcomes("few", outcomes([1] * 30), outcomes([0, *[1] * 29]), limit=1.0)

    assert lost.change[0] == pytest.approx(-10)
    assert lost.failed
    assert not kept.failed
    assert few.doubtful

    found = protection_verdict([lost, kept])
    assert found.worst is lost
    assert found.mean[0] == pytest.approx(-5)
    assert len(found.failed) == 1
    assert "limit 1" in found.failed[0]
    assert "cannot tell from chance" in protection_verdict([few]).notes[0]
    assert protection_verdict([compare_outcomes("x", before, before)]) is None  # nothing is protected


def test_many_small_losses_count_together():
    tasks = [
        compare_outcomes(f"t{i}", outcomes([1] * 60), outcomes([0] * 2 + [1] * 58), limit=1.0)
        for i in range(12)
    ]

    assert not any(task.failed for task in tasks)
    assert "all protected tasks together lost 3.3 points" in protection_verdict(tasks).failed[0]


def test_one_item_of_a_small_task_is_no_verdict():
    many = compare_outcomes("many", outcomes([1] * 200), outcomes([1] * 200), limit=1.0)
    few = compare_outcomes("few", outcomes([1] * 40), outcomes([0, *[1] * 39]), limit=1.0)

    verdict = protection_verdict([many, few])

    assert verdict.failed == []
    assert any("together lost 1.2 points, which they cannot tell from chance" in n for n in verdict.notes)


def test_a_model_that_has_not_changed_fails_seldom():
    """A tenth of the items turns, either way alike: at most one in twenty is called worse."""
    rng = Random(0)

    def turned(right):
        return [ItemOutcome(o.id, 1 - o.correct if rng.random() < 0.1 else o.correct) for o in right]

    sizes, alarms, draws = (200, 100, 40), 0, 600
    for _ in range(draws):
        before = {size: outcomes([rng.random() < 0.5 for _ in range(size)]) for size in sizes}
        tasks = [compare_outcomes(str(size), o, turned(o), limit=1.0) for size, o in before.items()]
        alarms += bool(protection_verdict(tasks).failed)

    assert alarms / draws <= 0.05


def test_the_interval_of_a_mean_is_that_of_draws():
    """Against a simulation: three means of different spread, added up."""
    rng, sizes = np.random.default_rng(0), (400, 200, 100)
    samples = [rng.choice([-1.0, 0.0, 1.0], size, p=[0.06, 0.9, 0.04]) for size in sizes]

    value, low, high = mean_interval([paired_change_interval(list(sample)) for sample in samples])

    means = [np.mean([rng.choice(s, len(s)).mean() for s in samples]) for _ in range(4000)]
    assert value == pytest.approx(np.mean([sample.mean() for sample in samples]))
    assert (low, high) == pytest.approx(np.quantile(means, [0.025, 0.975]), abs=0.006)


def test_the_same_items_or_none():
    with pytest.raises(RecipeError, match="did not answer the same items"):
        compare_outcomes("x", outcomes([1, 1]), outcomes([1]))
