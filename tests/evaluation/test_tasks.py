"""Which of its answers a model finds likelier, item by item; and two models on the same items, one of which
must not be worse. (prefgen/evaluation/tasks.py)
"""

import pytest

from prefgen.errors import RecipeError
from prefgen.evaluation.tasks import ItemOutcome, compare_outcomes, protection_verdict


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
    assert found.mean == pytest.approx(-5)
    assert len(found.failed) == 1
    assert "limit 1" in found.failed[0]
    assert "cannot tell from chance" in protection_verdict([few]).notes[0]
    assert protection_verdict([compare_outcomes("x", before, before)]) is None  # nothing is protected


def test_many_small_losses_count_together():
    tasks = [
        compare_outcomes(f"t{i}", outcomes([1] * 60), outcomes([0, *[1] * 59]), limit=1.0) for i in range(6)
    ]

    assert not any(task.failed for task in tasks)
    assert "all protected tasks together lost 1.7 points" in protection_verdict(tasks).failed[0]


def test_the_same_items_or_none():
    with pytest.raises(RecipeError, match="did not answer the same items"):
        compare_outcomes("x", outcomes([1, 1]), outcomes([1]))
