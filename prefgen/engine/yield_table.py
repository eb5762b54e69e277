"""What became of every prompt of a run: counted by record as it finishes, then overall and by group."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import orjson

from prefgen.dataset.manifest import RunYield
from prefgen.engine.record_store import StoredDrop
from prefgen.stats.order_flips import OrderMatrix, count_orders
from prefgen.types import Record

GROUPS = ("source", "category", "language")
KEPT = ("pair", "kept")
"""Outcomes of prompts that are not lost."""
FAILED = "failed: "
"""How outcomes of prompts begin of which something that they needed could not be used."""
LEAST_IN_GROUP = 10
"""Prompts from which on a group's losses are compared with those of all."""
NO_PAIR_FOR_WANT_OF_REPLIES = ("", "no_responses", "too_few_responses", "too_few_scored")


def yield_counts(record: Record) -> bytes:
    """What the yield table counts of a record, as JSON."""
    prompt = record.prompt
    counts = {
        "id": record.id,
        "source": prompt.source,
        "category": prompt.category,
        "language": prompt.language,
        "license": prompt.license,
        "models": [response.model for response in record.responses],
        "pairs": len(record.pairs),
        "why_no_pair": record.notes[-1].reason if record.notes else "",
        "flags": [flag.rule for flag in record.flags],
        "orders": {judge: matrix.counts for judge, matrix in count_orders(record).items()},
    }
    return orjson.dumps(counts)


def prompt_outcome(counts: Mapping[str, Any], failures: Sequence[Mapping[str, Any]], has_pairer: bool) -> str:
    """`pair`, a reason of the pairer, `failed: <code>`, or `kept` where the recipe makes no pairs."""
    if counts["pairs"]:
        return "pair"
    reason = counts["why_no_pair"]
    if failures and reason in NO_PAIR_FOR_WANT_OF_REPLIES:
        return f"{FAILED}{failures[-1]['code']}"
    if not has_pairer:
        return "kept"
    return reason or "no_pair"


def count_drops(dropped: Iterable[StoredDrop]) -> dict[str, int]:
    """{"rows: curator: reason": how many a curator took out for it}, reasons without their details."""
    counts = Counter(f"{row.rows}: {row.curator}: {row.reason.split(' (')[0]}" for row in dropped)
    return dict(sorted(counts.items()))


class YieldTable:
    """Counts what became of every prompt."""

    def __init__(self, has_pairer: bool) -> None:
        self._has_pairer = has_pairer
        self._outcomes: Counter[str] = Counter()
        self._groups: dict[str, dict[str, Counter[str]]] = defaultdict(lambda: defaultdict(Counter))
        self._flags: Counter[str] = Counter()
        self._licenses: Counter[str] = Counter()
        self._responses = 0
        self._pairs = 0
        self.failures: list[Mapping[str, Any]] = []
        self.orders: dict[str, OrderMatrix] = {}
        """{judge: pairs that it saw in both orders, by who won in each}"""

    def add(self, counts: Mapping[str, Any], failures: Sequence[Mapping[str, Any]]) -> None:
        """Add one record: what `yield_counts` gave, and everything that failed on its way."""
        # a prompt that a curator could not annotate goes on
        fatal = [failure for failure in failures if not failure["stage"].startswith("curate")]
        outcome = prompt_outcome(counts, fatal, self._has_pairer)
        self._outcomes[outcome] += 1
        for group in GROUPS:
            if counts[group] is not None:
                group_counts = self._groups[group][counts[group]]
                group_counts["all"] += 1
                group_counts["lost"] += outcome not in KEPT
        for failure in failures:
            if failure["model"]:
                self._groups["model"][failure["model"]]["lost"] += 1
        for model in counts["models"]:
            self._groups["model"][model]["all"] += 1
        self.failures += failures
        self._responses += len(counts["models"])
        self._pairs += counts["pairs"]
        self._flags.update(counts["flags"])
        self._licenses[counts["license"]] += 1
        for judge, orders in counts["orders"].items():
            earlier = self.orders.get(judge, OrderMatrix()).counts
            self.orders[judge] = OrderMatrix(tuple(map(sum, zip(earlier, orders, strict=True))))

    def summary(self, dropped: Iterable[StoredDrop]) -> RunYield:
        """Everything that was counted; `dropped` are the rows that curators took out."""
        return RunYield(
            prompts=self._outcomes.total(),
            responses=self._responses,
            pairs=self._pairs,
            prompts_by_outcome=dict(sorted(self._outcomes.items())),
            dropped_by_curators=count_drops(dropped),
            failures=dict(sorted(Counter(f"{f['stage']}: {f['code']}" for f in self.failures).items())),
            example_failure=self.failures[0]["reason"][:300] if self.failures else None,
            flags=dict(sorted(self._flags.items())),
            groups={
                group: {value: dict(counts) for value, counts in sorted(values.items())}
                for group, values in sorted(self._groups.items())
            },
            high_loss_groups=tuple(self._high_losses()),
            licenses=dict(sorted(self._licenses.items())),
        )

    def _high_losses(self) -> list[str]:
        """One failure that took most prompts, and groups that lose more than twice as much as all do."""
        prompts = self._outcomes.total()
        failed = Counter({name: n for name, n in self._outcomes.items() if name.startswith(FAILED)})
        lines = [
            f"{failed.total()} of {prompts} prompts ({outcome})"
            for outcome, _ in failed.most_common(1)
            if failed.total() > prompts / 2
        ]
        overall = sum(n for outcome, n in self._outcomes.items() if outcome not in KEPT) / max(1, prompts)
        lines += [
            f"{group} {value!r} loses {counts['lost'] / counts['all']:.0%} of its prompts ({overall:.0%} "
            "overall)"
            for group in sorted(GROUPS)
            for value, counts in sorted(self._groups[group].items())
            if counts["all"] >= LEAST_IN_GROUP and counts["lost"] / counts["all"] > 2 * overall
        ]
        return lines
