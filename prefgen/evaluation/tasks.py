"""Which of its answers a model finds likelier, item by item; and two models on the same items, one of which
must not be worse.

An answer's likelihood is the mean log-probability of its tokens, so that long answers are not at a
disadvantage; `mutual` takes away what the answer is worth without its prompt (Askell et al., arXiv
2112.00861, compare both sums and means; mutual information is Brown et al., arXiv 2005.14165, section 2.4).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from prefgen.errors import RecipeError
from prefgen.evaluation.items import Item
from prefgen.evaluation.models import LoadedModel
from prefgen.stats import intervals

Scoring = Literal["mean", "sum", "mutual"]
LIMIT = 1.0
"""Percentage points that a protected task may lose."""
MEAN_LIMIT = 0.5
"""Percentage points that all protected tasks together may lose."""
EMPTY_PROMPT = ({"role": "user", "content": ""},)
"""A prompt that says nothing: what an answer is worth without its own."""


@dataclass(frozen=True)
class ItemOutcome:
    """One item: 1 where the likeliest answer is right, 0.5 where a right and a wrong one are equally likely,
    else 0.
    """

    id: str
    correct: float
    category: str = ""


@dataclass(frozen=True)
class TaskResult:
    """What a model did on a task: share of right items in 0..1 with its interval, and by category."""

    name: str
    items: int
    accuracy: tuple[float, float, float]
    categories: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class TaskChange:
    """A model and its base on the same items, item by item; in percentage points, (value, low, high)."""

    name: str
    items: int
    before: float
    after: float
    change: tuple[float, float, float]
    limit: float | None = None
    """What it may lose; None: not protected."""

    @property
    def failed(self) -> bool:
        """Whether it lost more than its limit, beyond doubt: the whole interval is below."""
        return self.limit is not None and self.change[2] < -self.limit

    @property
    def doubtful(self) -> bool:
        return self.limit is not None and not self.failed and self.change[0] < -self.limit


def outcomes(
    model: LoadedModel, items: Sequence[Item], *, scoring: Scoring = "mean", batch_size: int = 16
) -> list[ItemOutcome]:
    """What the model finds likeliest, of each item."""
    from prefgen.trainers.likelihood import answer_logps

    answers = [(item.prompt, choice) for item in items for choice in item.choices]
    logps = answer_logps(model.weights, model.tokenizer, answers, batch_size=batch_size)
    unconditional_logps = (
        answer_logps(
            model.weights, model.tokenizer, [(EMPTY_PROMPT, c) for _, c in answers], batch_size=batch_size
        )
        if scoring == "mutual"
        else []
    )
    likelihoods = []
    for index, (total, tokens) in enumerate(logps):
        if not tokens:
            raise RecipeError(f"an answer has no tokens of its own: {answers[index][1]!r}")
        if not math.isfinite(total):
            raise RecipeError(
                f"{model.name!r} gives an answer no probability ({total}): its weights are broken, or its "
                "training diverged"
            )
        likelihoods.append(
            {
                "sum": total,
                "mean": total / tokens,
                "mutual": (total - unconditional_logps[index][0]) / tokens if unconditional_logps else 0.0,
            }[scoring]
        )
    results, start = [], 0
    for item in items:
        item_likelihoods = likelihoods[start : start + len(item.choices)]
        start += len(item.choices)
        best = [i for i, value in enumerate(item_likelihoods) if value == max(item_likelihoods)]
        right_count = sum(i in item.right for i in best)
        results.append(
            ItemOutcome(
                item.id, 1.0 if right_count == len(best) else 0.5 if right_count else 0.0, item.category
            )
        )
    return results


def summarize_task(name: str, item_outcomes: Sequence[ItemOutcome]) -> TaskResult:
    """Accuracy over all items, and in each category where there are several."""
    groups: dict[str, list[float]] = {}
    for outcome in item_outcomes:
        groups.setdefault(outcome.category, []).append(outcome.correct)
    categories = {k: sum(v) / len(v) for k, v in sorted(groups.items())} if len(groups) > 1 else {}
    return TaskResult(
        name,
        len(item_outcomes),
        intervals.wilson_interval([one.correct for one in item_outcomes]),
        categories,
    )


def compare_outcomes(
    name: str, before: Sequence[ItemOutcome], after: Sequence[ItemOutcome], *, limit: float | None = None
) -> TaskChange:
    """The change, paired by item id. Raises RecipeError where the two did not answer the same items."""
    first, second = (
        {outcome.id: outcome.correct for outcome in side_outcomes} for side_outcomes in (before, after)
    )
    if first.keys() != second.keys():
        raise RecipeError(
            f"{name!r}: the two models did not answer the same items ({len(first)} and {len(second)})"
        )
    changes = [second[i] - first[i] for i in first]
    mean = {
        side: 100 * sum(side_outcomes.values()) / len(side_outcomes)
        for side, side_outcomes in (("before", first), ("after", second))
    }
    value, low, high = (100 * bound for bound in intervals.paired_change_interval(changes))
    return TaskChange(name, len(changes), mean["before"], mean["after"], (value, low, high), limit)


@dataclass(frozen=True)
class ProtectionVerdict:
    """All protected tasks together: the mean change in percentage points (value, low, high), and the worst of
    them.
    """

    mean: tuple[float, float, float]
    worst: TaskChange
    failed: Sequence[str]
    notes: Sequence[str]


def protection_verdict(tasks: Sequence[TaskChange]) -> ProtectionVerdict | None:
    """What to say of the protected tasks; None where none is."""
    protected = [task for task in tasks if task.limit is not None]
    if not protected:
        return None
    mean = intervals.mean_interval([task.change for task in protected])
    failed = [
        f"{t.name} lost {-t.change[0]:.1f} points ({t.change[1]:+.1f} to {t.change[2]:+.1f}; limit "
        f"{t.limit:g})"
        for t in protected
        if t.failed
    ]
    value, low, high = mean
    if not failed and high < -MEAN_LIMIT:
        failed.append(
            f"all protected tasks together lost {-value:.1f} points ({low:+.1f} to {high:+.1f}; limit "
            f"{MEAN_LIMIT:g})"
        )
    notes = [
        f"{t.name} lost {-t.change[0]:.1f} points, which {t.items:,} items cannot tell from chance "
        f"({t.change[1]:+.1f} to {t.change[2]:+.1f})"
        for t in protected
        if t.doubtful
    ]
    if not failed and value < -MEAN_LIMIT:
        notes.append(
            f"all protected tasks together lost {-value:.1f} points, which they cannot tell from chance "
            f"({low:+.1f} to {high:+.1f})"
        )
    return ProtectionVerdict(mean, min(protected, key=lambda task: task.change[0]), failed, notes)


def task_as_json(task: TaskResult | TaskChange) -> dict[str, Any]:
    """Spans as {value, low, high}."""
    fields = {name: getattr(task, name) for name in task.__dataclass_fields__}
    return {k: intervals.span_fields(v) if k in ("accuracy", "change") else v for k, v in fields.items()}
